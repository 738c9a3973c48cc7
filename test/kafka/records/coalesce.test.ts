import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  LOG_APPEND_TIME_FLAG,
  PAYLOAD_OFFSET,
  attributes,
  baseOffset,
  codec,
  isDense,
  maxTimestamp,
} from '../../../kafka/records/batch-header.js';
import { buildBatch, readBatch } from '../../../kafka/records/build-batch.js';
import { areNeighbours, coalesceBatches, isCoalescible } from '../../../kafka/records/coalesce.js';
import { Codec, initCodecs } from '../../../kafka/records/compression.js';
import { CorruptBatchError, DecompressionLimitError } from '../../../kafka/records/errors.js';
import { check, codecs, contents, records } from './arbitraries.js';

await initCodecs();

const BASE = 1_000n;

function neighbours(lists: Parameters<typeof contents>[0][], batchCodec: number): Buffer[] {
  let next = BASE;
  return lists.map((list) => {
    const batch = buildBatch({ records: list, codec: batchCodec, baseOffset: next });
    next += BigInt(list.length);
    return batch;
  });
}

describe('coalesceBatches', () => {
  it('keeps every record, in order, with key, value, headers and timestamp', () => {
    const lists = fc.array(records(), { minLength: 1, maxLength: 8 });
    check(
      fc.property(lists, codecs, (several, batchCodec) => {
        const batches = neighbours(several, batchCodec);
        assert.ok(batches.every(isCoalescible));
        const joined = coalesceBatches(batches);
        const all = several.flat();
        const read = readBatch(joined);
        assert.deepEqual(contents(read), contents(all));
        assert.equal(read.at(-1)?.offset, BASE + BigInt(all.length - 1));
        assert.equal(baseOffset(joined), BASE);
        assert.equal(codec(joined), batchCodec);
        assert.ok(isDense(joined));
        const stamps = all.map((record) => record.timestamp);
        assert.equal(
          maxTimestamp(joined),
          stamps.reduce((a, b) => (a > b ? a : b)),
        );
      }),
      200,
    );
  });

  it('refuses a batch whose CRC is wrong rather than give it a right one', () => {
    const list = [{ key: null, value: Buffer.from('value'), timestamp: 1n }];
    const batches = neighbours([list, list], Codec.none);
    batches[1]![PAYLOAD_OFFSET + 9]! ^= 1;
    assert.throws(() => coalesceBatches(batches), CorruptBatchError);
  });

  it('bounds what compressed neighbours decompress to in all', () => {
    const list = [{ key: null, value: Buffer.alloc(60_000), timestamp: 1n }];
    const batches = neighbours([list, list], Codec.gzip);
    assert.throws(() => coalesceBatches(batches, 100_000), DecompressionLimitError);
    assert.equal(readBatch(coalesceBatches(batches, 130_000)).length, 2);
  });
});

describe('isCoalescible', () => {
  const list = [{ key: null, value: null, timestamp: 1n }];

  it('is false for broker-stamped, gapped and unheard-of batches', () => {
    assert.equal(isCoalescible(buildBatch({ records: list, flags: LOG_APPEND_TIME_FLAG })), false);
    assert.equal(isCoalescible(buildBatch({ records: list, lastOffsetDelta: 1 })), false);
    const far = [{ key: null, value: null, timestamp: 2n ** 60n }];
    assert.equal(isCoalescible(buildBatch({ records: far })), false);
  });

  it('asks for one codec and adjoining offsets', () => {
    const [first, second] = neighbours([list, list], Codec.none) as [Buffer, Buffer];
    assert.equal(attributes(first), 0);
    assert.ok(areNeighbours(first, second));
    assert.equal(areNeighbours(second, first), false);
    const packed = buildBatch({ records: list, codec: Codec.lz4, baseOffset: BASE + 1n });
    assert.equal(areNeighbours(first, packed), false);
  });
});
