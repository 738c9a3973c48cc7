import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HaltError, type HaltCode } from '../../../agent/replication/halt.js';
import { SCAN_EMPTY_READS_MAX } from '../../../agent/replication/limits.js';
import type { CopierAssignment } from '../../../agent/replication/copier-assignment.js';
import { FetchRetryError } from '../../../agent/replication/read-partition.js';
import type { Run } from '../../../agent/replication/run-tail.js';
import { countSource, type SourceScan } from '../../../agent/replication/source-scan.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import type { FetchPartitionResponse } from '../../../kafka/messages/fetch.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';

const ASSIGNMENT: CopierAssignment = {
  ...{ topic: 't', partition: 0, targetTopic: 'a.t', sourceTopicId: 's', targetTopicId: 'x' },
  ...{ producerId: 9n, producerEpoch: 0, sequenceBase: 0n, mapTail: [], accept: '' },
};
const RECORDS = 10;

/** A log of ten records whose leader may give out less than that. */
class Log {
  reads = 0;
  /** What consumers get: the high watermark. */
  visible = BigInt(RECORDS);
  /** What the leader knows to be the end; undefined while it does not (KIP-207). */
  end: bigint | undefined = BigInt(RECORDS);
  start = 0n;
  onRead: () => void = () => undefined;

  fetch(offset: bigint): Promise<FetchPartitionResponse> {
    this.reads += 1;
    this.onRead();
    const outside = offset < this.start || offset > (this.end ?? BigInt(RECORDS));
    const errorCode = outside ? ErrorCode.OFFSET_OUT_OF_RANGE : ErrorCode.NONE;
    const count = outside ? 0 : Number(this.visible - offset);
    const records = count > 0 ? batchFrom(offset, count) : null;
    const bounds = { highWatermark: this.visible, lastStableOffset: this.visible };
    return Promise.resolve({
      ...{ partitionIndex: 0, errorCode, ...bounds, logStartOffset: outside ? -1n : this.start },
      ...{ divergingEpoch: null, abortedTransactions: null, preferredReadReplica: -1, records },
    } as FetchPartitionResponse);
  }

  stableEnd(): Promise<bigint> {
    if (this.end === undefined) return Promise.reject(new FetchRetryError('t', 0));
    return Promise.resolve(this.end);
  }
}

function batchFrom(baseOffset: bigint, count: number): Buffer {
  const records = Array.from({ length: count }, (_, offsetDelta) => {
    return { key: null, value: Buffer.from('v'), timestamp: 1n, offsetDelta };
  });
  return buildBatch({ records, baseOffset });
}

/** The target has all ten, and the map knows of none. */
function scan(log: Log, from = 0n): Promise<SourceScan> {
  const segments = [{ targetStart: from, length: BigInt(RECORDS) - from }];
  return countSource(
    { assignment: ASSIGNMENT, from, segments },
    {
      fetch: (offset) => log.fetch(offset),
      stableEnd: () => log.stableEnd(),
      logStart: () => Promise.resolve(log.start),
    },
  );
}

async function assertHalts(promise: Promise<unknown>, code: HaltCode): Promise<void> {
  await assert.rejects(promise, (error) => error instanceof HaltError && error.haltCode === code);
}

describe('countSource', () => {
  it('counts what fills the target', async () => {
    const { sourceNext, runs } = await scan(new Log());
    assert.equal(sourceNext, 10n);
    assert.deepEqual(runs, [{ sourceStart: 0n, targetStart: 0n, length: 10n }]);
  });

  it('ends early once it holds as many runs as it may, at a place from which it can go on', async () => {
    const gaps = 40n;
    // Each read brings one record, and the next offset has none.
    const reads = {
      fetch: async (offset: bigint) => {
        const answer = await new Log().fetch(0n);
        const ends = { highWatermark: 2n * gaps, lastStableOffset: 2n * gaps };
        return { ...answer, ...ends, records: batchFrom(offset + (offset % 2n), 1) };
      },
      stableEnd: () => Promise.resolve(2n * gaps),
      logStart: () => Promise.resolve(0n),
    };
    const found: Run[] = [];
    let from = 0n;
    for (let targetStart = 0n; targetStart < gaps;) {
      const segments = [{ targetStart, length: gaps - targetStart }];
      const part = await countSource({ assignment: ASSIGNMENT, from, segments, runsMax: 7 }, reads);
      assert.ok(part.runs.length <= 7);
      found.push(...part.runs);
      from = part.sourceNext;
      targetStart += BigInt(part.runs.length);
    }
    assert.deepEqual(
      found,
      Array.from({ length: Number(gaps) }, (_, n) => {
        return { sourceStart: 2n * BigInt(n), targetStart: BigInt(n), length: 1n };
      }),
    );
  });

  it('asks again where a new leader does not give out yet what the old one did', async () => {
    const log = new Log();
    log.visible = 4n;
    log.onRead = () => {
      if (log.reads === 5) log.visible = 10n;
    };
    assert.equal((await scan(log)).sourceNext, 10n);
    assert.equal(log.reads, 5);
  });

  it('is to be tried again as long as the leader does not know its end', async () => {
    const log = new Log();
    log.visible = 4n;
    log.end = undefined;
    await assert.rejects(scan(log), FetchRetryError);
  });

  it('does not read for ever', async () => {
    const log = new Log();
    log.visible = 4n;
    await assert.rejects(scan(log), FetchRetryError);
    assert.equal(log.reads, 1 + SCAN_EMPTY_READS_MAX);
  });

  it('halts at once where the source does end before what the target holds', async () => {
    const log = new Log();
    log.visible = 4n;
    log.end = 4n;
    await assertHalts(scan(log), 'target-diverged');
    assert.equal(log.reads, 2);
  });

  it('halts where retention was faster than the map, with a way on', async () => {
    const log = new Log();
    log.start = 3n;
    const wayOut = { kind: 'go-on', sourceNext: 3n };
    await assert.rejects(scan(log), { haltCode: 'source-data-lost', wayOut });
  });

  it('halts where the source ends before what the map knows', async () => {
    const log = new Log();
    log.end = 4n;
    const wayOut = { kind: 'cut', sourceNext: 4n };
    await assert.rejects(scan(log, 6n), { haltCode: 'source-truncated', wayOut });
  });
});
