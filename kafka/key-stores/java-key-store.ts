import { createHash, createPrivateKey, timingSafeEqual } from 'node:crypto';

import { DerReader, DerTag } from './der-reader.js';
import { StoreFormatError, type StoreContents } from './store-contents.js';

const MAGIC = 0xfeedfeed;
const VERSION = 2;
const Entry = { privateKey: 1, certificate: 2 } as const;

/** Whatever the counts in a damaged store say. */
const ENTRIES_MAX = 10_000;
const CHAIN_MAX = 100;

const SHA1_BYTES = 20;
const WHITENER = Buffer.from('Mighty Aphrodite', 'utf8');
const PROTECTION_OID = '1.3.6.1.4.1.42.2.17.1.1';

export function isJavaKeyStore(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.readUInt32BE(0) === MAGIC;
}

/**
 * Reads a store of Java's own format JKS. The last 20 bytes are the SHA-1 of the password, two words
 * and all that is before; keys are masked by SHA-1 over the key's password (`sun.security.provider`:
 * JavaKeyStore, KeyProtector). Throws StoreFormatError.
 */
export function readJavaKeyStore(
  bytes: Buffer,
  passwords: { readonly store: string | undefined; readonly key: string },
): StoreContents {
  const end = bytes.length - SHA1_BYTES;
  if (end < 0) throw new StoreFormatError('it is cut off');
  // As in Java: without a password it is read all the same, and not checked.
  if (passwords.store !== undefined) {
    const sum = createHash('sha1').update(utf16(passwords.store)).update(WHITENER);
    const digest = sum.update(bytes.subarray(0, end)).digest();
    if (!timingSafeEqual(digest, bytes.subarray(end)))
      throw new StoreFormatError('the password is wrong, or the store is damaged');
  }
  const reader = new StoreReader(bytes.subarray(0, end));
  reader.uint32(); // magic
  const version = reader.uint32();
  if (version !== VERSION) throw new StoreFormatError(`version ${version} of JKS is not supported`);
  const contents: StoreContents = { trusted: [], key: undefined, chain: [] };
  for (let left = reader.count(ENTRIES_MAX); left > 0; left -= 1) {
    const tag = reader.uint32();
    reader.text(); // alias
    reader.skip(8); // when it was made
    if (tag === Entry.certificate) contents.trusted.push(reader.certificate());
    else if (tag === Entry.privateKey) {
      const masked = reader.bytes(reader.uint32());
      const chain = Array.from({ length: reader.count(CHAIN_MAX) }, () => reader.certificate());
      // Java takes the first key whose certificate fits; stores of brokers' clients have one.
      if (contents.key !== undefined) continue;
      contents.key = unmask(masked, utf16(passwords.key));
      contents.chain.push(...chain);
    } else throw new StoreFormatError(`an entry of kind ${tag} is not known`);
  }
  return contents;
}

/** salt ┊ key XOR keystream ┊ SHA-1(password, key), where the stream is SHA-1(password, the last 20 bytes of it). */
function unmask(masked: Buffer, password: Buffer): string {
  const outer = new DerReader(masked).enter(DerTag.sequence);
  const algorithm = outer.enter(DerTag.sequence).objectId();
  if (algorithm !== PROTECTION_OID)
    throw new StoreFormatError(`keys protected by ${algorithm} are not supported`);
  const protectedKey = outer.read(DerTag.octetString);
  const keyEnd = protectedKey.length - SHA1_BYTES;
  if (keyEnd < SHA1_BYTES) throw new StoreFormatError('its private key is cut off');
  const key = Buffer.from(protectedKey.subarray(SHA1_BYTES, keyEnd));
  let block: Buffer = protectedKey.subarray(0, SHA1_BYTES);
  for (let at = 0; at < key.length; at += SHA1_BYTES) {
    block = createHash('sha1').update(password).update(block).digest();
    for (let i = 0; i < SHA1_BYTES && at + i < key.length; i += 1) key[at + i]! ^= block[i]!;
  }
  const digest = createHash('sha1').update(password).update(key).digest();
  if (!timingSafeEqual(digest, protectedKey.subarray(keyEnd)))
    throw new StoreFormatError('the password of its private key is wrong (ssl.key.password)');
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

function utf16(password: string): Buffer {
  return Buffer.from(password, 'utf16le').swap16();
}

/** Big-endian, as Java's DataInputStream. */
class StoreReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  bytes(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new StoreFormatError('it is cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  skip(length: number): void {
    this.bytes(length);
  }

  uint32(): number {
    return this.bytes(4).readUInt32BE(0);
  }

  text(): string {
    return this.bytes(this.bytes(2).readUInt16BE(0)).toString('utf8');
  }

  count(max: number): number {
    const count = this.uint32();
    if (count > max) throw new StoreFormatError(`${count} of something, and ${max} are the most`);
    return count;
  }

  certificate(): Buffer {
    const type = this.text();
    if (type !== 'X.509') throw new StoreFormatError(`certificates of type ${type} are not known`);
    return this.bytes(this.uint32());
  }
}
