import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  BATCH_LENGTH_OFFSET,
  LAST_OFFSET_DELTA_OFFSET,
  MAGIC_OFFSET,
  RECORD_COUNT_OFFSET,
  batchBytes,
  magic,
} from '../../../kafka/records/batch-header.js';
import { splitBatches } from '../../../kafka/records/batch-splitter.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import { CorruptBatchError } from '../../../kafka/records/errors.js';
import { check, records } from './arbitraries.js';

function one(baseOffset = 0n): Buffer {
  const timestamp = 1_700_000_000_000n;
  return buildBatch({
    baseOffset,
    records: [
      { key: null, value: Buffer.from('a'), timestamp },
      { key: null, value: Buffer.from('b'), timestamp },
    ],
  });
}

/** A message of magic 0 or 1 with a null key and value. */
function legacyMessage(version: 0 | 1): Buffer {
  const length = version === 0 ? 14 : 22;
  const message = Buffer.alloc(12 + length);
  message.writeInt32BE(length, BATCH_LENGTH_OFFSET);
  message.writeInt8(version, MAGIC_OFFSET);
  return message;
}

describe('splitBatches', () => {
  it('returns every whole batch as a view, and counts what was cut off', () => {
    check(
      fc.property(fc.array(records(), { maxLength: 5 }), fc.nat(), (lists, cut) => {
        const batches = lists.map((list, index) =>
          buildBatch({ records: list, baseOffset: BigInt(index * 100) }),
        );
        const whole = Buffer.concat(batches);
        const buffer = whole.subarray(0, whole.length - (cut % (whole.length + 1)));
        const split = splitBatches(buffer);
        let bytes = 0;
        for (const [index, batch] of split.batches.entries()) {
          assert.deepEqual(batch, batches[index]);
          assert.equal(batch.buffer, buffer.buffer);
          assert.equal(batchBytes(batch), batch.length);
          bytes += batch.length;
        }
        assert.equal(bytes + split.truncatedBytes, buffer.length);
        assert.ok(split.truncatedBytes < (batches[split.batches.length]?.length ?? 1));
      }),
    );
  });

  it('reports messages of magic 0 and 1, mixed with batches', () => {
    const split = splitBatches(Buffer.concat([legacyMessage(0), legacyMessage(1), one()]));
    assert.deepEqual(split.batches.map(magic), [0, 1, 2]);
    assert.equal(split.legacyCount, 2);
  });

  it('tells a first batch that does not fit from an empty answer', () => {
    assert.deepEqual(splitBatches(Buffer.alloc(0)).truncatedBytes, 0);
    const cut = one().subarray(0, 40);
    assert.deepEqual(splitBatches(cut), { batches: [], legacyCount: 0, truncatedBytes: 40 });
  });

  const hostile: [string, number, number, (batch: Buffer, at: number, value: number) => void][] = [
    ['a negative length', BATCH_LENGTH_OFFSET, -1, writeInt32],
    ['the smallest length', BATCH_LENGTH_OFFSET, -2_147_483_648, writeInt32],
    ['a length of zero', BATCH_LENGTH_OFFSET, 0, writeInt32],
    ['a length shorter than the header', BATCH_LENGTH_OFFSET, 48, writeInt32],
    ['an unknown magic', MAGIC_OFFSET, 3, writeInt8],
    ['a negative magic', MAGIC_OFFSET, -1, writeInt8],
    ['a negative record count', RECORD_COUNT_OFFSET, -1, writeInt32],
    ['more records than offsets', RECORD_COUNT_OFFSET, 3, writeInt32],
    ['a negative last offset delta', LAST_OFFSET_DELTA_OFFSET, -1, writeInt32],
  ];
  for (const [name, at, value, write] of hostile) {
    it(`refuses ${name}, naming the batch, once what lies before it is taken`, () => {
      const bad = one(123n);
      write(bad, at, value);
      const split = splitBatches(Buffer.concat([one(121n), bad]));
      assert.deepEqual(split, { ...split, batches: [one(121n)], truncatedBytes: bad.length });
      assert.throws(
        () => splitBatches(bad),
        (error: unknown) => error instanceof CorruptBatchError && error.baseOffset === 123n,
      );
    });
  }

  it('throws nothing but its own error on random bytes', () => {
    check(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        try {
          splitBatches(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof CorruptBatchError);
        }
      }),
      1_000,
    );
  });
});

function writeInt32(batch: Buffer, at: number, value: number): void {
  batch.writeInt32BE(value, at);
}

function writeInt8(batch: Buffer, at: number, value: number): void {
  batch.writeInt8(value, at);
}
