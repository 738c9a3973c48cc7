import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  CRC_OFFSET,
  RECORD_COUNT_OFFSET,
  maxTimestamp,
} from '../../../kafka/records/batch-header.js';
import { buildBatch, readBatch } from '../../../kafka/records/build-batch.js';
import { initCodecs } from '../../../kafka/records/compression.js';
import { controlType } from '../../../kafka/records/control-record.js';
import { computeBatchCrc } from '../../../kafka/records/crc32c.js';
import { CorruptBatchError } from '../../../kafka/records/errors.js';
import { decodeRecords, encodeRecords } from '../../../kafka/records/record-codec.js';
import { reencodeBatch } from '../../../kafka/records/reencode.js';
import {
  readVarlong,
  readVarlongExact,
  varlongBytes,
  writeVarlong,
  writeVarlongExact,
} from '../../../kafka/records/varint.js';
import { check, codecs, contents, records, wideTimestamps } from './arbitraries.js';

await initCodecs();

describe('varlong', () => {
  it('is exact over 64 bits, and as a number within 2^52', () => {
    check(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const bytes = Buffer.alloc(10);
        const end = writeVarlongExact(bytes, 0, value);
        const cursor = { bytes, position: 0, end, baseOffset: 0n };
        assert.equal(readVarlongExact(cursor), value);
        assert.equal(cursor.position, end);
      }),
      500,
    );
    check(
      fc.property(fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 }), (value) => {
        const bytes = Buffer.alloc(10);
        const end = writeVarlong(bytes, 0, value);
        assert.equal(end, varlongBytes(value));
        assert.equal(end, writeVarlongExact(Buffer.alloc(10), 0, BigInt(value)));
        assert.equal(readVarlong({ bytes, position: 0, end, baseOffset: 0n }), value);
      }),
      500,
    );
  });
});

describe('records', () => {
  it('survive a batch of any codec: null is not empty, headers repeat in order', () => {
    check(
      fc.property(records(wideTimestamps), codecs, (list, codec) => {
        const batch = buildBatch({ records: list, codec, baseOffset: 5n });
        const read = readBatch(batch);
        assert.deepEqual(contents(read), contents(list));
        assert.deepEqual(
          read.map((record) => record.offset),
          list.map((_, index) => 5n + BigInt(index)),
        );
      }),
      200,
    );
  });

  it('keep timestamps whose distance takes more than 64 bits', () => {
    const list = [-1n, 2n ** 63n - 1n, 0n].map((timestamp) => ({
      key: null,
      value: null,
      timestamp,
    }));
    const batch = buildBatch({ records: list });
    assert.deepEqual(contents(readBatch(batch)), contents(list));
    const rebuilt = reencodeBatch(batch)!.batch;
    assert.deepEqual(contents(readBatch(rebuilt)), contents(list));
    assert.equal(maxTimestamp(rebuilt), 2n ** 63n - 1n);
  });

  it('are encoded as Kafka does', () => {
    const key = Buffer.from('k');
    const value = Buffer.from('vv');
    const headers = [{ key: Buffer.from('h'), value: null }];
    const record = { offsetDelta: 1, timestampDelta: -1n, key, value, headers };
    // length 12, attributes, -1, 1, key, value, one header with a null value; zigzag throughout.
    assert.equal(encodeRecords([record]).toString('hex'), '18000102026b04767602026801');
  });

  it('throw CorruptBatchError, and nothing else, on damaged bytes', () => {
    check(
      fc.property(
        records(),
        fc.nat(),
        fc.nat({ max: 255 }),
        fc.nat({ max: 3 }),
        (list, at, byte, cut) => {
          const encoded = list.map((record, index) => ({
            offsetDelta: index,
            timestampDelta: 0n,
            key: record.key,
            value: record.value,
            headers: record.headers ?? [],
          }));
          const payload = encodeRecords(encoded);
          payload[at % payload.length] = byte;
          try {
            decodeRecords(payload.subarray(0, payload.length - cut), list.length, 3n);
          } catch (error) {
            assert.ok(error instanceof CorruptBatchError, String(error));
            assert.equal(error.baseOffset, 3n);
          }
        },
      ),
      2_000,
    );
  });

  it('are refused when the header claims more of them than there can be', () => {
    const batch = buildBatch({ records: [{ key: null, value: null, timestamp: 0n }] });
    batch.writeInt32BE(2_147_483_647, RECORD_COUNT_OFFSET);
    batch.writeUInt32BE(computeBatchCrc(batch), CRC_OFFSET);
    assert.throws(() => readBatch(batch), CorruptBatchError);
  });
});

describe('controlType', () => {
  function marker(type: number): Buffer {
    const key = Buffer.from([0, 0, 0, type]);
    const record = { offsetDelta: 0, timestampDelta: 0n, key, value: Buffer.alloc(6), headers: [] };
    return encodeRecords([record]);
  }

  it('tells abort from commit, and both from anything else', () => {
    assert.deepEqual(
      [0, 1, 2].map(marker).map((bytes) => controlType(bytes)),
      ['abort', 'commit', 'other'],
    );
  });
});
