import { DecompressionError } from './errors.js';

/**
 * Walks zstd frames without decompressing them. Needed because Java's streaming writer states no
 * content size, the WASM library then assumes 1 MiB, and neither library bounds what it allocates
 * for a frame that lies. A frame's blocks give an upper bound that cannot lie.
 */
const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50; // low four bits are free
const BLOCK_BYTES_MAX = 128 * 1024;
const RAW_BLOCK = 0;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;

export interface ZstdFrame {
  start: number;
  end: number; // exclusive
  /** What the frame's header states, if it does. Untrusted. */
  contentBytes: number | undefined;
  /** No decoder can regenerate more than this from the frame's blocks. */
  contentBytesMax: number;
}

/** The frames of `compressed`, in order; skippable ones left out. */
export function listZstdFrames(compressed: Buffer): ZstdFrame[] {
  const frames: ZstdFrame[] = [];
  let position = 0;
  while (position < compressed.length) {
    if (compressed.length - position < 8) throw cut();
    const magic = compressed.readUInt32LE(position);
    if ((magic & 0xfffffff0) === SKIPPABLE_MAGIC) {
      position += 8 + compressed.readUInt32LE(position + 4);
      continue;
    }
    if (magic !== FRAME_MAGIC) throw new DecompressionError('zstd', 'no frame header');
    const frame = walkFrame(compressed, position);
    frames.push(frame);
    position = frame.end;
  }
  if (position > compressed.length) throw cut();
  return frames;
}

function walkFrame(compressed: Buffer, start: number): ZstdFrame {
  const descriptor = compressed[start + 4]!;
  const singleSegment = (descriptor & 0x20) !== 0;
  const checksumBytes = descriptor & 0x04 ? 4 : 0;
  const sizeCode = descriptor >>> 6;
  const sizeBytes = sizeCode === 0 && singleSegment ? 1 : CONTENT_SIZE_BYTES[sizeCode]!;
  const sizeAt = start + 5 + (singleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[descriptor & 0x03]!;
  let position = sizeAt + sizeBytes;
  if (position > compressed.length) throw cut();
  const contentBytes = sizeBytes === 0 ? undefined : readSize(compressed, sizeAt, sizeBytes);
  let contentBytesMax = 0;
  for (let last = false; !last;) {
    if (compressed.length - position < 3) throw cut();
    const header = compressed.readUIntLE(position, 3);
    last = (header & 1) !== 0;
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    if (type === RESERVED_BLOCK) throw new DecompressionError('zstd', 'a reserved block type');
    contentBytesMax += type === RAW_BLOCK || type === RLE_BLOCK ? size : BLOCK_BYTES_MAX;
    position += 3 + (type === RLE_BLOCK ? 1 : size);
    if (position > compressed.length) throw cut();
  }
  const end = position + checksumBytes;
  if (end > compressed.length) throw cut();
  return { start, end, contentBytes, contentBytesMax };
}

function readSize(compressed: Buffer, at: number, bytes: number): number {
  if (bytes === 1) return compressed[at]!;
  if (bytes === 2) return compressed.readUInt16LE(at) + 256;
  if (bytes === 4) return compressed.readUInt32LE(at);
  return Number(compressed.readBigUInt64LE(at));
}

function cut(): DecompressionError {
  return new DecompressionError('zstd', 'a frame is cut short');
}
