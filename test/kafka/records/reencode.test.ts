import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  DELETE_HORIZON_FLAG,
  LAST_OFFSET_DELTA_OFFSET,
  CRC_OFFSET,
  LOG_APPEND_TIME_FLAG,
  PAYLOAD_OFFSET,
  TRANSACTIONAL_FLAG,
  attributes,
  codec,
  isDense,
  maxTimestamp,
  recordCount,
} from '../../../kafka/records/batch-header.js';
import { buildBatch, readBatch, type ReadRecord } from '../../../kafka/records/build-batch.js';
import { Codec, initCodecs } from '../../../kafka/records/compression.js';
import { computeBatchCrc } from '../../../kafka/records/crc32c.js';
import { CorruptBatchError } from '../../../kafka/records/errors.js';
import { reencodeBatch, splitBatch, type SourceRun } from '../../../kafka/records/reencode.js';
import { check, codecs, contents, records, wideTimestamps, withGaps } from './arbitraries.js';

await initCodecs();

const BASE = 40_000n;

function offsetsOf(runs: readonly SourceRun[]): bigint[] {
  return runs.flatMap((run) =>
    Array.from({ length: run.count }, (_, index) => run.firstOffset + BigInt(index)),
  );
}

const steps = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 10 });
const flags = fc.constantFrom(0, TRANSACTIONAL_FLAG, DELETE_HORIZON_FLAG);

describe('reencodeBatch', () => {
  it('makes a dense batch of the wanted records and tells where each came from', () => {
    const range = fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 60 }));
    check(
      fc.property(
        fc.tuple(records(wideTimestamps), steps, codecs, flags, range, fc.nat({ max: 5 })),
        ([list, gaps, batchCodec, flag, [from, to], tail]) => {
          const gapped = withGaps(list, gaps);
          const source = buildBatch({
            records: gapped,
            codec: batchCodec,
            flags: flag,
            baseOffset: BASE,
            lastOffsetDelta: gapped.at(-1)!.offsetDelta! + tail,
          });
          const fromOffset = BASE - 5n + BigInt(from);
          const toOffset = BASE - 5n + BigInt(to);
          const wanted = readBatch(source).filter(
            ({ offset }) => offset >= fromOffset && offset <= toOffset,
          );
          const result = reencodeBatch(source, { fromOffset, toOffset });
          if (result === undefined) {
            assert.equal(wanted.length, 0);
            return;
          }
          checkDense(result.batch, wanted, batchCodec);
          assert.deepEqual(
            offsetsOf(result.sourceOffsets),
            wanted.map((record) => record.offset),
          );
          checkRunsAreMaximal(result.sourceOffsets);
        },
      ),
      300,
    );
  });

  it('gives every record of a LogAppendTime batch the timestamp that its consumers read', () => {
    check(
      fc.property(records(wideTimestamps), codecs, wideTimestamps, (list, batchCodec, stamp) => {
        const source = buildBatch({
          records: list,
          codec: batchCodec,
          flags: LOG_APPEND_TIME_FLAG,
          maxTimestamp: stamp,
        });
        const { batch } = reencodeBatch(source)!;
        assert.equal(attributes(batch) & LOG_APPEND_TIME_FLAG, 0);
        assert.deepEqual(contents(readBatch(batch)), contents(readBatch(source)));
        assert.equal(readBatch(batch)[0]?.timestamp, stamp);
      }),
    );
  });

  it('keeps what producers had set when LogAppendTime is not wanted', () => {
    const list = [{ key: null, value: null, timestamp: 70n }];
    const source = buildBatch({ records: list, flags: LOG_APPEND_TIME_FLAG, maxTimestamp: 90n });
    const { batch } = reencodeBatch(source, { materialiseLogAppendTime: false })!;
    assert.equal(readBatch(batch)[0]?.timestamp, 70n);
    assert.equal(maxTimestamp(batch), 70n);
  });

  it('answers undefined for a batch that compaction has emptied', () => {
    const source = buildBatch({ records: [], maxTimestamp: 1n, lastOffsetDelta: 9 });
    assert.equal(reencodeBatch(source), undefined);
    const packed = buildBatch({ records: [], maxTimestamp: 1n, codec: Codec.zstd });
    assert.equal(reencodeBatch(packed), undefined);
  });

  it('refuses offsets that do not ascend or leave the range', () => {
    const stamp = { key: null, value: null, timestamp: 0n };
    const repeated = buildBatch({
      records: [
        { ...stamp, offsetDelta: 1 },
        { ...stamp, offsetDelta: 1 },
      ],
    });
    assert.throws(() => reencodeBatch(repeated), CorruptBatchError);
    const beyond = buildBatch({ records: [{ ...stamp, offsetDelta: 3 }] });
    beyond.writeInt32BE(2, LAST_OFFSET_DELTA_OFFSET);
    beyond.writeUInt32BE(computeBatchCrc(beyond), CRC_OFFSET);
    assert.throws(() => reencodeBatch(beyond), CorruptBatchError);
  });

  it('throws only its own errors on a damaged payload whose CRC is right', () => {
    const bytes = fc.tuple(fc.nat(), fc.nat({ max: 255 }));
    check(
      fc.property(
        records(),
        fc.constantFrom(Codec.none, Codec.gzip),
        bytes,
        (list, kind, [at, byte]) => {
          const source = buildBatch({ records: list, codec: kind, baseOffset: BASE });
          source[PAYLOAD_OFFSET + (at % (source.length - PAYLOAD_OFFSET))] = byte;
          source.writeUInt32BE(computeBatchCrc(source), CRC_OFFSET);
          try {
            reencodeBatch(source);
          } catch (error) {
            assert.ok(error instanceof CorruptBatchError, String(error));
            assert.equal(error.baseOffset, BASE);
          }
        },
      ),
      1_000,
    );
  });
});

describe('splitBatch', () => {
  it('makes batches within the limit that hold all records in order', () => {
    check(
      fc.property(
        records(),
        steps,
        codecs,
        fc.integer({ min: 500, max: 4_000 }),
        (list, gaps, kind, max) => {
          const source = buildBatch({
            records: withGaps(list, gaps),
            codec: kind,
            baseOffset: BASE,
          });
          const parts = splitBatch(source, max);
          const expected = readBatch(source);
          assert.ok(parts.every(({ batch }) => batch.length <= max || recordCount(batch) === 1));
          assert.ok(parts.every(({ batch }) => isDense(batch)));
          const read = parts.flatMap((part) => readBatch(part.batch));
          assert.deepEqual(contents(read), contents(expected));
          assert.deepEqual(
            parts.flatMap((part) => offsetsOf(part.sourceOffsets)),
            expected.map((record) => record.offset),
          );
        },
      ),
    );
  });

  it('leaves a record that does not fit alone, and the others within the limit', () => {
    const small = { key: null, value: Buffer.alloc(10), timestamp: 0n };
    const list = [small, { ...small, value: Buffer.alloc(5_000) }, small];
    const source = buildBatch({ records: list, baseOffset: BASE });
    const parts = splitBatch(source, 1_000);
    const large = parts.filter(({ batch }) => batch.length > 1_000);
    assert.deepEqual(
      large.map(({ sourceOffsets }) => sourceOffsets),
      [[{ firstOffset: BASE + 1n, count: 1 }]],
    );
  });
});

function checkDense(batch: Buffer, wanted: readonly ReadRecord[], batchCodec: number): void {
  assert.deepEqual(contents(readBatch(batch)), contents(wanted));
  assert.ok(isDense(batch));
  assert.equal(recordCount(batch), wanted.length);
  assert.equal(attributes(batch), batchCodec);
  assert.equal(codec(batch), batchCodec);
  const stamps = wanted.map((record) => record.timestamp);
  assert.equal(
    maxTimestamp(batch),
    stamps.reduce((a, b) => (a > b ? a : b)),
  );
}

/** Two runs that touch would be one: the offset map grows by one entry a run. */
function checkRunsAreMaximal(runs: readonly SourceRun[]): void {
  for (const [index, run] of runs.entries()) {
    const next = runs[index + 1];
    if (next) assert.ok(next.firstOffset > run.firstOffset + BigInt(run.count));
  }
}
