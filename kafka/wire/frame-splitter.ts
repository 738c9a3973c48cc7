import { WireFormatError } from './wire-format-error.js';

const LENGTH_BYTES = 4;

/**
 * Cuts a byte stream into Kafka frames: an int32 length, then that many bytes.
 *
 *   chunk    |....LLLL frame LLLL fra|me LLLL frame|
 *
 * Every frame is copied once, into a buffer of exactly its size that is made when its length is known:
 * the chunks are views of a socket's one read buffer, and void after `push`. Nothing is ever
 * re-concatenated, so a frame of n bytes costs n bytes of copying however the socket slices it.
 */
export class FrameSplitter {
  readonly #frameBytesMax: number;

  /** The length field as it arrives, when a chunk ends within it. */
  readonly #length = Buffer.alloc(LENGTH_BYTES);
  #lengthFilled = 0;

  /** The frame being gathered, and how much of it is here. Invariant: filled < gathering.length. */
  #gathering: Buffer | undefined;
  #filled = 0;

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Whether the stream stands between two frames. */
  get idle(): boolean {
    return this.#gathering === undefined && this.#lengthFilled === 0;
  }

  /**
   * Returns the frames completed by `chunk`, without their length fields. After a `WireFormatError`
   * the stream is out of step for good: drop the connection.
   */
  push(chunk: Buffer): Buffer[] {
    const frames: Buffer[] = [];
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#gathering !== undefined) {
        offset += this.#gather(chunk, offset, frames);
        continue;
      }
      const size = this.#readLength(chunk, offset);
      if (size === undefined) break;
      offset = size.end;
      if (size.bytes <= chunk.length - offset) {
        // Of its own, not of Node's pool: a view kept of a pooled buffer would keep all of the pool.
        const frame = Buffer.allocUnsafeSlow(size.bytes);
        chunk.copy(frame, 0, offset);
        frames.push(frame);
        offset += size.bytes;
      } else {
        this.#gathering = Buffer.allocUnsafeSlow(size.bytes);
        this.#filled = 0;
      }
    }
    return frames;
  }

  /** The next frame's size and where its bytes start; undefined when the chunk ends before that. */
  #readLength(chunk: Buffer, offset: number): { bytes: number; end: number } | undefined {
    const wanted = LENGTH_BYTES - this.#lengthFilled;
    const taken = chunk.copy(this.#length, this.#lengthFilled, offset, offset + wanted);
    this.#lengthFilled += taken;
    if (taken < wanted) return undefined;

    this.#lengthFilled = 0;
    const bytes = this.#length.readInt32BE(0);
    if (bytes < 0) throw new WireFormatError('frame length', 0, `${bytes} is negative`);
    if (bytes > this.#frameBytesMax) {
      const problem = `${bytes} is more than the limit of ${this.#frameBytesMax}`;
      throw new WireFormatError('frame length', 0, problem);
    }
    return { bytes, end: offset + taken };
  }

  /** Returns how many bytes of the chunk were taken. */
  #gather(chunk: Buffer, offset: number, frames: Buffer[]): number {
    const frame = this.#gathering as Buffer;
    const taken = chunk.copy(frame, this.#filled, offset);
    this.#filled += taken;
    if (this.#filled === frame.length) {
      frames.push(frame);
      this.#gathering = undefined;
    }
    return taken;
  }
}
