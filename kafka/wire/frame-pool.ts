/** Smaller frames come from the allocator: they cost little, and nobody gives them back. */
export const POOLED_FRAME_BYTES_MIN = 64 * 1024;

/** Bytes of frames that wait to be used again; a frame larger than that never does. */
export const FRAMES_KEPT_BYTES_MAX = 32 * 1024 * 1024;

/** A frame may be put into memory this many times its size: a larger one would be worth keeping for another. */
const OVERSIZE_FACTOR_MAX = 2;

/**
 * Memory for large frames, used again. A new buffer for each fetch answer costs a page fault for each of its
 * pages, and the garbage collector a marking of everything each few answers.
 *
 * Giving back is voluntary: a frame that is not given back belongs to the garbage collector, so an
 * error path need not know of the pool. Whoever gives one back vouches that no view of it is used again.
 */
export class FramePool {
  /** The one given back last is at the end, and the likeliest to be in the processor's cache. */
  #kept: Buffer[] = [];
  #keptBytes = 0;

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Memory of exactly `bytes`, with whatever was in it. */
  take(bytes: number): Buffer {
    // Never of Node's own pool: a view kept of a pooled buffer would keep all of the pool.
    if (bytes < POOLED_FRAME_BYTES_MIN) return Buffer.allocUnsafeSlow(bytes);
    const index = this.#kept.findLastIndex(
      ({ length }) => length >= bytes && length <= bytes * OVERSIZE_FACTOR_MAX,
    );
    const [kept] = index < 0 ? [] : this.#kept.splice(index, 1);
    if (kept === undefined) return Buffer.allocUnsafeSlow(pooledSizeOf(bytes)).subarray(0, bytes);
    this.#keptBytes -= kept.length;
    return kept.subarray(0, bytes);
  }

  /** Takes back the memory behind a frame that `take` returned; what was given back first makes room. */
  give(memory: ArrayBufferLike): void {
    const { byteLength } = memory;
    if (byteLength < POOLED_FRAME_BYTES_MIN || byteLength > FRAMES_KEPT_BYTES_MAX) return;
    this.#kept.push(Buffer.from(memory));
    this.#keptBytes += byteLength;
    while (this.#keptBytes > FRAMES_KEPT_BYTES_MAX) this.#keptBytes -= this.#kept.shift()!.length;
  }
}

/** Four sizes for each power of two, so that answers of about the same size can take each other's place. */
function pooledSizeOf(bytes: number): number {
  const step = 2 ** (29 - Math.clz32(bytes - 1));
  return Math.ceil(bytes / step) * step;
}
