import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { splitPrepared } from '../../../agent/replication/split-prepared.js';
import type { PreparedBatch } from '../../../agent/replication/prepared-batch.js';
import { maxTimestamp } from '../../../kafka/records/batch-header.js';
import { buildBatch, readBatch } from '../../../kafka/records/build-batch.js';

const TIME = 1_700_000_000_000n;

/** Ten records of 1000 bytes, of which compaction left two runs. */
function gapped(): PreparedBatch {
  const records = Array.from({ length: 10 }, (_, n) => ({
    key: null,
    value: Buffer.alloc(1_000, n),
    timestamp: TIME + BigInt(n),
  }));
  return {
    batch: buildBatch({ records, baseOffset: 100n }),
    count: 10,
    runs: [
      { sourceStart: 100n, count: 4 },
      { sourceStart: 200n, count: 6 },
    ],
    sourceNext: 250n,
    maxTimestamp: TIME + 9n,
  };
}

describe('splitPrepared', () => {
  it('leaves a batch within the limit as it is', () => {
    const prepared = gapped();
    assert.deepEqual(splitPrepared(prepared, prepared.batch.length), [prepared]);
  });

  it('gives each part its records, its runs and where to go on', () => {
    const parts = splitPrepared(gapped(), 3_500);
    assert.ok(parts.every(({ batch }) => batch.length <= 3_500));
    const values = parts.flatMap(({ batch }) => readBatch(batch)).map(({ value }) => value![0]);
    assert.deepEqual(values, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(
      parts.map(({ runs }) => runs),
      [
        [{ sourceStart: 100n, count: 2 }],
        [
          { sourceStart: 102n, count: 2 },
          { sourceStart: 200n, count: 1 },
        ],
        [{ sourceStart: 201n, count: 2 }],
        [{ sourceStart: 203n, count: 3 }],
      ],
    );
    assert.deepEqual(
      parts.map(({ sourceNext }) => sourceNext),
      [102n, 201n, 203n, 250n],
    );
    assert.deepEqual(
      parts.map((part) => part.maxTimestamp),
      parts.map(({ batch }) => maxTimestamp(batch)),
    );
  });

  it('leaves a record that alone is too large to the target', () => {
    const parts = splitPrepared(gapped(), 100);
    assert.equal(parts.length, 10);
    assert.equal(parts.at(-1)?.sourceNext, 250n);
  });
});
