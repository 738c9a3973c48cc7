import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  BASE_OFFSET_OFFSET,
  BATCH_LENGTH_OFFSET,
  baseOffset,
} from '../../../kafka/records/batch-header.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import { CorruptBatchError } from '../../../kafka/records/errors.js';
import { splitFetched } from '../../../kafka/records/fetched-batches.js';
import { legacyBytes } from './legacy-bytes.js';

/** Five records from each of these offsets on. */
function batchesAt(...offsets: number[]): Buffer[] {
  return offsets.map((offset) => {
    const records = Array.from({ length: 5 }, () => {
      return { key: null, value: Buffer.from('value'), timestamp: 1n };
    });
    const batch = buildBatch({ records });
    batch.writeBigInt64BE(BigInt(offset), BASE_OFFSET_OFFSET); // outside the CRC
    return batch;
  });
}

const PART = batchesAt(0)[0]!.length - 1;

interface Answer {
  /** The offset asked for, and where the log ends. */
  from?: number;
  end?: number;
  batches: Buffer[];
  /** The last batch, without its last byte. */
  cut?: Buffer;
}

function taken({ from = 20, end = 35, batches, cut }: Answer): number[] {
  const records = Buffer.concat([...batches, ...(cut === undefined ? [] : [cut.subarray(0, -1)])]);
  const fetched = { records, fetchOffset: BigInt(from), endOffset: BigInt(end) };
  return splitFetched(fetched).map((batch) => Number(baseOffset(batch)));
}

function cutAt(offset: number): Buffer {
  return batchesAt(offset)[0]!;
}

describe('splitFetched', () => {
  const right: [string, Answer, number[]][] = [
    ['neighbours', { batches: batchesAt(20, 25, 30) }, [20, 25, 30]],
    ['a first batch that contains the offset', { from: 22, batches: batchesAt(20, 25) }, [20, 25]],
    ['what compaction left', { batches: batchesAt(21, 27), end: 32 }, [21, 27]],
    ['no last batch that nothing bears out', { batches: batchesAt(21, 27), end: 99 }, [21]],
    ['a last batch that is cut short', { batches: batchesAt(20), cut: cutAt(25) }, [20]],
    ['nothing', { batches: [] }, []],
  ];
  for (const [name, answer, expected] of right) {
    it(`takes ${name}`, () => {
      assert.deepEqual(taken(answer), expected);
    });
  }

  const wrong: [string, Answer, number[]][] = [
    ['goes back behind the offset', { batches: batchesAt(20, 9, 30) }, [20]],
    ['is the one before it once more', { batches: batchesAt(20, 20, 25) }, [20]],
    ['reaches over the next one', { batches: batchesAt(20, 26, 30) }, [20]],
    ['lies behind the next one', { batches: batchesAt(20, 1049, 30) }, [20]],
    ['reaches over one that is cut short', { batches: batchesAt(20, 26), cut: cutAt(30) }, [20]],
    ['reaches over the end', { batches: batchesAt(20, 25, 31) }, [20, 25]],
    ['lies behind the end', { batches: batchesAt(20, 1049) }, [20]],
  ];
  for (const [name, answer, expected] of wrong) {
    it(`takes what lies before a batch that ${name}, and refuses it when it comes first`, () => {
      assert.deepEqual(taken(answer), expected);
      const batches = answer.batches.slice(expected.length);
      const from = expected.at(-1)! + 5;
      assert.throws(() => taken({ ...answer, from, batches }), CorruptBatchError);
    });
  }

  it('takes what lies before a batch that begins before that ends', () => {
    assert.deepEqual(taken({ batches: batchesAt(20, 24, 30) }), [20]);
    assert.deepEqual(taken({ batches: batchesAt(20, 17, 30) }), [20]);
  });

  it('does not take the word of a batch that is cut short against one that joins', () => {
    assert.deepEqual(taken({ batches: batchesAt(20, 25), cut: cutAt(14) }), [20, 25]);
  });

  it('refuses bytes without a whole batch that brings anything: the same would be asked again', () => {
    const long = cutAt(20);
    long.writeInt32BE(0x7fffffff, BATCH_LENGTH_OFFSET);
    for (const batches of [[long], [Buffer.alloc(5)], [cutAt(20).subarray(0, PART)]]) {
      assert.throws(() => taken({ batches }), /offset 20 is corrupt: \d+ bytes are no whole batch/);
    }
    assert.throws(() => taken({ batches: batchesAt(10, 15) }), /it lies before offset 20/);
    assert.equal(splitFetched({ records: null, fetchOffset: 0n, endOffset: 0n }).length, 0);
  });

  it('goes by the last offset of a message of format 0 or 1', () => {
    const set = Buffer.from(legacyBytes['v1 gzip gapped'], 'hex'); // 10, 13, ... 25
    assert.deepEqual(taken({ from: 11, end: 31, batches: [set, ...batchesAt(26)] }), [25, 26]);
    assert.throws(() => taken({ from: 26, end: 31, batches: [set] }), CorruptBatchError);
    assert.throws(() => taken({ from: 11, end: 25, batches: [set] }), CorruptBatchError);
  });
});
