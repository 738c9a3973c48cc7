import { RecordFormatError } from './record-format-error.js';

/** Malformed UTF-8 is an error: a topic or group name must not be changed by decoding it. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const UUID_BYTES = 16;

/**
 * Reads the primitive types of Kafka's `Schema` classes: big-endian integers, and STRING as an INT16
 * length in bytes and UTF-8. Every read past the end is a RecordFormatError that names the schema.
 */
export class SchemaReader {
  #position = 0;
  readonly #bytes: Buffer;
  readonly #schema: string;

  constructor(schema: string, bytes: Uint8Array) {
    this.#schema = schema;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  int8(field: string): number {
    return this.#bytes.readInt8(this.#take(1, field));
  }

  int16(field: string): number {
    return this.#bytes.readInt16BE(this.#take(2, field));
  }

  int32(field: string): number {
    return this.#bytes.readInt32BE(this.#take(4, field));
  }

  int64(field: string): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8, field));
  }

  string(field: string): string {
    const length = this.int16(field);
    if (length < 0) throw this.error(`${field} has length ${length}`);
    const start = this.#take(length, field);
    try {
      return UTF8.decode(this.#bytes.subarray(start, start + length));
    } catch (cause) {
      throw this.error(`${field} is not UTF-8`, { cause });
    }
  }

  /** Sixteen bytes, as lower-case hexadecimal digits in groups of 8-4-4-4-12. */
  uuid(field: string): string {
    const start = this.#take(UUID_BYTES, field);
    const hex = this.#bytes.toString('hex', start, start + UUID_BYTES);
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      hex.slice(12, 16),
      hex.slice(16, 20),
      hex.slice(20),
    ].join('-');
  }

  /** An INT16 that must be `version`; newer layouts are refused, not guessed. */
  version(version: number): void {
    const found = this.int16('version');
    if (found !== version) throw this.error(`version ${found}, not ${version}`);
  }

  end(): void {
    const trailing = this.#bytes.length - this.#position;
    if (trailing > 0) throw this.error(`${trailing} bytes too many`);
  }

  error(reason: string, options?: ErrorOptions): RecordFormatError {
    return new RecordFormatError(this.#schema, reason, options);
  }

  #take(length: number, field: string): number {
    const start = this.#position;
    if (start + length > this.#bytes.length) throw this.error(`it ends within ${field}`);
    this.#position += length;
    return start;
  }
}
