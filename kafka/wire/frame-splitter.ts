import { FramePool } from './frame-pool.js';
import { WireFormatError } from './wire-format-error.js';

const LENGTH_BYTES = 4;

/** What one read may take when it is not known where its bytes belong. */
const SCRATCH_BYTES = 128 * 1024;

/** The rest of a frame is read to its place if it is at least this much; less shares a read with what follows. */
const READ_IN_PLACE_BYTES_MIN = 64 * 1024;

/**
 * Cuts a byte stream into Kafka frames: an int32 length, then that many bytes.
 *
 *   chunk    |....LLLL frame LLLL fra|me LLLL frame|
 *
 * A frame's memory is taken when its length is known. A reader that asks `readTarget` where to read to
 * puts the bulk of a large frame where it belongs, and nothing of that is copied; all other bytes are
 * copied once. Nothing is ever re-concatenated, so a frame of n bytes costs at most n bytes of
 * copying however the socket slices it.
 */
export class FrameSplitter {
  readonly #frameBytesMax: number;
  readonly #pool: FramePool;
  #scratch: Buffer | undefined;

  /** The length field as it arrives, when a chunk ends within it. */
  readonly #length = Buffer.alloc(LENGTH_BYTES);
  #lengthFilled = 0;

  /** The frame being gathered, and how much of it is here. Invariant: filled < gathering.length. */
  #gathering: Buffer | undefined;
  #filled = 0;

  constructor(frameBytesMax: number, pool = new FramePool()) {
    this.#frameBytesMax = frameBytesMax;
    this.#pool = pool;
  }

  /** Whether the stream stands between two frames. */
  get idle(): boolean {
    return this.#gathering === undefined && this.#lengthFilled === 0;
  }

  /**
   * Where the next bytes of the stream are best read to; a chunk that begins there is then pushed. Void
   * after the next `push`.
   */
  readTarget(): Buffer {
    const missing = (this.#gathering?.length ?? 0) - this.#filled;
    if (this.#gathering !== undefined && missing >= READ_IN_PLACE_BYTES_MIN) {
      return this.#gathering.subarray(this.#filled);
    }
    return (this.#scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES));
  }

  /**
   * Returns the frames completed by `chunk`, without their length fields; keeps nothing of the chunk itself.
   * After a `WireFormatError` the stream is out of step for good: drop the connection.
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
      const frame = this.#pool.take(size.bytes);
      if (size.bytes <= chunk.length - offset) {
        chunk.copy(frame, 0, offset);
        frames.push(frame);
        offset += size.bytes;
      } else {
        this.#gathering = frame;
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
    const inPlace =
      chunk.buffer === frame.buffer && chunk.byteOffset === frame.byteOffset + this.#filled;
    const taken = inPlace ? chunk.length : chunk.copy(frame, this.#filled, offset);
    this.#filled += taken;
    if (this.#filled === frame.length) {
      frames.push(frame);
      this.#gathering = undefined;
    }
    return taken;
  }
}
