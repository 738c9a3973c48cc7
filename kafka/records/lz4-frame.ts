import { compressFrameSync, decompressFrameSync, uncompressSync } from 'lz4-napi';
import { DecompressionError, DecompressionLimitError } from './errors.js';

/**
 * The LZ4 frame format. Kafka's reader wants independent blocks, version 1 and a right header
 * checksum, and computes a content checksum in a way of its own; the library's default frames
 * (flags 0x60: independent blocks, no checksums) are what it reads. So do Kafka's clients write them, and of
 * such a frame its block alone is read if it is the only one: for a batch of two kilobytes the library's frame
 * reader takes twice as long.
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

/** Independent blocks, no checksum but the header's. */
const PLAIN_FLAGS = 0x60;

/** By BD: how large a block may be, and the header checksum behind the plain flags. */
const PLAIN_FRAMES: ReadonlyMap<
  number,
  { readonly blockBytesMax: number; readonly checksum: number }
> = new Map([
  [0x40, { blockBytesMax: 64 * 1024, checksum: 0x82 }],
  [0x50, { blockBytesMax: 256 * 1024, checksum: 0xfb }],
  [0x60, { blockBytesMax: 1024 * 1024, checksum: 0x51 }],
  [0x70, { blockBytesMax: 4 * 1024 * 1024, checksum: 0x73 }],
]);

/** Before each block of a frame, and, with the size that it regenerates, before one of the library's. */
const PREFIX_BYTES = 4;

/** A match is at least this long: the format stores lengths minus this. */
const MATCH_BYTES_MIN = 4;

export function compressLz4(plain: Buffer): Buffer {
  return compressFrameSync(plain);
}

/** The library has no output limit, so the size is measured first, without decompressing. */
export function decompressLz4(compressed: Buffer, limitBytes: number): Buffer {
  const only = measureFrame(compressed, limitBytes);
  try {
    return only !== undefined && isPlainBlock(compressed, only)
      ? decompressBlock(compressed, only)
      : decompressFrameSync(compressed);
  } catch (cause) {
    throw new DecompressionError('lz4', 'the frame is malformed', { cause });
  }
}

/** A block of a frame. */
interface Block {
  readonly start: number;
  readonly end: number;
  readonly isStored: boolean;
  /** Bytes that it regenerates. */
  readonly plainBytes: number;
}

/** Whether there is nothing about it but the block itself to verify, and it is not too large. */
function isPlainBlock(frame: Buffer, { plainBytes }: Block): boolean {
  if (frame[DESCRIPTOR_OFFSET] !== PLAIN_FLAGS) return false;
  const plain = PLAIN_FRAMES.get(frame[DESCRIPTOR_OFFSET + 1]!);
  return (
    plain !== undefined &&
    plain.checksum === frame[DESCRIPTOR_OFFSET + 2] &&
    plainBytes <= plain.blockBytesMax
  );
}

function decompressBlock(frame: Buffer, { start, end, isStored, plainBytes }: Block): Buffer {
  if (isStored) return frame.subarray(start, end);
  // The library wants the size where the frame has that of the compressed block.
  const block = Buffer.allocUnsafe(PREFIX_BYTES + end - start);
  block.writeUInt32LE(plainBytes, 0);
  frame.copy(block, PREFIX_BYTES, start, end);
  return uncompressSync(block);
}

/**
 * Throws when the frame's blocks regenerate more than `limitBytes`. Returns its block if it has no other: a
 * list of all would take more memory than the frame, which may be nothing but empty blocks.
 */
function measureFrame(frame: Buffer, limitBytes: number): Block | undefined {
  if (frame.length < DESCRIPTOR_OFFSET + DESCRIPTOR_BYTES_MIN || frame.readUInt32LE(0) !== MAGIC) {
    throw new DecompressionError('lz4', 'no frame header');
  }
  const flags = frame[DESCRIPTOR_OFFSET]!;
  let position = DESCRIPTOR_OFFSET + DESCRIPTOR_BYTES_MIN;
  if (flags & CONTENT_SIZE_FLAG) position += 8;
  if (flags & DICTIONARY_FLAG) position += 4;
  let total = 0;
  let last: Block | undefined;
  for (let blocks = 0; ; blocks++) {
    if (frame.length - position < 4) throw new DecompressionError('lz4', 'the frame is cut short');
    const word = frame.readUInt32LE(position);
    if (word === 0) return blocks === 1 ? last : undefined; // end mark
    const start = position + PREFIX_BYTES;
    const length = word & ~STORED_BLOCK_FLAG;
    const end = start + length;
    if (end > frame.length) throw new DecompressionError('lz4', 'a block is cut short');
    const isStored = word >= STORED_BLOCK_FLAG;
    const plainBytes = isStored ? length : measureBlock(frame, start, end);
    total += plainBytes;
    if (total > limitBytes) throw new DecompressionLimitError('lz4', limitBytes);
    last = { start, end, isStored, plainBytes };
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
