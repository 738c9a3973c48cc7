import {
  ATTRIBUTES_OFFSET,
  BASE_OFFSET_OFFSET,
  BASE_SEQUENCE_OFFSET,
  BASE_TIMESTAMP_OFFSET,
  BATCH_LENGTH_OFFSET,
  BATCH_OVERHEAD,
  CRC_OFFSET,
  LAST_OFFSET_DELTA_OFFSET,
  MAGIC_OFFSET,
  MAX_TIMESTAMP_OFFSET,
  PARTITION_LEADER_EPOCH_OFFSET,
  PAYLOAD_OFFSET,
  PRODUCER_EPOCH_OFFSET,
  PRODUCER_ID_OFFSET,
  RECORD_COUNT_OFFSET,
} from './batch-header.js';
import { combine, continueCrc, crc32c } from './crc32c.js';
import { CorruptBatchError } from './errors.js';
import { RECORD_BYTES_MIN } from './record-codec.js';
import {
  readVarint,
  readVarlong,
  varintBytes,
  varlongBytes,
  writeVarint,
  writeVarlong,
  type RecordCursor,
} from './varint.js';

export interface CoalesceLimits {
  /** Batches of fewer bytes are small. */
  readonly belowBytes: number;
  /** Of one coalesced batch. */
  readonly bytesMax: number;
  readonly batchesMax: number;
  /** A batch that begins before this is left alone: not all of it is wanted. */
  readonly fromOffset: bigint;
  /** A batch that ends behind this is left alone as well: it may be none. */
  readonly toOffset: bigint;
}

export interface Coalesced {
  /** The batch that they became; undefined if nothing was changed. */
  readonly batch: Buffer | undefined;
  /** What comes next begins here. */
  readonly next: number;
  /** Before this another attempt finds nothing. */
  readonly lookedTo: number;
}

const OFFSET_HIGH_MAX = 2 ** 20; // offsets below 2^52: exact as numbers
const TIMESTAMP_HIGH_MAX = 2 ** 18; // ms below 2^50: the year 37,000 or so
const TIMESTAMP_DELTA_MAX = 2 ** 51;
const WORD = 2 ** 32;

/** Plain: no codec, stamped by its producer, no transaction, no marker, no delete horizon. */
const PLAIN_ATTRIBUTES = 0;

/**
 * Makes one batch of the small plain neighbours that begin at `start`, where they lie: all but the first
 * lose their header, and their records move up, with their deltas rewritten.
 *
 *   before   |header|records|header|records|header|records| what follows
 *   after    |header|records|records|records|   (void)    | what follows
 *
 * Nothing is allocated but the view. Every batch's CRC is checked, by one native pass over all of them:
 * what the stored CRCs say that pass must yield follows by `combine`. Whatever does not join, because
 * it is corrupt or does not fit, is left as it is.
 */
export function coalesceInPlace(records: Buffer, start: number, limits: CoalesceLimits): Coalesced {
  const place = { bytes: records, view: viewOf(records) };
  const { view } = place;
  const { end, isSound } = stretchAt(place, start, limits);
  const nothing = { batch: undefined, next: start, lookedTo: end };
  const second = endOfBatch(view, start);
  if (end <= second || !isSound) return nothing;
  const joined = {
    position: second,
    count: view.getInt32(start + RECORD_COUNT_OFFSET),
    baseTimestamp: readExact(view, start + BASE_TIMESTAMP_OFFSET),
    maxTimestamp: readExact(view, start + MAX_TIMESTAMP_OFFSET),
  };
  if (!fits(place, start, { ...joined, position: start + PAYLOAD_OFFSET, count: 0 }))
    return nothing;
  let next = second;
  let leaderEpoch = -1;
  while (next < end && fits(place, next, joined)) {
    // Read first: the header is where the records of this batch may go.
    const following = endOfBatch(view, next);
    leaderEpoch = view.getInt32(next + PARTITION_LEADER_EPOCH_OFFSET);
    append(place, next, joined);
    next = following;
  }
  if (next === second) return nothing;
  const batch = records.subarray(start, joined.position);
  seal(batch, leaderEpoch, joined);
  return { batch, next, lookedTo: end };
}

/** The same bytes twice: numbers of several bytes are read several times faster from a view than from a Buffer. */
interface Place {
  readonly bytes: Buffer;
  readonly view: DataView;
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** A batch under construction: where its records end so far, and what its header will say. */
interface Joined {
  position: number;
  count: number;
  readonly baseTimestamp: number;
  maxTimestamp: number;
}

/** Where the small plain neighbours from `start` on end, and whether their bytes are what their CRCs say. */
function stretchAt(
  { bytes: records, view }: Place,
  start: number,
  limits: CoalesceLimits,
): { readonly end: number; readonly isSound: boolean } {
  const { belowBytes, bytesMax, batchesMax } = limits;
  let position = start;
  let offset = readExact(view, start + BASE_OFFSET_OFFSET);
  if (BigInt(offset) < limits.fromOffset) return { end: start, isSound: false };
  const toOffset = Number(limits.toOffset);
  let crc = 0;
  for (let batches = 0; batches < batchesMax; batches++) {
    if (records.length - position < PAYLOAD_OFFSET) break;
    const next = endOfBatch(view, position);
    const bytes = next - position;
    if (bytes < PAYLOAD_OFFSET || bytes >= belowBytes || next > records.length) break;
    if (next - start > bytesMax || !isPlain(view, position)) break;
    if (readExact(view, position + BASE_OFFSET_OFFSET) !== offset) break;
    offset += view.getInt32(position + RECORD_COUNT_OFFSET);
    if (offset > toOffset) break;
    // What the stored CRC covers begins at the attributes.
    crc = continueCrc(crc, view, position, position + ATTRIBUTES_OFFSET);
    crc = combine(crc, view.getUint32(position + CRC_OFFSET), bytes - ATTRIBUTES_OFFSET);
    position = next;
  }
  return { end: position, isSound: crc32c(records.subarray(start, position)) === crc };
}

function endOfBatch(view: DataView, position: number): number {
  return position + BATCH_OVERHEAD + view.getInt32(position + BATCH_LENGTH_OFFSET);
}

function isPlain(view: DataView, position: number): boolean {
  const count = view.getInt32(position + RECORD_COUNT_OFFSET);
  return (
    view.getInt8(position + MAGIC_OFFSET) === 2 &&
    view.getUint16(position + ATTRIBUTES_OFFSET) === PLAIN_ATTRIBUTES &&
    count > 0 &&
    view.getInt32(position + LAST_OFFSET_DELTA_OFFSET) === count - 1 &&
    isWithin(view, position + BASE_OFFSET_OFFSET, OFFSET_HIGH_MAX) &&
    isWithin(view, position + BASE_TIMESTAMP_OFFSET, TIMESTAMP_HIGH_MAX) &&
    isWithin(view, position + MAX_TIMESTAMP_OFFSET, TIMESTAMP_HIGH_MAX)
  );
}

/** Whether a 64-bit number is not negative, and small enough for exact arithmetic. */
function isWithin(view: DataView, position: number, highMax: number): boolean {
  return view.getUint32(position) < highMax;
}

function readExact(view: DataView, position: number): number {
  return view.getUint32(position) * WORD + view.getUint32(position + 4);
}

/**
 * Whether every record of a batch is what it claims to be, and finds room behind those joined so far before
 * the bytes that are still to be read.
 */
function fits(place: Place, start: number, joined: Joined): boolean {
  const { view } = place;
  const cursor = cursorOf(place, start);
  const count = view.getInt32(start + RECORD_COUNT_OFFSET);
  const shift = readExact(view, start + BASE_TIMESTAMP_OFFSET) - joined.baseTimestamp;
  let { position } = joined;
  try {
    for (let index = 0; index < count; index++) {
      const length = readVarint(cursor);
      const end = cursor.position + length;
      if (length < RECORD_BYTES_MIN - 1 || end > cursor.end) return false;
      cursor.position++; // attributes
      const timestamp = readVarlong(cursor) + shift;
      if (readVarint(cursor) !== index || cursor.position > end) return false;
      if (!(Math.abs(timestamp) < TIMESTAMP_DELTA_MAX)) return false;
      const inner = innerBytes(timestamp, joined.count + index, end - cursor.position);
      position += varintBytes(inner) + inner;
      if (position > end) return false;
      cursor.position = end;
    }
  } catch (error) {
    if (error instanceof CorruptBatchError) return false;
    throw error;
  }
  return cursor.position === cursor.end;
}

/** Moves the records of a batch that fits up to those joined so far. */
function append(place: Place, start: number, joined: Joined): void {
  const { bytes: records, view } = place;
  // All of the header is read before anything is written over it.
  const cursor = cursorOf(place, start);
  const count = view.getInt32(start + RECORD_COUNT_OFFSET);
  const shift = readExact(view, start + BASE_TIMESTAMP_OFFSET) - joined.baseTimestamp;
  const maxTimestamp = readExact(view, start + MAX_TIMESTAMP_OFFSET);
  for (let index = 0; index < count; index++) {
    const end = readVarint(cursor) + cursor.position;
    const attributes = records[cursor.position++]!;
    const timestamp = readVarlong(cursor) + shift;
    readVarint(cursor);
    const body = end - cursor.position;
    const inner = innerBytes(timestamp, joined.count, body);
    const bodyStart = joined.position + varintBytes(inner) + inner - body;
    // The body first: what is written before it may be where the body was.
    records.copyWithin(bodyStart, cursor.position, end);
    const at = writeVarint(records, joined.position, inner);
    records[at] = attributes;
    writeVarint(records, writeVarlong(records, at + 1, timestamp), joined.count);
    joined.position = bodyStart + body;
    joined.count++;
    cursor.position = end;
  }
  if (maxTimestamp > joined.maxTimestamp) joined.maxTimestamp = maxTimestamp;
}

/** Bytes of a record after its length: attributes, both deltas, and what is not rewritten. */
function innerBytes(timestamp: number, offsetDelta: number, body: number): number {
  return 1 + varlongBytes(timestamp) + varintBytes(offsetDelta) + body;
}

function cursorOf({ bytes, view }: Place, start: number): RecordCursor {
  const position = start + PAYLOAD_OFFSET;
  return { bytes, position, end: endOfBatch(view, start), baseOffset: 0n };
}

function seal(batch: Buffer, leaderEpoch: number, { count, maxTimestamp }: Joined): void {
  batch.writeInt32BE(batch.length - BATCH_OVERHEAD, BATCH_LENGTH_OFFSET);
  batch.writeInt32BE(leaderEpoch, PARTITION_LEADER_EPOCH_OFFSET);
  batch.writeInt32BE(count - 1, LAST_OFFSET_DELTA_OFFSET);
  batch.writeUInt32BE(Math.floor(maxTimestamp / WORD), MAX_TIMESTAMP_OFFSET);
  batch.writeUInt32BE(maxTimestamp % WORD, MAX_TIMESTAMP_OFFSET + 4);
  batch.fill(0xff, PRODUCER_ID_OFFSET, PRODUCER_EPOCH_OFFSET); // -1: no producer
  batch.writeInt16BE(-1, PRODUCER_EPOCH_OFFSET);
  batch.writeInt32BE(-1, BASE_SEQUENCE_OFFSET);
  batch.writeInt32BE(count, RECORD_COUNT_OFFSET);
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_OFFSET)), CRC_OFFSET);
}
