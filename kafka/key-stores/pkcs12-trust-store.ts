import { createDecipheriv, pbkdf2Sync } from 'node:crypto';

import { DerReader, DerTag } from './der-reader.js';
import { StoreFormatError } from './store-contents.js';

const Oid = {
  plain: '1.2.840.113549.1.7.1',
  encrypted: '1.2.840.113549.1.7.6',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509: '1.2.840.113549.1.9.22.1',
  /** Java's mark of a certificate that is trusted, and not part of some key's chain. */
  trusted: '2.16.840.1.113894.746875.1.1',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
} as const;

/** By object identifier: what Java (since 8u301, 11.0.12 and 17) and OpenSSL 3 write. */
const CIPHERS: Readonly<Record<string, { name: string; keyBytes: number }>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32 },
};

const DIGESTS: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};

/** What a damaged or hostile store may make us count; Java's default is ten thousand. */
const ITERATIONS_MAX = 1_000_000;

/**
 * The trusted certificates of a PKCS12 store (RFC 7292), DER each. Those that are encrypted must be so by
 * PBES2 with AES; the ciphers of older stores (RC2 of 40 bits) are not in Node. Throws StoreFormatError.
 */
export function readPkcs12Certificates(bytes: Buffer, password: string): Buffer[] {
  const store = new DerReader(bytes).enter(DerTag.sequence);
  if (store.smallInteger() !== 3) throw new StoreFormatError('it is not PKCS12 of version 3');
  const safes = contentOf(store.enter(DerTag.sequence), password).enter(DerTag.sequence);
  const certificates: Buffer[] = [];
  while (!safes.atEnd) {
    const bags = contentOf(safes.enter(DerTag.sequence), password).enter(DerTag.sequence);
    while (!bags.atEnd) {
      const certificate = certificateOf(bags.enter(DerTag.sequence));
      if (certificate !== undefined) certificates.push(certificate);
    }
  }
  return certificates;
}

/** Of a ContentInfo: plain data, or data encrypted with the password. */
function contentOf(info: DerReader, password: string): DerReader {
  const type = info.objectId();
  const content = info.enter(DerTag.context0);
  if (type === Oid.plain) return new DerReader(content.read(DerTag.octetString));
  if (type !== Oid.encrypted) throw new StoreFormatError(`content of type ${type} is not known`);
  const encrypted = content.enter(DerTag.sequence);
  encrypted.skip(); // version
  const data = encrypted.enter(DerTag.sequence);
  data.skip(); // its content type: data
  const algorithm = data.enter(DerTag.sequence);
  return new DerReader(decrypt(algorithm, data.read(DerTag.context0Primitive), password));
}

function decrypt(algorithm: DerReader, data: Buffer, password: string): Buffer {
  const name = algorithm.objectId();
  if (name !== Oid.pbes2) throw new StoreFormatError(`encryption ${name} is too old to be read`);
  const parameters = algorithm.enter(DerTag.sequence);
  const derivation = parameters.enter(DerTag.sequence);
  if (derivation.objectId() !== Oid.pbkdf2)
    throw new StoreFormatError('its key is not derived by PBKDF2');
  const { salt, iterations, digest } = pbkdf2Of(derivation.enter(DerTag.sequence));
  const encryption = parameters.enter(DerTag.sequence);
  const cipherId = encryption.objectId();
  const cipher = CIPHERS[cipherId];
  if (cipher === undefined) throw new StoreFormatError(`cipher ${cipherId} is not supported`);
  const iv = encryption.read(DerTag.octetString);
  try {
    const key = pbkdf2Sync(password, salt, iterations, cipher.keyBytes, digest);
    const decipher = createDecipheriv(cipher.name, key, iv);
    return Buffer.concat([decipher.update(data), decipher.final()]);
  } catch {
    throw new StoreFormatError('the password is wrong, or the store is damaged');
  }
}

function pbkdf2Of(parameters: DerReader): { salt: Buffer; iterations: number; digest: string } {
  const salt = parameters.read(DerTag.octetString);
  const iterations = parameters.smallInteger();
  if (iterations < 1 || iterations > ITERATIONS_MAX)
    throw new StoreFormatError(`${iterations} iterations, and ${ITERATIONS_MAX} are the most`);
  if (parameters.nextTag === DerTag.integer) parameters.skip(); // the key's length
  if (parameters.atEnd) return { salt, iterations, digest: 'sha1' };
  const id = parameters.enter(DerTag.sequence).objectId();
  const digest = DIGESTS[id];
  if (digest === undefined) throw new StoreFormatError(`digest ${id} is not supported`);
  return { salt, iterations, digest };
}

/** Undefined for a bag that holds something else, or no certificate that Java would trust. */
function certificateOf(bag: DerReader): Buffer | undefined {
  if (bag.objectId() !== Oid.certBag) return undefined;
  const held = bag.enter(DerTag.context0).enter(DerTag.sequence);
  if (held.objectId() !== Oid.x509) return undefined;
  const certificate = held.enter(DerTag.context0).read(DerTag.octetString);
  if (bag.nextTag !== DerTag.set) return undefined;
  const attributes = bag.enter(DerTag.set);
  while (!attributes.atEnd)
    if (attributes.enter(DerTag.sequence).objectId() === Oid.trusted) return certificate;
  return undefined;
}
