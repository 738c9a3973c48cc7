import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prepareFetched, type Prepared } from '../../../agent/replication/prepared-batch.js';
import {
  ATTRIBUTES_OFFSET,
  CONTROL_FLAG,
  LOG_APPEND_TIME_FLAG,
  PAYLOAD_OFFSET,
  TRANSACTIONAL_FLAG,
  baseOffset,
} from '../../../kafka/records/batch-header.js';
import { buildBatch, readBatch, type NewBatch } from '../../../kafka/records/build-batch.js';
import { CorruptBatchError } from '../../../kafka/records/errors.js';
import { legacyBytes } from '../../kafka/records/legacy-bytes.js';

const TIME = 1_700_000_000_000n;
const PRODUCER = 4_000n;

/** Behind all that the logs of these tests hold. */
const END = 1_000n;

function batchAt(offset: bigint, count: number, options: Partial<NewBatch> = {}): Buffer {
  const records = Array.from({ length: count }, (_, index) => ({
    key: null,
    value: Buffer.from(`value ${offset + BigInt(index)}`),
    timestamp: TIME,
  }));
  return buildBatch({ records, baseOffset: offset, ...options });
}

function marker(offset: bigint, type: 'abort' | 'commit'): Buffer {
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1]);
  return buildBatch({
    records: [{ key, value: Buffer.alloc(6), timestamp: TIME }],
    baseOffset: offset,
    flags: CONTROL_FLAG | TRANSACTIONAL_FLAG,
    producerId: PRODUCER,
    producerEpoch: 0,
  });
}

/** A batch that compaction left without records. */
function emptied(offset: bigint, flags: number): Buffer {
  return buildBatch({
    records: [],
    baseOffset: offset,
    lastOffsetDelta: 0,
    maxTimestamp: TIME,
    flags,
    producerId: PRODUCER,
    producerEpoch: 0,
    baseSequence: 7,
  });
}

function prepare(
  batches: Buffer[],
  options: { from?: bigint; end?: bigint; abortedAt?: bigint } = {},
): Prepared {
  const { from = 0n, end = END, abortedAt } = options;
  return prepareFetched({
    records: Buffer.concat(batches),
    fetchOffset: from,
    endOffset: end,
    abortedTransactions:
      abortedAt === undefined ? [] : [{ producerId: PRODUCER, firstOffset: abortedAt }],
  });
}

function valuesOf({ batches }: Prepared): string[] {
  return batches.flatMap(({ batch }) => readBatch(batch)).map(({ value }) => String(value));
}

function flipped(batch: Buffer, at: number): Buffer {
  const copy = Buffer.from(batch);
  copy[at]! ^= 1;
  return copy;
}

describe('prepareFetched', () => {
  it('passes a dense batch through as it lies in the fetch buffer', () => {
    const records = batchAt(5n, 3);
    const prepared = prepareFetched({
      ...{ records, fetchOffset: 5n, endOffset: END },
      abortedTransactions: null,
    });
    const [only] = prepared.batches;
    assert.equal(only?.batch.buffer, records.buffer);
    assert.deepEqual(only?.runs, [{ sourceStart: 5n, count: 3 }]);
    assert.equal(prepared.sourceNext, 8n);
  });

  it('cuts off what lies before the offset asked for', () => {
    const prepared = prepare([batchAt(5n, 4)], { from: 7n });
    assert.deepEqual(valuesOf(prepared), ['value 7', 'value 8']);
    assert.deepEqual(prepared.batches[0]?.runs, [{ sourceStart: 7n, count: 2 }]);
    assert.equal(prepared.batches[0]?.sourceNext, 9n);
  });

  it('drops aborted batches and markers, and keeps the transaction after them', () => {
    const own = { flags: TRANSACTIONAL_FLAG, producerId: PRODUCER, producerEpoch: 0 };
    const log = [
      batchAt(0n, 2, own), // aborted by 3
      batchAt(2n, 1, { ...own, producerId: 9n }),
      marker(3n, 'abort'),
      batchAt(4n, 1, own),
      marker(5n, 'commit'),
    ];
    const prepared = prepare(log, { abortedAt: 0n });
    assert.deepEqual(valuesOf(prepared), ['value 2', 'value 4']);
    assert.equal(prepared.sourceNext, 6n);
    assert.equal(prepared.batches[0]?.sourceNext, 4n);
    assert.equal(prepared.batches[1]?.sourceNext, 6n);
  });

  it('steps over a control batch that compaction left without its record', () => {
    const log = [emptied(0n, CONTROL_FLAG | TRANSACTIONAL_FLAG), emptied(1n, 0), batchAt(2n, 1)];
    const prepared = prepare(log, { abortedAt: 0n });
    assert.deepEqual(valuesOf(prepared), ['value 2']);
  });

  it('drops nothing on the word of a header whose CRC is wrong', () => {
    // One flipped bit makes a batch look like a marker, or like one without records.
    const fakeMarker = Buffer.from(batchAt(0n, 1));
    fakeMarker.writeUInt16BE(CONTROL_FLAG, ATTRIBUTES_OFFSET);
    const fakeEmpty = flipped(batchAt(0n, 1), PAYLOAD_OFFSET - 1);
    const own = { flags: TRANSACTIONAL_FLAG, producerId: PRODUCER, producerEpoch: 0 };
    const fakeAborted = flipped(batchAt(0n, 1, own), PAYLOAD_OFFSET + 9);
    for (const batch of [fakeMarker, fakeEmpty, fakeAborted]) {
      assert.throws(() => prepare([batch], { abortedAt: 0n }), CorruptBatchError);
    }
  });

  it('gives what lies before a corrupt batch first, and names the batch when it comes to it', () => {
    const stamped = flipped(batchAt(2n, 1, { flags: LOG_APPEND_TIME_FLAG }), PAYLOAD_OFFSET + 9);
    const log = [batchAt(0n, 2), stamped, batchAt(3n, 1)];
    const prepared = prepare(log);
    assert.deepEqual(valuesOf(prepared), ['value 0', 'value 1']);
    assert.equal(prepared.sourceNext, 2n);
    assert.throws(() => prepare(log.slice(1), { from: 2n }), /batch at offset 2 is corrupt/);
  });

  it('converts messages of format 0 and 1, with the runs that compaction left', () => {
    const legacy = (name: keyof typeof legacyBytes): Buffer =>
      Buffer.from(legacyBytes[name], 'hex');
    const prepared = prepare([
      legacy('v0 none dense'), //  0 to 5
      legacy('v1 gzip gapped'), // 10, 13, ... 25
      legacy('v1 none stamped'), // 40 to 45
      batchAt(46n, 1),
    ]);
    const runs = prepared.batches.flatMap((batch) => batch.runs);
    assert.deepEqual(runs[0], { sourceStart: 0n, count: 6 });
    assert.deepEqual(
      runs.slice(1, 7).map(({ sourceStart }) => sourceStart),
      [10n, 13n, 16n, 19n, 22n, 25n],
    );
    assert.deepEqual(runs.slice(7), [
      { sourceStart: 40n, count: 6 },
      { sourceStart: 46n, count: 1 },
    ]);
    assert.equal(prepared.sourceNext, 47n);
    assert.equal(prepare([legacy('v1 lz4 gapped')], { from: 17n }).batches[0]?.count, 3);
    assert.equal(baseOffset(prepared.batches[0]!.batch), 0n);
  });
});
