import { CorruptBatchError } from './errors.js';

/**
 * Zigzag varints over plain bytes, as records use them. Free functions around one cursor a batch:
 * they run per record on the re-encoding path, where an object per number would cost most of it.
 */
export interface RecordCursor {
  readonly bytes: Buffer;
  position: number;
  readonly end: number; //         exclusive; reading past it is corruption
  readonly baseOffset: bigint; //  names the batch in errors
}

const VARINT_BYTES_MAX = 5;
const VARLONG_BYTES_MAX = 10;

export function corrupt(cursor: RecordCursor, reason: string): CorruptBatchError {
  return new CorruptBatchError(cursor.baseOffset, reason);
}

/** A signed 32-bit varint. */
export function readVarint(cursor: RecordCursor): number {
  const { bytes, end } = cursor;
  let position = cursor.position;
  let raw = 0;
  for (let index = 0; index < VARINT_BYTES_MAX && position < end; index++) {
    const byte = bytes[position++]!;
    raw |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) {
      cursor.position = position;
      return (raw >>> 1) ^ -(raw & 1);
    }
  }
  throw corrupt(cursor, `a varint at payload byte ${cursor.position} does not end`);
}

/**
 * A signed 64-bit varint as a number: exact within ±2^52, NaN beyond. Callers check before that
 * only timestamps in that range can follow, so NaN means corruption to them.
 */
export function readVarlong(cursor: RecordCursor): number {
  const { bytes, end } = cursor;
  let position = cursor.position;
  let low = 0; //  the first four groups: 28 bits
  let high = 0; // the rest: up to 36 bits, so no bit operations
  let weight = 1;
  for (let index = 0; index < VARLONG_BYTES_MAX && position < end; index++) {
    const byte = bytes[position++]!;
    if (index < 4) {
      low |= (byte & 0x7f) << (7 * index);
    } else {
      high += (byte & 0x7f) * weight;
      weight *= 128;
    }
    if (byte < 0x80) {
      cursor.position = position;
      if (high === 0) return (low >>> 1) ^ -(low & 1);
      if (high >= 2 ** 25) return Number.NaN;
      const raw = high * 2 ** 28 + low;
      return low & 1 ? -(raw + 1) / 2 : raw / 2;
    }
  }
  throw corrupt(cursor, `a varlong at payload byte ${cursor.position} does not end`);
}

/** A signed 64-bit varint, exact over the whole range. */
export function readVarlongExact(cursor: RecordCursor): bigint {
  const start = cursor.position;
  const short = readVarlong(cursor);
  if (!Number.isNaN(short)) return BigInt(short);
  let raw = 0n;
  for (let at = start, bits = 0n; at < cursor.position; at++, bits += 7n) {
    raw |= BigInt(cursor.bytes[at]! & 0x7f) << bits;
  }
  raw = BigInt.asUintN(64, raw);
  return (raw >> 1n) ^ -(raw & 1n);
}

/** Writes a signed 32-bit varint and returns the position after it. */
export function writeVarint(bytes: Buffer, position: number, value: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0;
  let at = position;
  while (raw >= 0x80) {
    bytes[at++] = (raw & 0x7f) | 0x80;
    raw >>>= 7;
  }
  bytes[at++] = raw;
  return at;
}

/** Writes a signed varlong within ±2^52 and returns the position after it. */
export function writeVarlong(bytes: Buffer, position: number, value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return writeVarint(bytes, position, value);
  let raw = value < 0 ? -2 * value - 1 : 2 * value;
  let at = position;
  while (raw >= 0x80) {
    bytes[at++] = (raw % 128) | 0x80;
    raw = Math.floor(raw / 128);
  }
  bytes[at++] = raw;
  return at;
}

/** Writes any varlong, wrapped to 64 bits as in Java, and returns the position after it. */
export function writeVarlongExact(bytes: Buffer, position: number, value: bigint): number {
  const wrapped = BigInt.asIntN(64, value);
  let raw = BigInt.asUintN(64, (wrapped << 1n) ^ (wrapped >> 63n));
  let at = position;
  while (raw >= 0x80n) {
    bytes[at++] = Number(raw & 0x7fn) | 0x80;
    raw >>= 7n;
  }
  bytes[at++] = Number(raw);
  return at;
}

/** Bytes that writeVarint needs. */
export function varintBytes(value: number): number {
  const raw = ((value << 1) ^ (value >> 31)) >>> 0;
  if (raw < 0x80) return 1;
  if (raw < 0x4000) return 2;
  if (raw < 0x200000) return 3;
  return raw < 0x10000000 ? 4 : 5;
}

/** Bytes that writeVarlong needs. */
export function varlongBytes(value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return varintBytes(value);
  let raw = value < 0 ? -2 * value - 1 : 2 * value;
  let bytes = 1;
  while (raw >= 0x80) {
    raw = Math.floor(raw / 128);
    bytes++;
  }
  return bytes;
}
