/**
 * LZ4 frames in messages of magic 0. Kafka's first writer took the header checksum over the frame's
 * magic as well, and its readers ignore that checksum in magic 0 ever since (KIP-57). Decoders do not,
 * so it is put right before they see it.
 *
 *   magic 4 | FLG | BD | [content size 8] | [dictionary id 4] | header checksum | blocks
 */
const DESCRIPTOR_OFFSET = 4;
const DESCRIPTOR_BYTES = 2;
const CONTENT_SIZE_FLAG = 0x08;
const CONTENT_SIZE_BYTES = 8;
const DICTIONARY_FLAG = 0x01;
const DICTIONARY_BYTES = 4;

const PRIME_1 = 0x9e3779b1;
const PRIME_2 = 0x85ebca77;
const PRIME_3 = 0xc2b2ae3d;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;

/** A copy of the frame with the checksum that the format wants; a frame too short is left as it is. */
export function withRightHeaderChecksum(frame: Buffer): Buffer {
  const flags = frame[DESCRIPTOR_OFFSET] ?? 0;
  const end =
    DESCRIPTOR_OFFSET +
    DESCRIPTOR_BYTES +
    (flags & CONTENT_SIZE_FLAG ? CONTENT_SIZE_BYTES : 0) +
    (flags & DICTIONARY_FLAG ? DICTIONARY_BYTES : 0);
  if (frame.length <= end) return frame;
  const right = Buffer.from(frame);
  right[end] = (xxh32Short(frame.subarray(DESCRIPTOR_OFFSET, end)) >>> 8) & 0xff;
  return right;
}

/** xxHash32 with seed 0 of fewer than 16 bytes, which is all that a descriptor can have. */
function xxh32Short(bytes: Buffer): number {
  let hash = (PRIME_5 + bytes.length) | 0;
  let position = 0;
  for (; position + 4 <= bytes.length; position += 4) {
    hash = (hash + Math.imul(bytes.readUInt32LE(position), PRIME_3)) | 0;
    hash = Math.imul(rotateLeft(hash, 17), PRIME_4);
  }
  for (; position < bytes.length; position++) {
    hash = (hash + Math.imul(bytes[position]!, PRIME_5)) | 0;
    hash = Math.imul(rotateLeft(hash, 11), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
