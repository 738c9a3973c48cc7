import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from './temporary-folder.js';

export const STORE_PASSWORD = 'changeit';
export const KEY_PASSWORD = 'changeit-too';

/** Stores that Java's own keytool made, of two parties that trust each other. */
export interface JavaStores {
  /** JKS, with a password of their own for the keys. */
  readonly broker: string;
  readonly client: string;
  /** The client's key in PKCS12, where key and store have one password. */
  readonly clientPkcs12: string;
  /** What the broker trusts, and what the client trusts, by format. */
  readonly brokerTrust: string;
  readonly clientTrust: Readonly<Record<'JKS' | 'PKCS12' | 'PEM', string>>;
}

export function makeStores(): JavaStores {
  const folder = temporaryFolder('java-stores');
  const at = (name: string): string => join(folder, name);
  const store = ['-storepass', STORE_PASSWORD];
  const keytool = (...args: string[]): string =>
    execFileSync('keytool', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const certificate = (alias: string): string => {
    const identity = ['-alias', alias, '-dname', `CN=${alias}`, '-ext', 'san=ip:127.0.0.1'];
    const passwords = [...store, '-keypass', KEY_PASSWORD];
    const file = at(`${alias}.jks`);
    const kind = ['-keyalg', 'RSA', '-keysize', '2048', '-storetype', 'JKS'];
    keytool('-genkeypair', ...kind, ...identity, ...passwords, '-keystore', file);
    const pem = keytool('-exportcert', '-rfc', '-alias', alias, ...store, '-keystore', file);
    writeFileSync(at(`${alias}.pem`), pem);
    return at(`${alias}.pem`);
  };
  const trust = (alias: string, type: string): string => {
    const file = at(`trusts-${alias}.${type.toLowerCase()}`);
    const into = ['-storetype', type, ...store, '-keystore', file];
    keytool('-importcert', '-noprompt', '-alias', alias, '-file', at(`${alias}.pem`), ...into);
    return file;
  };
  const brokerPem = certificate('broker');
  certificate('client');
  const from = ['-srckeystore', at('client.jks'), '-srcstorepass', STORE_PASSWORD];
  const passwords = ['-deststorepass', STORE_PASSWORD, '-srckeypass', KEY_PASSWORD];
  const into = ['-destkeystore', at('client.p12'), '-deststoretype', 'PKCS12'];
  const keys = ['-srcalias', 'client', '-destkeypass', STORE_PASSWORD];
  keytool('-importkeystore', '-noprompt', ...from, ...into, ...passwords, ...keys);
  return {
    broker: at('broker.jks'),
    client: at('client.jks'),
    clientPkcs12: at('client.p12'),
    brokerTrust: trust('client', 'JKS'),
    clientTrust: { JKS: trust('broker', 'JKS'), PKCS12: trust('broker', 'PKCS12'), PEM: brokerPem },
  };
}
