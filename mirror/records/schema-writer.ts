import assert from 'node:assert/strict';

const STRING_BYTES_MAX = 32_767;

/** Writes what SchemaReader reads. A value that does not fit its type is a programmer's error. */
export class SchemaWriter {
  readonly #parts: Buffer[] = [];

  int8(value: number): this {
    const part = this.#part(1);
    part.writeInt8(value);
    return this;
  }

  int16(value: number): this {
    const part = this.#part(2);
    part.writeInt16BE(value);
    return this;
  }

  int32(value: number): this {
    const part = this.#part(4);
    part.writeInt32BE(value);
    return this;
  }

  int64(value: bigint): this {
    const part = this.#part(8);
    part.writeBigInt64BE(value);
    return this;
  }

  string(value: string): this {
    const bytes = Buffer.from(value, 'utf8');
    assert.ok(bytes.length <= STRING_BYTES_MAX, 'a STRING holds at most 32,767 bytes');
    this.int16(bytes.length);
    this.#parts.push(bytes);
    return this;
  }

  uuid(value: string): this {
    const hex = value.replaceAll('-', '');
    assert.match(hex, /^[0-9a-f]{32}$/, 'a UUID has 32 lower-case hexadecimal digits');
    this.#parts.push(Buffer.from(hex, 'hex'));
    return this;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #part(length: number): Buffer {
    const part = Buffer.alloc(length);
    this.#parts.push(part);
    return part;
  }
}
