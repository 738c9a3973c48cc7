import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { CommitReader } from '../../../agent/site/commit-reader.js';
import { CONTROL_FLAG, TRANSACTIONAL_FLAG } from '../../../kafka/records/batch-header.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import { Writer } from '../../../kafka/wire/index.js';

type Commit = readonly [group: string, offset: bigint | null];

function recordOf([group, offset]: Commit): {
  key: Buffer;
  value: Buffer | null;
  timestamp: bigint;
} {
  const key = new Writer().writeInt16(1).writeString(group).writeString('t').writeInt32(0);
  const value = new Writer()
    .writeInt16(3)
    .writeInt64(offset ?? 0n)
    .writeInt32(-1);
  value.writeString('').writeInt64(0n);
  return {
    key: key.toBuffer(),
    value: offset === null ? null : value.toBuffer(),
    timestamp: 0n,
  };
}

/** A log: each batch comes at the next offset. */
class Log {
  #next = 0n;

  commits(commits: readonly Commit[], producerId?: bigint): Buffer {
    return this.#batch({
      records: commits.map(recordOf),
      ...(producerId === undefined ? {} : { producerId, flags: TRANSACTIONAL_FLAG }),
    });
  }

  marker(producerId: bigint, commit: boolean): Buffer {
    const key = new Writer()
      .writeInt16(0)
      .writeInt16(commit ? 1 : 0)
      .toBuffer();
    const records = [{ key, value: Buffer.alloc(6), timestamp: 0n }];
    return this.#batch({ records, producerId, flags: TRANSACTIONAL_FLAG | CONTROL_FLAG });
  }

  garbage(): Buffer {
    const { key } = recordOf(['g', 1n]);
    const value = Buffer.from([0, 3, 1]);
    return this.#batch({ records: [{ key, value, timestamp: 0n }] });
  }

  #batch(batch: Parameters<typeof buildBatch>[0]): Buffer {
    const baseOffset = this.#next;
    this.#next += BigInt(batch.records.length);
    return buildBatch({ ...batch, baseOffset });
  }
}

function setUp(limit?: number) {
  const log = new Log();
  const reader = new CommitReader((group) => group !== 'other', limit);
  const read = (batch: Buffer, from?: bigint) => {
    const { changes, incomplete } = reader.read(0, batch, from);
    const commits = changes.map(({ key, offset }) => [
      (JSON.parse(key) as string[])[0],
      offset?.offset ?? null,
    ]);
    return { commits, incomplete };
  };
  const complete = (commits: Commit[]) => ({ commits, incomplete: false });
  return { log, read, complete };
}

describe('CommitReader', () => {
  it('reads commits and deletions of the groups that are wanted', () => {
    const { log, read, complete } = setUp();
    const batch = log.commits([['g', 5n], ['other', 6n], ['h', null]]); // prettier-ignore
    assert.deepEqual(read(batch), complete([['g', 5n], ['h', null]])); // prettier-ignore
  });

  it('leaves out what lies before its start', () => {
    const { log, read, complete } = setUp();
    assert.deepEqual(read(log.commits([['g', 5n], ['h', 6n]]), 1n), complete([['h', 6n]])); // prettier-ignore
  });

  it('holds the commits of a transaction until its marker', () => {
    const { log, read, complete } = setUp();
    assert.deepEqual(read(log.commits([['g', 5n]], 1n)), complete([]));
    assert.deepEqual(read(log.commits([['h', 6n]], 2n)), complete([]));
    assert.deepEqual(read(log.marker(2n, false)), complete([]));
    assert.deepEqual(read(log.marker(1n, true)), complete([['g', 5n]]));
    assert.deepEqual(read(log.marker(1n, true)), complete([]));
  });

  it('takes of two commits the later one, whichever counts first', () => {
    const { log, read, complete } = setUp();
    read(log.commits([['g', 5n], ['h', 5n]], 1n)); // prettier-ignore
    read(log.commits([['g', 6n]], 2n));
    assert.deepEqual(read(log.commits([['h', 7n]])), complete([['h', 7n]]));
    assert.deepEqual(read(log.marker(2n, true)), complete([['g', 6n]]));
    assert.deepEqual(read(log.marker(1n, true)), complete([]));
  });

  it('asks for a listing when it has to forget a transaction, once that is committed', () => {
    const { log, read } = setUp(2);
    read(log.commits([['g', 5n], ['h', 5n], ['i', 5n]], 1n)); // prettier-ignore
    read(log.commits([['j', 5n]], 2n));
    assert.deepEqual(read(log.marker(2n, true)).commits, [['j', 5n]]);
    assert.deepEqual(read(log.marker(1n, true)), { commits: [], incomplete: true });
  });

  it('asks for a listing when a commit cannot be read', () => {
    const { log, read } = setUp();
    assert.deepEqual(read(log.garbage()), { commits: [], incomplete: true });
  });
});
