import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

import { isJavaKeyStore, readJavaKeyStore } from '../../../kafka/key-stores/java-key-store.js';
import { readPkcs12Certificates } from '../../../kafka/key-stores/pkcs12-trust-store.js';
import { StoreFormatError } from '../../../kafka/key-stores/store-contents.js';
import { Seeded, seedFor } from '../../kit/seeded-random.js';
import { KEY_PASSWORD, makeStores, STORE_PASSWORD } from '../../kit/make-stores.js';

const DAMAGES = 2_000;

describe("stores that Java's keytool made", () => {
  const stores = makeStores();
  const passwords = { store: STORE_PASSWORD, key: KEY_PASSWORD };
  const pem = new X509Certificate(readFileSync(stores.clientTrust.PEM));
  const jks = readFileSync(stores.clientTrust.JKS);
  const pkcs12 = readFileSync(stores.clientTrust.PKCS12);
  const keys = readFileSync(stores.client);

  it('give the certificates that they trust', () => {
    assert.ok(isJavaKeyStore(jks) && !isJavaKeyStore(pkcs12));
    for (const trusted of [
      readJavaKeyStore(jks, passwords).trusted,
      readJavaKeyStore(jks, { ...passwords, store: undefined }).trusted,
      readPkcs12Certificates(pkcs12, STORE_PASSWORD),
    ])
      assert.deepEqual(trusted, [pem.raw]);
  });

  it('give a key with its chain, which is not what they trust', () => {
    const { key, chain, trusted } = readJavaKeyStore(keys, passwords);
    assert.deepEqual(trusted, []);
    assert.equal(chain.length, 1);
    const certificate = new X509Certificate(chain[0]!);
    assert.equal(certificate.subject, 'CN=client');
    assert.ok(certificate.checkPrivateKey(createPrivateKey(key!)));
    const own = readFileSync(stores.clientPkcs12);
    assert.deepEqual(readPkcs12Certificates(own, STORE_PASSWORD), []);
  });

  it('are refused with a wrong password', () => {
    const wrong = /password/;
    assert.throws(() => readJavaKeyStore(jks, { ...passwords, store: 'x' }), wrong);
    assert.throws(() => readJavaKeyStore(keys, { ...passwords, key: 'x' }), wrong);
    assert.throws(() => readPkcs12Certificates(pkcs12, 'x'), wrong);
  });

  it('are refused with one error when they are cut off or damaged', () => {
    const random = new Seeded(seedFor('damaged key stores'));
    const readers: readonly [Buffer, (bytes: Buffer) => unknown][] = [
      [jks, (bytes) => readJavaKeyStore(bytes, { ...passwords, store: undefined })],
      [keys, (bytes) => readJavaKeyStore(bytes, { ...passwords, store: undefined })],
      [pkcs12, (bytes) => readPkcs12Certificates(bytes, STORE_PASSWORD)],
    ];
    for (const [sound, read] of readers) {
      const damages = sound === pkcs12 ? DAMAGES / 20 : DAMAGES; // each derives a key
      for (let each = 0; each < damages; each += 1) {
        const bytes = Buffer.from(sound.subarray(0, random.below(sound.length + 1)));
        if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
        try {
          read(bytes);
        } catch (error) {
          assert.ok(error instanceof StoreFormatError, String(error));
        }
      }
    }
  });
});
