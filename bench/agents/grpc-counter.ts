/** Sent once by a client, before its first frame (RFC 9113, section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Length (3 bytes), type, flags, stream (4). */
const FRAME_HEADER_BYTES = 9;
const FRAME_DATA = 0;
const FLAG_END_STREAM = 1;

/** Whether it is compressed, and its length (4 bytes), before each message. */
const MESSAGE_HEADER_BYTES = 5;

/** Where one stream is within its messages. */
interface StreamPlace {
  headerBytes: number;
  length: number;
  left: number;
}

/** Counts what passes in one direction of one connection, without keeping any of it. */
export class GrpcCounter {
  messages = 0;
  /** All of them: of messages, frames, headers, pings. */
  bytes = 0;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #type = -1;
  #stream = 0;
  #payloadLeft = 0;
  #endsStream = false;
  #prefaceLeft: number | undefined;
  readonly #streams = new Map<number, StreamPlace>();

  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#prefaceLeft ??= chunk[0] === PREFACE[0] ? PREFACE.length : 0;
    let at = Math.min(this.#prefaceLeft, chunk.length);
    this.#prefaceLeft -= at;
    while (at < chunk.length) {
      at += this.#payloadLeft > 0 ? this.#payload(chunk, at) : this.#frameHeader(chunk, at);
    }
  }

  #frameHeader(chunk: Buffer, at: number): number {
    const taken = Math.min(FRAME_HEADER_BYTES - this.#headerBytes, chunk.length - at);
    chunk.copy(this.#header, this.#headerBytes, at, at + taken);
    this.#headerBytes += taken;
    if (this.#headerBytes < FRAME_HEADER_BYTES) return taken;
    this.#headerBytes = 0;
    this.#payloadLeft = this.#header.readUIntBE(0, 3);
    this.#type = this.#header[3] ?? -1;
    this.#endsStream = ((this.#header[4] ?? 0) & FLAG_END_STREAM) !== 0;
    this.#stream = this.#header.readUInt32BE(5) & 0x7fffffff;
    if (this.#payloadLeft === 0) this.#frameOver();
    return taken;
  }

  #payload(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#payloadLeft, chunk.length - at);
    if (this.#type === FRAME_DATA) this.#messagesIn(chunk.subarray(at, at + taken));
    this.#payloadLeft -= taken;
    if (this.#payloadLeft === 0) this.#frameOver();
    return taken;
  }

  #frameOver(): void {
    if (this.#endsStream && this.#type === FRAME_DATA) this.#streams.delete(this.#stream);
  }

  #messagesIn(piece: Buffer): void {
    const place = this.#streams.get(this.#stream) ?? { headerBytes: 0, length: 0, left: 0 };
    this.#streams.set(this.#stream, place);
    for (let at = 0; at < piece.length;) {
      if (place.left > 0) {
        const taken = Math.min(place.left, piece.length - at);
        place.left -= taken;
        at += taken;
        continue;
      }
      // The first of the five says whether it is compressed; the others are the length.
      if (place.headerBytes > 0) place.length = place.length * 256 + (piece[at] ?? 0);
      place.headerBytes += 1;
      at += 1;
      if (place.headerBytes < MESSAGE_HEADER_BYTES) continue;
      this.messages += 1;
      place.left = place.length;
      place.headerBytes = 0;
      place.length = 0;
    }
  }
}
