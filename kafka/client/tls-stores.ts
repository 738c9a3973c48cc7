import { readFileSync } from 'node:fs';

import { isJavaKeyStore, readJavaKeyStore } from '../key-stores/java-key-store.js';
import { tidyPem, toPem } from '../key-stores/pem.js';
import { readPkcs12Certificates } from '../key-stores/pkcs12-trust-store.js';
import { StoreFormatError } from '../key-stores/store-contents.js';
import { SecuritySettingError } from './security-setting-error.js';
import type { TlsOptions } from './security.js';

type Properties = Readonly<Record<string, string>>;
type StoreName = 'truststore' | 'keystore';

/** What every element of DER that is a store begins with. */
const DER_SEQUENCE = 0x30;

/** Certificates and keys are far below; a path may lead to anything. */
const STORE_BYTES_MAX = 16 * 1024 * 1024;

/** Whom to trust; undefined leaves it to Node's own list. */
export function trustOf(alias: string, properties: Properties): string | undefined {
  const inline = properties['ssl.truststore.certificates'];
  if (inline !== undefined) return certificatesOf(alias, 'ssl.truststore.certificates', inline);
  const store = readStore(alias, 'truststore', properties);
  if (store === undefined) return undefined;
  if (store.kind === 'PEM')
    return certificatesOf(alias, 'ssl.truststore.location', store.bytes.toString('utf8'));
  return parsed(alias, store, () => {
    const password = properties['ssl.truststore.password'];
    const trusted =
      store.kind === 'JKS'
        ? readJavaKeyStore(store.bytes, { store: password, key: '' }).trusted
        : readPkcs12Certificates(store.bytes, password ?? '');
    if (trusted.length === 0) throw new StoreFormatError('it has no trusted certificate');
    return toPem(trusted);
  });
}

/** Node takes a text without certificates for an empty list, and then trusts nobody. */
function certificatesOf(alias: string, key: string, text: string): string {
  const pem = tidyPem(text);
  if (/-----END [A-Z0-9 ]*CERTIFICATE-----/.test(pem)) return pem;
  throw new SecuritySettingError(alias, key, 'there is no whole certificate in PEM in it');
}

/** What to show of oneself: nothing, where no key store is set. */
export function identityOf(
  alias: string,
  properties: Properties,
): Pick<TlsOptions, 'cert' | 'key' | 'pfx' | 'passphrase'> {
  const keyPassword = properties['ssl.key.password'];
  const passphrase = keyPassword === undefined ? {} : { passphrase: keyPassword };
  const [chain, key] = [
    properties['ssl.keystore.certificate.chain'],
    properties['ssl.keystore.key'],
  ];
  if (chain !== undefined || key !== undefined) {
    return {
      ...passphrase,
      ...(chain === undefined ? {} : { cert: tidyPem(chain) }),
      ...(key === undefined ? {} : { key: tidyPem(key) }),
    };
  }
  const store = readStore(alias, 'keystore', properties);
  if (store === undefined) return {};
  if (store.kind === 'PEM') {
    const pem = tidyPem(store.bytes.toString('utf8'));
    return { ...passphrase, cert: pem, key: pem };
  }
  const password = properties['ssl.keystore.password'] ?? '';
  if (store.kind === 'PKCS12') return { pfx: store.bytes, passphrase: keyPassword ?? password };
  return parsed(alias, store, () => {
    const passwords = { store: password, key: keyPassword ?? password };
    const contents = readJavaKeyStore(store.bytes, passwords);
    if (contents.key === undefined) throw new StoreFormatError('it has no private key');
    return { cert: toPem(contents.chain), key: contents.key };
  });
}

interface Store {
  readonly name: StoreName;
  readonly file: string;
  readonly bytes: Buffer;
  readonly kind: 'PEM' | 'PKCS12' | 'JKS';
}

/** By what is in it where the type is one of Java's: its JKS has long meant PKCS12 as well. */
function readStore(alias: string, name: StoreName, properties: Properties): Store | undefined {
  const key = `ssl.${name}.location`;
  const file = properties[key];
  if (file === undefined) return undefined;
  const type = (properties[`ssl.${name}.type`] ?? 'JKS').toUpperCase();
  if (!['PEM', 'JKS', 'PKCS12'].includes(type)) {
    const reason = `a ${name} of type ${type} cannot be read here`;
    throw new SecuritySettingError(alias, key, `${reason}; ${conversion(name, file)}`);
  }
  const bytes = readBytes(alias, key, file);
  if (type === 'PEM') return { name, file, bytes, kind: 'PEM' };
  if (isJavaKeyStore(bytes)) return { name, file, bytes, kind: 'JKS' };
  if (bytes[0] === DER_SEQUENCE) return { name, file, bytes, kind: 'PKCS12' };
  const isPem = bytes.includes('-----BEGIN ');
  const hint = isPem ? `set ssl.${name}.type=PEM` : conversion(name, file);
  throw new SecuritySettingError(alias, key, `${file} is no store of type ${type}; ${hint}`);
}

function readBytes(alias: string, key: string, file: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new SecuritySettingError(alias, key, `${file} cannot be read (${String(cause)})`);
  }
  if (bytes.length <= STORE_BYTES_MAX) return bytes;
  throw new SecuritySettingError(alias, key, `${file} is too large to be a store`);
}

function parsed<T>(alias: string, { name, file, kind }: Store, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof StoreFormatError)) throw error;
    const reason = `${file} (${kind}): ${error.message}`;
    const hint = `if it is sound, ${conversion(name, file)}`;
    throw new SecuritySettingError(alias, `ssl.${name}.location`, `${reason}; ${hint}`);
  }
}

/** How to make of a Java store what can be read here in any case. */
function conversion(name: StoreName, file: string): string {
  if (name === 'truststore') {
    const command = `keytool -list -rfc -keystore ${file} > ca.pem`;
    return `convert it with '${command}', and set ssl.truststore.type=PEM`;
  }
  return (
    `convert it with 'keytool -importkeystore -srckeystore ${file} -destkeystore ${file}.p12 ` +
    "-deststoretype PKCS12', and set ssl.keystore.type=PKCS12"
  );
}
