import { StoreFormatError } from './store-contents.js';

/** Tags of ASN.1 as far as key stores have them. */
export const DerTag = {
  integer: 0x02,
  octetString: 0x04,
  objectId: 0x06,
  sequence: 0x30,
  set: 0x31,
  /** `[0]`, explicit or constructed. */
  context0: 0xa0,
  /** `[0]`, implicit and primitive. */
  context0Primitive: 0x80,
} as const;

/** Reads ASN.1 in DER, element after element, and never beyond its end. Throws StoreFormatError. */
export class DerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Of the next element; -1 at the end. */
  get nextTag(): number {
    return this.#bytes[this.#at] ?? -1;
  }

  /** The contents of the next element, which must have this tag. */
  read(tag: number): Buffer {
    if (this.nextTag !== tag)
      throw new StoreFormatError(`element ${this.nextTag} where ${tag} is expected`);
    return this.#next();
  }

  /** The same, to read what is in it. */
  enter(tag: number): DerReader {
    return new DerReader(this.read(tag));
  }

  skip(): void {
    this.#next();
  }

  objectId(): string {
    const bytes = this.read(DerTag.objectId);
    const numbers: number[] = [];
    let value = 0;
    for (const byte of bytes) {
      value = value * 128 + (byte & 0x7f);
      if (byte < 0x80) {
        numbers.push(value);
        value = 0;
      }
    }
    const [first = 0, ...rest] = numbers;
    const top = Math.min(2, Math.floor(first / 40));
    return [top, first - 40 * top, ...rest].join('.');
  }

  /** A number that is no key: an iteration count, or a length. */
  smallInteger(): number {
    const bytes = this.read(DerTag.integer);
    if (bytes.length === 0 || bytes.length > 4) throw new StoreFormatError('a number is too large');
    return bytes.readIntBE(0, bytes.length);
  }

  #next(): Buffer {
    const [tag, first] = [this.#bytes[this.#at], this.#bytes[this.#at + 1]];
    if (tag === undefined || first === undefined) throw new StoreFormatError('it is cut off');
    let start = this.#at + 2;
    let length = first;
    if (first >= 0x80) {
      const lengthBytes = first & 0x7f;
      if (lengthBytes === 0 || lengthBytes > 4)
        throw new StoreFormatError('a length is not encoded as DER has it');
      if (start + lengthBytes > this.#bytes.length) throw new StoreFormatError('it is cut off');
      length = this.#bytes.readUIntBE(start, lengthBytes);
      start += lengthBytes;
    }
    if (length > this.#bytes.length - start) throw new StoreFormatError('it is cut off');
    this.#at = start + length;
    return this.#bytes.subarray(start, this.#at);
  }
}
