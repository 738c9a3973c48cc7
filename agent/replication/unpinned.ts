/** A view may keep alive this many times its own size. */
const PINNED_FACTOR_MAX = 8;

/**
 * The bytes, in memory of their own if they are a small part of what they lie in. A fetch answer is one
 * buffer for many partitions: a few bytes of one that cannot send would keep all of it alive, and the
 * memory budget, which counts batches, would not see it.
 */
export function unpinned(bytes: Buffer): Buffer {
  if (bytes.length * PINNED_FACTOR_MAX >= bytes.buffer.byteLength) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}
