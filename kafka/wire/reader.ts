import { WireFormatError } from './wire-format-error.js';

/** A 32-bit varint has at most 5 bytes; the fifth may carry 4 bits only. */
const VARINT_BYTES_MAX = 5;

/** A 64-bit varint has at most 10 bytes; the tenth may carry 1 bit only. */
const VARLONG_BYTES_MAX = 10;

/** Tagged fields are unknown to us by definition, so there is no honest reason for many of them. */
const TAGGED_FIELDS_MAX = 1024;

/**
 * Reads Kafka's primitive types from one buffer. Every read is bounds-checked, and every count is
 * compared with the bytes that are left before anything is allocated for it, so that hostile bytes
 * cost a `WireFormatError` and never memory.
 */
export class Reader {
  readonly #buffer: Buffer;

  /** Invariant: 0 <= offset <= buffer.length. */
  #offset: number;

  constructor(buffer: Buffer, offset = 0) {
    this.#buffer = buffer;
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  readBoolean(): boolean {
    return this.readInt8() !== 0;
  }

  readInt8(): number {
    return this.#buffer.readInt8(this.#advance(1, 'int8'));
  }

  readInt16(): number {
    return this.#buffer.readInt16BE(this.#advance(2, 'int16'));
  }

  readInt32(): number {
    return this.#buffer.readInt32BE(this.#advance(4, 'int32'));
  }

  readUint32(): number {
    return this.#buffer.readUInt32BE(this.#advance(4, 'uint32'));
  }

  readInt64(): bigint {
    return this.#buffer.readBigInt64BE(this.#advance(8, 'int64'));
  }

  /** A UUID in its usual form, `8-4-4-4-12` hexadecimal digits in lower case. */
  readUuid(): string {
    const start = this.#advance(16, 'uuid');
    const hex = this.#buffer.toString('hex', start, start + 16);
    return (
      `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}` +
      `-${hex.slice(16, 20)}-${hex.slice(20)}`
    );
  }

  readUnsignedVarint(): number {
    const start = this.#offset;
    let value = 0;
    for (let index = 0; index < VARINT_BYTES_MAX; index += 1) {
      const byte = this.#nextByte('varint', start);
      if (index === VARINT_BYTES_MAX - 1 && byte > 0x0f) break;
      value |= (byte & 0x7f) << (7 * index);
      if (byte < 0x80) return value >>> 0;
    }
    throw new WireFormatError('varint', start, 'longer than 32 bits');
  }

  /** A zigzag-coded signed 32-bit varint. */
  readVarint(): number {
    const value = this.readUnsignedVarint();
    return (value >>> 1) ^ -(value & 1);
  }

  readUnsignedVarlong(): bigint {
    const start = this.#offset;
    let value = 0n;
    for (let index = 0; index < VARLONG_BYTES_MAX; index += 1) {
      const byte = this.#nextByte('varlong', start);
      if (index === VARLONG_BYTES_MAX - 1 && byte > 0x01) break;
      value |= BigInt(byte & 0x7f) << BigInt(7 * index);
      if (byte < 0x80) return value;
    }
    throw new WireFormatError('varlong', start, 'longer than 64 bits');
  }

  /** A zigzag-coded signed 64-bit varint. */
  readVarlong(): bigint {
    const value = this.readUnsignedVarlong();
    return (value >> 1n) ^ -(value & 1n);
  }

  readString(): string {
    return this.#notNull(this.readNullableString(), 'string');
  }

  readNullableString(): string | null {
    const start = this.#offset;
    const length = this.readInt16();
    return this.#utf8(length, 'string length', start);
  }

  readCompactString(): string {
    return this.#notNull(this.readCompactNullableString(), 'compact string');
  }

  readCompactNullableString(): string | null {
    const start = this.#offset;
    const length = this.readUnsignedVarint() - 1;
    return this.#utf8(length, 'compact string length', start);
  }

  /** A view of the next `length` bytes: shares memory with the buffer that is read. */
  readBytesView(length: number): Buffer {
    if (length < 0)
      throw new WireFormatError('bytes', this.#offset, `length ${length} is negative`);
    const start = this.#advance(length, 'bytes');
    return this.#buffer.subarray(start, start + length);
  }

  /** A view, not a copy. */
  readBytes(): Buffer {
    return this.#notNull(this.readNullableBytes(), 'bytes');
  }

  /** A view, not a copy. */
  readNullableBytes(): Buffer | null {
    const start = this.#offset;
    const length = this.readInt32();
    return this.#view(length, 'bytes length', start);
  }

  /** A view, not a copy. */
  readCompactBytes(): Buffer {
    return this.#notNull(this.readCompactNullableBytes(), 'compact bytes');
  }

  /** A view, not a copy. */
  readCompactNullableBytes(): Buffer | null {
    const start = this.#offset;
    const length = this.readUnsignedVarint() - 1;
    return this.#view(length, 'compact bytes length', start);
  }

  /** `readItem` must consume at least one byte, which every Kafka type does. */
  readArray<T>(readItem: (reader: Reader) => T): T[] {
    return this.#notNull(this.readNullableArray(readItem), 'array');
  }

  readNullableArray<T>(readItem: (reader: Reader) => T): T[] | null {
    const start = this.#offset;
    const count = this.readInt32();
    return this.#items(count, start, readItem);
  }

  readCompactArray<T>(readItem: (reader: Reader) => T): T[] {
    return this.#notNull(this.readCompactNullableArray(readItem), 'compact array');
  }

  readCompactNullableArray<T>(readItem: (reader: Reader) => T): T[] | null {
    const start = this.#offset;
    const count = this.readUnsignedVarint() - 1;
    return this.#items(count, start, readItem);
  }

  /**
   * Calls `onField` for each tagged field with a reader of exactly that field's bytes. Fields that
   * are not wanted are skipped by not reading them.
   */
  readTaggedFields(onField: (tag: number, field: Reader) => void): void {
    const start = this.#offset;
    const count = this.readUnsignedVarint();
    // A field takes at least two bytes: its tag and its size.
    if (count > TAGGED_FIELDS_MAX || count * 2 > this.remaining) {
      throw new WireFormatError('tagged field count', start, `${count} is too many`);
    }
    for (let index = 0; index < count; index += 1) {
      const tag = this.readUnsignedVarint();
      const size = this.readUnsignedVarint();
      const fieldStart = this.#advance(size, 'tagged field');
      // The sub-reader keeps absolute positions, so that its errors name the right byte.
      onField(tag, new Reader(this.#buffer.subarray(0, fieldStart + size), fieldStart));
    }
  }

  skipTaggedFields(): void {
    // One zero byte is what nearly every broker sends.
    if (this.#buffer[this.#offset] === 0) this.#offset += 1;
    else this.readTaggedFields(() => {});
  }

  /** The bytes that are left, as a view. */
  readRemainingView(): Buffer {
    return this.readBytesView(this.remaining);
  }

  /** Claims `length` bytes and returns where they start. */
  #advance(length: number, field: string): number {
    const start = this.#offset;
    if (length > this.#buffer.length - start) {
      throw new WireFormatError(field, start, `${length} bytes wanted, ${this.remaining} left`);
    }
    this.#offset = start + length;
    return start;
  }

  #nextByte(field: string, start: number): number {
    const byte = this.#buffer[this.#offset];
    if (byte === undefined) throw new WireFormatError(field, start, 'cut short');
    this.#offset += 1;
    return byte;
  }

  /** -1 is null; anything below it is not a length. */
  #utf8(length: number, field: string, start: number): string | null {
    if (length === -1) return null;
    if (length < 0) throw new WireFormatError(field, start, `${length} is negative`);
    const from = this.#advance(length, field);
    return this.#buffer.toString('utf8', from, from + length);
  }

  #view(length: number, field: string, start: number): Buffer | null {
    if (length === -1) return null;
    if (length < 0) throw new WireFormatError(field, start, `${length} is negative`);
    return this.readBytesView(length);
  }

  #items<T>(count: number, start: number, readItem: (reader: Reader) => T): T[] | null {
    if (count === -1) return null;
    if (count < 0) throw new WireFormatError('array count', start, `${count} is negative`);
    if (count > this.remaining) {
      const problem = `${count} items cannot fit in ${this.remaining} bytes`;
      throw new WireFormatError('array count', start, problem);
    }
    const items: T[] = [];
    for (let index = 0; index < count; index += 1) items.push(readItem(this));
    return items;
  }

  #notNull<T>(value: T | null, field: string): T {
    if (value === null) throw new WireFormatError(field, this.#offset, 'null where none may be');
    return value;
  }
}
