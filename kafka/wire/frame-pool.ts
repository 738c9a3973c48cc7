/** Smaller frames come from the allocator: they cost little, and nobody gives them back. */
const POOLED_FRAME_BYTES_MIN = 64 * 1024;

/** Larger frames are rare, and keeping one would cost more than making it. */
const POOLED_FRAME_BYTES_MAX = 32 * 1024 * 1024;

/** Bytes of frames that wait to be used again. */
export const FRAMES_KEPT_BYTES_MAX = 32 * 1024 * 1024;

/**
 * Memory for large frames, used again. A new buffer for each fetch answer costs a page fault for each of its
 * pages, and the garbage collector a marking of everything each few answers.
 *
 * Giving back is voluntary: a frame that is not given back belongs to the garbage collector, so an
 * error path need not know of the pool. Whoever gives one back vouches that no view of it is used again.
 */
export class FramePool {
  /** By the logarithm of their size, which is a power of two. */
  readonly #kept = new Map<number, Buffer[]>();
  #keptBytes = 0;

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Memory of exactly `bytes`, with whatever was in it. */
  take(bytes: number): Buffer {
    // Never of Node's own pool: a view kept of a pooled buffer would keep all of the pool.
    if (bytes < POOLED_FRAME_BYTES_MIN || bytes > POOLED_FRAME_BYTES_MAX) {
      return Buffer.allocUnsafeSlow(bytes);
    }
    const size = sizeClassOf(bytes);
    const kept = this.#kept.get(size)?.pop();
    if (kept === undefined) return Buffer.allocUnsafeSlow(2 ** size).subarray(0, bytes);
    this.#keptBytes -= kept.length;
    return kept.subarray(0, bytes);
  }

  /** Takes back the memory behind a frame that `take` returned. */
  give(memory: ArrayBufferLike): void {
    const { byteLength } = memory;
    if (byteLength < POOLED_FRAME_BYTES_MIN || byteLength > POOLED_FRAME_BYTES_MAX) return;
    const size = sizeClassOf(byteLength);
    // Made elsewhere, or one too many.
    if (2 ** size !== byteLength || this.#keptBytes + byteLength > FRAMES_KEPT_BYTES_MAX) return;
    const kept = this.#kept.get(size);
    if (kept === undefined) this.#kept.set(size, [Buffer.from(memory)]);
    else kept.push(Buffer.from(memory));
    this.#keptBytes += byteLength;
  }
}

function sizeClassOf(bytes: number): number {
  return 32 - Math.clz32(bytes - 1);
}
