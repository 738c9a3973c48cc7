import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  PAYLOAD_OFFSET,
  PARTITION_LEADER_EPOCH_OFFSET,
  baseOffset,
  isDense,
  lastOffset,
  maxTimestamp,
  partitionLeaderEpoch,
} from '../../../kafka/records/batch-header.js';
import { splitBatches } from '../../../kafka/records/batch-splitter.js';
import { buildBatch, readBatch } from '../../../kafka/records/build-batch.js';
import { Codec, initCodecs } from '../../../kafka/records/compression.js';
import { verifyBatchCrc } from '../../../kafka/records/crc32c.js';
import { check, contents, records, wideTimestamps } from './arbitraries.js';

await initCodecs();

const BASE = 1_000n;
const OFFSETS = { fromOffset: 0n, toOffset: BASE + 1_000n };
const LIMITS = { belowBytes: 16_384, bytesMax: 65_536, batchesMax: 100, ...OFFSETS };

type Lists = Parameters<typeof contents>[0][];

function neighbours(lists: Lists, codec: (index: number) => number = () => Codec.none): Buffer[] {
  let next = BASE;
  return lists.map((list, index) => {
    const batch = buildBatch({ records: list, codec: codec(index), baseOffset: next });
    batch.writeInt32BE(index, PARTITION_LEADER_EPOCH_OFFSET); // outside the CRC
    next += BigInt(list.length);
    return batch;
  });
}

/** One record of `bytes` in a batch of its own. */
function single(bytes: number, timestamp = 1_700_000_000_000n): Lists[number] {
  return [{ key: null, value: Buffer.alloc(bytes, 7), timestamp }];
}

function coalesced(batches: readonly Buffer[], limits = LIMITS): Buffer[] {
  return splitBatches(Buffer.concat(batches), limits).batches;
}

const lists = fc.array(records(wideTimestamps, 6), { minLength: 1, maxLength: 12 });

describe('splitBatches with limits to coalesce by', () => {
  it('keeps every record, in order, with key, value, headers, timestamp and offset', () => {
    check(
      fc.property(lists, (several) => {
        const found = coalesced(neighbours(several));
        const read = found.flatMap((batch) => readBatch(batch));
        assert.deepEqual(contents(read), contents(several.flat()));
        assert.deepEqual(
          read.map(({ offset }) => offset),
          several.flat().map((_record, index) => BASE + BigInt(index)),
        );
        for (const batch of found) {
          assert.ok(verifyBatchCrc(batch));
          assert.ok(isDense(batch));
          const stamps = readBatch(batch).map(({ timestamp }) => timestamp);
          assert.equal(
            maxTimestamp(batch),
            stamps.reduce((a, b) => (a > b ? a : b)),
          );
        }
      }),
      300,
    );
  });

  it('makes one batch of many single records, with the leader epoch of the last', () => {
    const [batch, ...rest] = coalesced(neighbours(Array.from({ length: 80 }, () => single(200))));
    assert.deepEqual(rest, []);
    assert.equal(lastOffset(batch!), BASE + 79n);
    assert.equal(partitionLeaderEpoch(batch!), 79);
  });

  it('begins another batch at either limit', () => {
    const many = neighbours(Array.from({ length: 250 }, () => single(10)));
    assert.deepEqual(
      coalesced(many).map((batch) => readBatch(batch).length),
      [100, 100, 50],
    );
    const large = neighbours(Array.from({ length: 20 }, () => single(8_000)));
    assert.ok(coalesced(large).every((batch) => batch.length <= LIMITS.bytesMax));
  });

  it('leaves a batch whose CRC is wrong, and its stretch, as they came', () => {
    const batches = neighbours(Array.from({ length: 5 }, () => single(50)));
    batches[2]![PAYLOAD_OFFSET + 20]! ^= 1;
    assert.deepEqual(coalesced(batches), batches);
  });

  it('leaves a compressed batch and those around it in their order', () => {
    const batches = neighbours(
      Array.from({ length: 5 }, () => single(50)),
      (index) => (index === 2 ? Codec.lz4 : Codec.none),
    );
    assert.deepEqual(coalesced(batches).map(baseOffset), [BASE, BASE + 2n, BASE + 3n]);
  });

  it('does not join over a gap, nor what begins before the wanted offsets or ends behind them', () => {
    const batches = neighbours(Array.from({ length: 4 }, () => single(50)));
    assert.equal(coalesced([batches[0]!, batches[1]!, batches[3]!]).length, 2);
    const found = coalesced(batches, { ...LIMITS, fromOffset: BASE + 1n });
    assert.deepEqual(found.map(baseOffset), [BASE, BASE + 1n]);
    const before = coalesced(batches, { ...LIMITS, toOffset: BASE + 3n });
    assert.deepEqual(before.map(baseOffset), [BASE, BASE + 3n]);
  });

  it('leaves what a cut batch at the end has, and reports it as cut', () => {
    const whole = Buffer.concat(neighbours(Array.from({ length: 3 }, () => single(50))));
    const { batches, truncatedBytes } = splitBatches(whole.subarray(0, -10), LIMITS);
    assert.equal(batches.length, 1);
    assert.equal(readBatch(batches[0]!).length, 2);
    assert.ok(truncatedBytes > 0);
  });
});
