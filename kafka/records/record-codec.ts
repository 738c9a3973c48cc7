import {
  readVarint,
  readVarlongExact,
  corrupt,
  varintBytes,
  writeVarint,
  writeVarlongExact,
  type RecordCursor,
} from './varint.js';

/**
 * Records of a decompressed v2 payload, one object each. For our own small topics and for tests: the
 * copy path never comes here.
 *
 *   Record => length VARINT, attributes INT8, timestamp_delta VARLONG, offset_delta VARINT,
 *             key_length VARINT, key, value_length VARINT, value, header_count VARINT, headers
 *   Header => key_length VARINT, key, value_length VARINT, value
 *
 * A length of -1 is null, which is not empty: a null value is a tombstone.
 */
export interface RecordHeader {
  key: Buffer; // UTF-8, but kept as bytes
  value: Buffer | null;
}

export interface KafkaRecord {
  offsetDelta: number;
  timestampDelta: bigint;
  key: Buffer | null;
  value: Buffer | null;
  headers: RecordHeader[]; // in order; keys may repeat
}

/** A record of no bytes: length, attributes, two deltas, two null lengths, header count. */
export const RECORD_BYTES_MIN = 7;

/** A header of no bytes: two lengths. */
const HEADER_BYTES_MIN = 2;

/** Decodes all records as views of `payload`. `baseOffset` names the batch in errors. */
export function decodeRecords(
  payload: Buffer,
  recordCount: number,
  baseOffset: bigint,
): KafkaRecord[] {
  const cursor: RecordCursor = { bytes: payload, position: 0, end: payload.length, baseOffset };
  if (recordCount * RECORD_BYTES_MIN > payload.length) {
    throw corrupt(cursor, `${recordCount} records cannot fit into ${payload.length} bytes`);
  }
  const records: KafkaRecord[] = [];
  for (let index = 0; index < recordCount; index++) records.push(decodeRecord(cursor));
  if (cursor.position !== payload.length) {
    throw corrupt(cursor, `${payload.length - cursor.position} bytes follow the last record`);
  }
  return records;
}

function decodeRecord(cursor: RecordCursor): KafkaRecord {
  const length = readVarint(cursor);
  const end = cursor.position + length;
  if (length < RECORD_BYTES_MIN - 1 || end > cursor.end) {
    throw corrupt(cursor, `a record claims ${length} bytes`);
  }
  cursor.position++; // attributes: none are defined
  const timestampDelta = readVarlongExact(cursor);
  const offsetDelta = readVarint(cursor);
  const key = readBytes(cursor);
  const value = readBytes(cursor);
  const headers = readHeaders(cursor);
  if (cursor.position !== end) throw corrupt(cursor, `a record of ${length} bytes ends elsewhere`);
  return { offsetDelta, timestampDelta, key, value, headers };
}

function readHeaders(cursor: RecordCursor): RecordHeader[] {
  const count = readVarint(cursor);
  if (count < 0 || count * HEADER_BYTES_MIN > cursor.end - cursor.position) {
    throw corrupt(cursor, `a record claims ${count} headers`);
  }
  const headers: RecordHeader[] = [];
  for (let index = 0; index < count; index++) {
    const key = readBytes(cursor);
    if (key === null) throw corrupt(cursor, 'a header has no key');
    headers.push({ key, value: readBytes(cursor) });
  }
  return headers;
}

function readBytes(cursor: RecordCursor): Buffer | null {
  const length = readVarint(cursor);
  if (length === -1) return null;
  const start = cursor.position;
  if (length < 0 || length > cursor.end - start) {
    throw corrupt(cursor, `a field claims ${length} bytes`);
  }
  cursor.position = start + length;
  return cursor.bytes.subarray(start, start + length);
}

/** Encodes records into an uncompressed payload. */
export function encodeRecords(records: readonly KafkaRecord[]): Buffer {
  const bodies = records.map(bodyBytesMax);
  const capacity = bodies.reduce((sum, bytes) => sum + bytes, 0);
  const out = Buffer.allocUnsafe(capacity);
  let end = 0;
  for (const [index, record] of records.entries()) {
    // The body is written after the widest length, then moved back if the length is narrower.
    const bodyStart = end + varintBytes(bodies[index]!);
    const bodyEnd = writeBody(out, bodyStart, record);
    const start = end;
    end = writeVarint(out, start, bodyEnd - bodyStart);
    if (end !== bodyStart) out.copyWithin(end, bodyStart, bodyEnd);
    end += bodyEnd - bodyStart;
  }
  return out.subarray(0, end);
}

function writeBody(out: Buffer, start: number, record: KafkaRecord): number {
  out[start] = 0; // attributes
  let position = writeVarlongExact(out, start + 1, record.timestampDelta);
  position = writeVarint(out, position, record.offsetDelta);
  position = writeBytes(out, position, record.key);
  position = writeBytes(out, position, record.value);
  position = writeVarint(out, position, record.headers.length);
  for (const header of record.headers) {
    position = writeBytes(out, position, header.key);
    position = writeBytes(out, position, header.value);
  }
  return position;
}

function writeBytes(out: Buffer, position: number, bytes: Buffer | null): number {
  if (bytes === null) return writeVarint(out, position, -1);
  const start = writeVarint(out, position, bytes.length);
  bytes.copy(out, start);
  return start + bytes.length;
}

/** An upper bound: every varint counted at its widest, the record's own length included. */
function bodyBytesMax(record: KafkaRecord): number {
  const fixed = 5 + 1 + 10 + 5 + 5 + 5 + 5;
  let bytes = fixed + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const header of record.headers) {
    bytes += 10 + header.key.length + (header.value?.length ?? 0);
  }
  return bytes;
}
