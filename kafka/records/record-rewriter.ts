import { PAYLOAD_OFFSET } from './batch-header.js';
import { CorruptBatchError } from './errors.js';
import { RECORD_BYTES_MIN } from './record-codec.js';
import {
  corrupt,
  readVarint,
  readVarlong,
  varintBytes,
  varlongBytes,
  writeVarint,
  writeVarlong,
  type RecordCursor,
} from './varint.js';

/**
 * Rewrites records on their bytes: only length, timestamp delta and offset delta change, and they
 * come first, so the rest of a record is one copy. No object per record. What coalescing and
 * re-encoding share.
 */
export interface RecordSink {
  readonly out: Buffer;
  position: number; //          where the next record goes
  count: number; //             records written; also the next offset delta
  timestampDeltaMax: number; // over the records written; -Infinity when none
}

/** Which records of a payload to take, and what becomes of their timestamps. */
export interface RecordSelection {
  firstDelta: number; //      source offset deltas to keep, inclusive
  lastDelta: number; //       inclusive
  offsetDeltaMax: number; //  the batch's lastOffsetDelta: a larger one is corruption
  timestampShift: number; //  added to each timestamp delta
  flattenTimestamps: boolean; // every delta becomes 0: the batch has one timestamp
}

/** Source offset deltas of the records taken, as runs without gaps. */
export interface DeltaRuns {
  readonly starts: number[];
  readonly counts: number[];
}

/** Widest length, timestamp delta and offset delta together: what a rewritten record can grow by. */
const GROWTH_BYTES_MAX = 5 + 10 + 5;

/** Timestamps within this bound differ by less than 2^52, which varlong arithmetic is exact for. */
const TIMESTAMP_EXACT_MAX = 2n ** 51n; // the year 73,000 or so

/** What readVarlong and writeVarlong are exact for. */
const DELTA_EXACT_MAX = 2 ** 52 - 1;

/** A count that the payload cannot hold must be refused before room is made for that many. */
export function ensureCountFits(payload: Buffer, recordCount: number, baseOffset: bigint): void {
  if (recordCount * RECORD_BYTES_MIN <= payload.length) return;
  const reason = `${recordCount} records cannot fit into ${payload.length} bytes`;
  throw new CorruptBatchError(baseOffset, reason);
}

/** Room for the records of payloads of `payloadBytes` in all, behind space for a header. */
export function createSink(payloadBytes: number, recordCount: number): RecordSink {
  const capacity = PAYLOAD_OFFSET + payloadBytes + recordCount * GROWTH_BYTES_MAX;
  return {
    out: Buffer.allocUnsafe(capacity),
    position: PAYLOAD_OFFSET,
    count: 0,
    timestampDeltaMax: Number.NEGATIVE_INFINITY,
  };
}

/** Whether number arithmetic is exact for a timestamp; Kafka allows any of 64 bits. */
export function isExactTimestamp(timestamp: bigint): boolean {
  return timestamp >= -TIMESTAMP_EXACT_MAX && timestamp <= TIMESTAMP_EXACT_MAX;
}

/** Appends the selected records of a payload, its count checked, to the sink. Adds to `runs` where offsets jump. */
export function appendRecords(
  sink: RecordSink,
  source: { payload: Buffer; recordCount: number; baseOffset: bigint; runs: DeltaRuns },
  selection: RecordSelection,
): void {
  const { payload, recordCount, baseOffset, runs } = source;
  const { firstDelta, lastDelta, offsetDeltaMax, timestampShift, flattenTimestamps } = selection;
  const cursor: RecordCursor = { bytes: payload, position: 0, end: payload.length, baseOffset };
  let previousDelta = -1;
  let runStart = -1;
  let runNext = -1;
  for (let index = 0; index < recordCount; index++) {
    const length = readVarint(cursor);
    const end = cursor.position + length;
    if (length < RECORD_BYTES_MIN - 1 || end > cursor.end) {
      throw corrupt(cursor, `a record claims ${length} bytes`);
    }
    const attributes = payload[cursor.position++]!;
    const timestampDelta = readVarlong(cursor);
    const offsetDelta = readVarint(cursor);
    if (cursor.position > end) {
      throw corrupt(cursor, `the record at offset delta ${offsetDelta} is malformed`);
    }
    if (offsetDelta <= previousDelta || offsetDelta > offsetDeltaMax) {
      throw corrupt(cursor, `offset delta ${offsetDelta} follows ${previousDelta}`);
    }
    previousDelta = offsetDelta;
    if (offsetDelta >= firstDelta && offsetDelta <= lastDelta) {
      if (offsetDelta !== runNext) {
        if (runNext >= 0) pushRun(runs, runStart, runNext);
        runStart = offsetDelta;
      }
      runNext = offsetDelta + 1;
      const newDelta = flattenTimestamps ? 0 : timestampDelta + timestampShift;
      // Also false for the NaN of a delta that is out of range by itself.
      if (!(Math.abs(newDelta) <= DELTA_EXACT_MAX)) {
        throw corrupt(cursor, `the timestamp at offset delta ${offsetDelta} is out of range`);
      }
      writeRecord(sink, attributes, newDelta, payload, cursor.position, end);
    }
    cursor.position = end;
  }
  if (runNext >= 0) pushRun(runs, runStart, runNext);
  if (cursor.position !== cursor.end) {
    throw corrupt(cursor, `${cursor.end - cursor.position} bytes follow the last record`);
  }
}

/** Primitive arguments, since it runs per record: an options object costs an allocation each. */
function writeRecord(
  sink: RecordSink,
  attributes: number,
  timestampDelta: number,
  payload: Buffer,
  bodyStart: number,
  bodyEnd: number,
): void {
  const { out, count } = sink;
  const length = 1 + varlongBytes(timestampDelta) + varintBytes(count) + (bodyEnd - bodyStart);
  let position = writeVarint(out, sink.position, length);
  out[position++] = attributes;
  position = writeVarlong(out, position, timestampDelta);
  position = writeVarint(out, position, count);
  payload.copy(out, position, bodyStart, bodyEnd);
  sink.position = position + (bodyEnd - bodyStart);
  sink.count = count + 1;
  if (timestampDelta > sink.timestampDeltaMax) sink.timestampDeltaMax = timestampDelta;
}

/** `next` is exclusive. */
function pushRun(runs: DeltaRuns, start: number, next: number): void {
  runs.starts.push(start);
  runs.counts.push(next - start);
}
