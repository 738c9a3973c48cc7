import { crc32c as nativeCrc32c } from '@node-rs/crc32';
import { ATTRIBUTES_OFFSET, PAYLOAD_OFFSET, baseOffset, crc as storedCrc } from './batch-header.js';
import { CorruptBatchError } from './errors.js';

/**
 * CRC-32C, and its algebra: a CRC is linear over GF(2), so appending n bytes to A acts on crc(A) as
 * a 32x32 bit matrix that depends on n alone. Hence
 *
 *   crc(A || B) = shift(crc(A), length(B)) xor crc(B)
 *
 * and replacing a prefix H by H' of the same length changes the CRC by
 * shift(crc(H) xor crc(H'), length(payload)): the payload is never read. One shift per batch.
 */
const CASTAGNOLI_REFLECTED = 0x82f63b78;

/** Lengths are below 2^31, as a batch's length field is. */
const SHIFT_POWERS = 31;

/** byteTable[b]: the register after one byte b went through it, starting from zero. */
const byteTable = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let register = byte;
  for (let bit = 0; bit < 8; bit++) {
    register = register & 1 ? (register >>> 1) ^ CASTAGNOLI_REFLECTED : register >>> 1;
  }
  byteTable[byte] = register >>> 0;
}

/**
 * powerTables[k]: the matrix for 2^k zero bytes, as four tables of 256 columns, so that applying it
 * costs four look-ups. 4 KiB each, made when a length first needs it.
 */
const powerTables: (Uint32Array | undefined)[] = new Array<Uint32Array | undefined>(SHIFT_POWERS);

/** CRC-32C of `bytes`; a `seed` is the CRC of what came before. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return nativeCrc32c(bytes, seed) >>> 0;
}

/**
 * The same for a few bytes of a longer buffer: in JavaScript, since a native call costs more. Four bytes
 * at a time, since what they do to the register is what four zero bytes do to it once they are in it.
 */
export function continueCrc(crc: number, view: DataView, start: number, end: number): number {
  const fourZeros = powerTables[2] ?? makePowerTable(2);
  let register = ~crc;
  let index = start;
  for (; index + 4 <= end; index += 4) {
    register = applyTable(fourZeros, register ^ view.getUint32(index, true));
  }
  for (; index < end; index++) {
    register = byteTable[(register ^ view.getUint8(index)) & 0xff]! ^ (register >>> 8);
  }
  return ~register >>> 0;
}

/** What the CRC becomes, apart from the xor with their own CRC, when `byteLength` bytes follow. */
export function shift(crc: number, byteLength: number): number {
  let register = crc;
  for (let power = 0, rest = byteLength; rest > 0; power++, rest >>>= 1) {
    if ((rest & 1) === 0) continue;
    register = applyTable(powerTables[power] ?? makePowerTable(power), register);
  }
  return register >>> 0;
}

/** crc(A || B) from crc(A), crc(B) and the length of B. */
export function combine(crcA: number, crcB: number, byteLengthB: number): number {
  return (shift(crcA, byteLengthB) ^ crcB) >>> 0;
}

/**
 * The batch CRC after its covered header (40 bytes from the attributes on) changed from `oldHeader`
 * to `newHeader`. A CRC that was wrong stays wrong, so corruption is still found by the target.
 */
export function patchedCrc(
  oldCrc: number,
  headers: { oldHeader: Uint8Array; newHeader: Uint8Array },
  payloadLength: number,
): number {
  const { oldHeader, newHeader } = headers;
  const before = headerRegister(oldHeader, 0, oldHeader.length);
  const after = headerRegister(newHeader, 0, newHeader.length);
  return (oldCrc ^ shift(before ^ after, payloadLength)) >>> 0;
}

/**
 * The register after the bytes, from zero and without the final inversion: only a difference of two
 * such values means anything. In JavaScript, since for 40 bytes a native call costs more.
 */
export function headerRegister(bytes: Uint8Array, start: number, end: number): number {
  let register = 0;
  for (let index = start; index < end; index++) {
    register = byteTable[(register ^ bytes[index]!) & 0xff]! ^ (register >>> 8);
  }
  return register >>> 0;
}

/**
 * CRC-32C of the payload alone, recovered from the batch's CRC without reading the payload. Equal
 * for a source batch and its patched copy on the target.
 */
export function payloadCrc(batch: Buffer): number {
  const headerCrc = crc32c(batch.subarray(ATTRIBUTES_OFFSET, PAYLOAD_OFFSET));
  return (storedCrc(batch) ^ shift(headerCrc, batch.length - PAYLOAD_OFFSET)) >>> 0;
}

/** The CRC that a batch should have: reads all of it. */
export function computeBatchCrc(batch: Buffer): number {
  return crc32c(batch.subarray(ATTRIBUTES_OFFSET));
}

/** Whether the stored CRC is right: reads the whole batch. */
export function verifyBatchCrc(batch: Buffer): boolean {
  return computeBatchCrc(batch) === storedCrc(batch);
}

/** For every path that makes a new CRC: without this check it would launder a corrupt payload. */
export function ensureBatchCrc(batch: Buffer): void {
  if (verifyBatchCrc(batch)) return;
  throw new CorruptBatchError(baseOffset(batch), 'its CRC does not match its bytes');
}

function applyTable(table: Uint32Array, register: number): number {
  return (
    table[register & 0xff]! ^
    table[0x100 | ((register >>> 8) & 0xff)]! ^
    table[0x200 | ((register >>> 16) & 0xff)]! ^
    table[0x300 | (register >>> 24)]!
  );
}

function makePowerTable(power: number): Uint32Array {
  const table = new Uint32Array(4 * 256);
  const half = power === 0 ? undefined : (powerTables[power - 1] ?? makePowerTable(power - 1));
  for (let column = 0; column < 4; column++) {
    for (let byte = 0; byte < 256; byte++) {
      const index = (column << 8) | byte;
      const register = (byte << (8 * column)) >>> 0;
      // Twice the half step; the smallest step is one zero byte.
      table[index] = half
        ? applyTable(half, half[index]!) >>> 0
        : (byteTable[register & 0xff]! ^ (register >>> 8)) >>> 0;
    }
  }
  powerTables[power] = table;
  return table;
}
