import { compressSync, uncompressSync } from 'snappy';
import { DecompressionError, DecompressionLimitError } from './errors.js';

/**
 * Snappy as Java clients write it ("xerial framing"), and raw as some others do. Not Google's own
 * framing format.
 *
 *   magic 82 "SNAPPY" 00 | version int32 | compatible version int32 | (length int32 | raw block)...
 */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const FRAME_HEADER = Buffer.concat([MAGIC, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])]);
const BLOCK_LENGTH_BYTES = 4;

/** Bytes of one block before compression: what Kafka's own clients use. */
const BLOCK_BYTES = 32 * 1024;

/** Longest varint a raw block may begin with: its length is a uint32. */
const PREAMBLE_BYTES_MAX = 5;

export function compressXerial(plain: Buffer): Buffer {
  const parts: Buffer[] = [FRAME_HEADER];
  for (let start = 0; start < plain.length; start += BLOCK_BYTES) {
    const block = compressSync(plain.subarray(start, start + BLOCK_BYTES));
    const length = Buffer.allocUnsafe(BLOCK_LENGTH_BYTES);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

/** Decompresses either form. Each block states its size up front, so the limit needs no guess. */
export function decompressSnappy(compressed: Buffer, limitBytes: number): Buffer {
  if (!compressed.subarray(0, MAGIC.length).equals(MAGIC)) {
    return uncompressBlock(compressed, limitBytes, limitBytes);
  }
  const parts: Buffer[] = [];
  let total = 0;
  let position = FRAME_HEADER.length;
  while (position < compressed.length) {
    if (compressed.length - position < BLOCK_LENGTH_BYTES) throw malformed('a block length is cut');
    const length = compressed.readInt32BE(position);
    position += BLOCK_LENGTH_BYTES;
    if (length <= 0 || length > compressed.length - position) {
      throw malformed(`a block claims ${length} bytes`);
    }
    const block = compressed.subarray(position, position + length);
    const part = uncompressBlock(block, limitBytes - total, limitBytes);
    parts.push(part);
    total += part.length;
    position += length;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total);
}

function uncompressBlock(block: Buffer, remainingBytes: number, limitBytes: number): Buffer {
  if (statedLength(block) > remainingBytes) throw new DecompressionLimitError('snappy', limitBytes);
  try {
    return uncompressSync(block, { asBuffer: true }) as Buffer;
  } catch (cause) {
    throw new DecompressionError('snappy', 'a block is malformed', { cause });
  }
}

/** The uncompressed length in front of every raw block, an unsigned varint. */
function statedLength(block: Buffer): number {
  let length = 0;
  for (let index = 0; index < PREAMBLE_BYTES_MAX; index++) {
    const byte = block[index];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return length;
  }
  throw malformed('a block has no length');
}

function malformed(reason: string): DecompressionError {
  return new DecompressionError('snappy', reason);
}
