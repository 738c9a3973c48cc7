import assert from 'node:assert/strict';

/** Most requests fit in this many bytes; larger ones double. */
const CAPACITY_BYTES_INITIAL = 256;

const INT16_MAX = 0x7fff;
const INT32_MAX = 0x7fff_ffff;
const UUID_PATTERN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Writes Kafka's primitive types into a buffer that grows. Payloads are not copied into it:
 * `writeExternal` cuts the buffer at that point, and the whole leaves as a list of segments.
 *
 *   own bytes    | header ......|         | header |         |
 *   external     |              | batch 1 |        | batch 2 |
 *   toSegments() [ header,        batch 1,  header,  batch 2 ]
 */
export class Writer {
  #buffer: Buffer;

  /** End of what is written in `#buffer`. Invariant: segmentStart <= end <= buffer.length. */
  #end = 0;

  /** Start of the own bytes that are not yet in `#segments`. */
  #segmentStart = 0;

  /** Finished segments, own and external, in order. */
  readonly #segments: Buffer[] = [];

  /** Sum of the lengths of `#segments`. */
  #segmentBytes = 0;

  constructor(capacityBytes: number = CAPACITY_BYTES_INITIAL) {
    this.#buffer = Buffer.allocUnsafe(capacityBytes);
  }

  /** Everything written so far, external payloads included. */
  get byteLength(): number {
    return this.#segmentBytes + this.#end - this.#segmentStart;
  }

  writeBoolean(value: boolean): this {
    return this.writeInt8(value ? 1 : 0);
  }

  writeInt8(value: number): this {
    const start = this.#claim(1);
    this.#buffer.writeInt8(value, start);
    return this;
  }

  writeInt16(value: number): this {
    const start = this.#claim(2);
    this.#buffer.writeInt16BE(value, start);
    return this;
  }

  writeInt32(value: number): this {
    const start = this.#claim(4);
    this.#buffer.writeInt32BE(value, start);
    return this;
  }

  writeUint32(value: number): this {
    const start = this.#claim(4);
    this.#buffer.writeUInt32BE(value, start);
    return this;
  }

  writeInt64(value: bigint): this {
    const start = this.#claim(8);
    this.#buffer.writeBigInt64BE(value, start);
    return this;
  }

  /** Takes the usual form with four dashes. */
  writeUuid(value: string): this {
    assert.match(value, UUID_PATTERN);
    const start = this.#claim(16);
    this.#buffer.write(value.replaceAll('-', ''), start, 'hex');
    return this;
  }

  writeUnsignedVarint(value: number): this {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff);
    let rest = value;
    while (rest > 0x7f) {
      this.#putByte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    return this.#putByte(rest);
  }

  writeVarint(value: number): this {
    return this.writeUnsignedVarint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  writeUnsignedVarlong(value: bigint): this {
    assert(value >= 0n && value <= 0xffff_ffff_ffff_ffffn);
    let rest = value;
    while (rest > 0x7fn) {
      this.#putByte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    return this.#putByte(Number(rest));
  }

  writeVarlong(value: bigint): this {
    return this.writeUnsignedVarlong(BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)));
  }

  writeString(value: string): this {
    const length = Buffer.byteLength(value);
    assert(length <= INT16_MAX, 'string too long for its int16 length');
    return this.writeInt16(length).#writeUtf8(value, length);
  }

  writeNullableString(value: string | null): this {
    return value === null ? this.writeInt16(-1) : this.writeString(value);
  }

  writeCompactString(value: string): this {
    const length = Buffer.byteLength(value);
    assert(length <= INT16_MAX, 'string too long');
    return this.writeUnsignedVarint(length + 1).#writeUtf8(value, length);
  }

  writeCompactNullableString(value: string | null): this {
    return value === null ? this.writeUnsignedVarint(0) : this.writeCompactString(value);
  }

  /** Copies: meant for small things. Payloads go through `writeExternal`. */
  writeBytesRaw(value: Buffer): this {
    const start = this.#claim(value.length);
    value.copy(this.#buffer, start);
    return this;
  }

  writeBytes(value: Buffer): this {
    assert(value.length <= INT32_MAX);
    return this.writeInt32(value.length).writeBytesRaw(value);
  }

  writeCompactBytes(value: Buffer): this {
    return this.writeUnsignedVarint(value.length + 1).writeBytesRaw(value);
  }

  writeArray<T>(items: readonly T[], writeItem: (writer: Writer, item: T) => void): this {
    this.writeInt32(items.length);
    for (const item of items) writeItem(this, item);
    return this;
  }

  writeCompactArray<T>(items: readonly T[], writeItem: (writer: Writer, item: T) => void): this {
    this.writeUnsignedVarint(items.length + 1);
    for (const item of items) writeItem(this, item);
    return this;
  }

  writeCompactNullableArray<T>(
    items: readonly T[] | null,
    writeItem: (writer: Writer, item: T) => void,
  ): this {
    return items === null ? this.writeUnsignedVarint(0) : this.writeCompactArray(items, writeItem);
  }

  writeNoTaggedFields(): this {
    return this.writeUnsignedVarint(0);
  }

  /**
   * Appends `payload` by reference. The caller leaves its bytes alone until the request is answered,
   * because the socket may still be reading them.
   */
  writeExternal(payload: Buffer): this {
    if (payload.length === 0) return this;
    this.#cutSegment();
    this.#segments.push(payload);
    this.#segmentBytes += payload.length;
    return this;
  }

  /** Everything written, in order, for a vectored write. */
  toSegments(): Buffer[] {
    this.#cutSegment();
    return [...this.#segments];
  }

  /** Everything written in one buffer: copies what is external, so not for the hot path. */
  toBuffer(): Buffer {
    const segments = this.toSegments();
    return segments.length === 1 ? (segments[0] as Buffer) : Buffer.concat(segments);
  }

  #putByte(byte: number): this {
    // The place is claimed first: claiming may exchange the buffer.
    const start = this.#claim(1);
    this.#buffer[start] = byte;
    return this;
  }

  #writeUtf8(value: string, length: number): this {
    const start = this.#claim(length);
    this.#buffer.write(value, start, 'utf8');
    return this;
  }

  #cutSegment(): void {
    if (this.#end === this.#segmentStart) return;
    this.#segments.push(this.#buffer.subarray(this.#segmentStart, this.#end));
    this.#segmentBytes += this.#end - this.#segmentStart;
    this.#segmentStart = this.#end;
  }

  /** Makes room for `length` more own bytes and returns where they start. */
  #claim(length: number): number {
    if (this.#end + length > this.#buffer.length) this.#grow(length);
    const start = this.#end;
    this.#end += length;
    return start;
  }

  /**
   * Moves the unfinished segment only: finished ones keep pointing into the old buffer, which
   * therefore is never written again past their ends.
   */
  #grow(length: number): void {
    const openBytes = this.#end - this.#segmentStart;
    const capacity = Math.max(this.#buffer.length * 2, openBytes + length);
    const grown = Buffer.allocUnsafe(capacity);
    this.#buffer.copy(grown, 0, this.#segmentStart, this.#end);
    this.#buffer = grown;
    this.#segmentStart = 0;
    this.#end = openBytes;
  }
}
