import { compressFrameSync, decompressFrameSync } from 'lz4-napi';
import { DecompressionError, DecompressionLimitError } from './errors.js';

/**
 * The LZ4 frame format. Kafka's reader wants independent blocks, version 1 and a right header
 * checksum, and computes a content checksum in a way of its own; the library's default frames
 * (flags 0x60: independent blocks, no checksums) are what it reads.
 *
 *   magic | FLG | BD | [content size 8] | [dictionary id 4] | header checksum
 *   (block size, top bit = stored | block | [block checksum 4])... | 0 | [content checksum 4]
 */
const MAGIC = 0x184d2204;
const STORED_BLOCK_FLAG = 0x80000000;
const BLOCK_CHECKSUM_FLAG = 0x10;
const CONTENT_SIZE_FLAG = 0x08;
const DICTIONARY_FLAG = 0x01;
const DESCRIPTOR_OFFSET = 4;
const DESCRIPTOR_BYTES_MIN = 3;

/** A match is at least this long: the format stores lengths minus this. */
const MATCH_BYTES_MIN = 4;

export function compressLz4(plain: Buffer): Buffer {
  return compressFrameSync(plain);
}

/** The library has no output limit, so the size is measured first, without decompressing. */
export function decompressLz4(compressed: Buffer, limitBytes: number): Buffer {
  measureFrame(compressed, limitBytes);
  try {
    return decompressFrameSync(compressed);
  } catch (cause) {
    throw new DecompressionError('lz4', 'the frame is malformed', { cause });
  }
}

/** Throws when the frame's blocks regenerate more than `limitBytes`. */
function measureFrame(frame: Buffer, limitBytes: number): void {
  if (frame.length < DESCRIPTOR_OFFSET + DESCRIPTOR_BYTES_MIN || frame.readUInt32LE(0) !== MAGIC) {
    throw new DecompressionError('lz4', 'no frame header');
  }
  const flags = frame[DESCRIPTOR_OFFSET]!;
  let position = DESCRIPTOR_OFFSET + DESCRIPTOR_BYTES_MIN;
  if (flags & CONTENT_SIZE_FLAG) position += 8;
  if (flags & DICTIONARY_FLAG) position += 4;
  let total = 0;
  for (;;) {
    if (frame.length - position < 4) throw new DecompressionError('lz4', 'the frame is cut short');
    const word = frame.readUInt32LE(position);
    position += 4;
    if (word === 0) return; // end mark
    const length = word & ~STORED_BLOCK_FLAG;
    const end = position + length;
    if (end > frame.length) throw new DecompressionError('lz4', 'a block is cut short');
    total += word >= STORED_BLOCK_FLAG ? length : measureBlock(frame, position, end);
    if (total > limitBytes) throw new DecompressionLimitError('lz4', limitBytes);
    position = end + (flags & BLOCK_CHECKSUM_FLAG ? 4 : 0);
  }
}

/** What one block regenerates: the sum of its literal and match lengths. */
function measureBlock(block: Buffer, start: number, end: number): number {
  let total = 0;
  let position = start;
  while (position < end) {
    const token = block[position++]!;
    let literals = token >>> 4;
    if (literals === 15) {
      for (let byte = 255; byte === 255 && position < end; literals += byte)
        byte = block[position++]!;
    }
    total += literals;
    position += literals;
    if (position >= end) break; // the last sequence has no match
    position += 2; // match distance
    let match = token & 0x0f;
    if (match === 15) {
      for (let byte = 255; byte === 255 && position < end; match += byte) byte = block[position++]!;
    }
    total += match + MATCH_BYTES_MIN;
  }
  return total;
}
