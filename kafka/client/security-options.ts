import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

import { MirrorError } from '../../common/errors.js';
import type { SaslMechanism, SaslOptions, SecurityOptions, TlsOptions } from './security.js';

/** Thrown for security settings of a cluster that cannot be used; names the alias and the key. */
export class SecuritySettingError extends MirrorError {
  readonly code = 'MIRROR_SECURITY_SETTING';
  readonly retriable = false;

  constructor(alias: string, key: string, reason: string) {
    super(`${alias}.${key}: ${reason}`);
  }
}

type Properties = Readonly<Record<string, string>>;

const PROTOCOLS: Readonly<Record<string, { tls: boolean; sasl: boolean }>> = {
  PLAINTEXT: { tls: false, sasl: false },
  SSL: { tls: true, sasl: false },
  SASL_PLAINTEXT: { tls: false, sasl: true },
  SASL_SSL: { tls: true, sasl: true },
};

/** Below this a long poll of a fetch would time out, and beyond it Node's timers fire at once. */
const REQUEST_TIMEOUT_MS_MIN = 1_000;
const REQUEST_TIMEOUT_MS_MAX = 2_147_483_647;

const TLS_VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const; // older ones are broken, and off in Node.js

type TlsVersion = (typeof TLS_VERSIONS)[number];

const MECHANISMS: readonly string[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];

/** `... required username="alice" password="secret";` as Java's login modules write it. */
const JAAS_OPTION = /([a-zA-Z.]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;]+))/g;

/**
 * The security settings of a cluster, from the options of Kafka's own clients
 * (`security.protocol`, `sasl.*`, `ssl.*`); undefined for PLAINTEXT. Key stores are PEM or PKCS12, trust
 * stores are PEM: Java's own formats are refused with the command that converts them.
 */
export function securityOf(alias: string, properties: Properties): SecurityOptions | undefined {
  const protocol = (properties['security.protocol'] ?? 'PLAINTEXT').toUpperCase();
  const wanted = PROTOCOLS[protocol];
  if (wanted === undefined) {
    const reason = `${protocol} is not one of ${Object.keys(PROTOCOLS).join(', ')}`;
    throw new SecuritySettingError(alias, 'security.protocol', reason);
  }
  if (!wanted.tls && !wanted.sasl) return undefined;
  return {
    ...(wanted.tls ? { tls: tlsOf(alias, properties) } : {}),
    ...(wanted.sasl ? { sasl: saslOf(alias, properties) } : {}),
  };
}

/** `request.timeout.ms`, if it is a number that a timer can wait; else the built-in one. */
export function requestTimeoutMs(properties: Properties): number | undefined {
  const value = Number(properties['request.timeout.ms'] ?? NaN);
  return value >= REQUEST_TIMEOUT_MS_MIN && value <= REQUEST_TIMEOUT_MS_MAX ? value : undefined;
}

function saslOf(alias: string, properties: Properties): SaslOptions {
  const mechanism = properties['sasl.mechanism'] ?? 'GSSAPI';
  if (!MECHANISMS.includes(mechanism)) {
    const reason = `${mechanism} is not supported; use one of ${MECHANISMS.join(', ')}`;
    throw new SecuritySettingError(alias, 'sasl.mechanism', reason);
  }
  const options = new Map<string, string>();
  for (const [, name = '', double, single, bare] of (properties['sasl.jaas.config'] ?? '').matchAll(
    JAAS_OPTION,
  )) {
    options.set(name, (double ?? single ?? bare ?? '').replace(/\\(.)/g, '$1'));
  }
  const username = options.get('username');
  const password = options.get('password');
  if (username === undefined || password === undefined) {
    const reason = 'it must have username="…" and password="…"';
    throw new SecuritySettingError(alias, 'sasl.jaas.config', reason);
  }
  return { mechanism: mechanism as SaslMechanism, username, password };
}

function tlsOf(alias: string, properties: Properties): TlsOptions {
  const tls: TlsOptions = {
    verifyHostname: properties['ssl.endpoint.identification.algorithm'] !== '',
  };
  const ca = pemOf(alias, properties, 'truststore');
  const pfx = pkcs12Of(alias, properties);
  const store = pfx === undefined ? pemOf(alias, properties, 'keystore') : undefined;
  const cert = properties['ssl.keystore.certificate.chain'] ?? store;
  const key = properties['ssl.keystore.key'] ?? store;
  const passphrase = properties['ssl.key.password'];
  if (ca !== undefined) tls.ca = ca;
  if (cert !== undefined) tls.cert = cert;
  if (key !== undefined) tls.key = key;
  if (passphrase !== undefined) tls.passphrase = passphrase;
  if (pfx !== undefined) {
    tls.pfx = pfx;
    tls.passphrase = passphrase ?? properties['ssl.keystore.password'] ?? '';
  }
  const versions = (properties['ssl.enabled.protocols'] ?? '')
    .split(',')
    .map((version) => version.trim())
    .filter((version): version is TlsVersion => TLS_VERSIONS.includes(version as TlsVersion))
    .sort();
  const [oldest] = versions;
  const newest = versions.at(-1);
  if (oldest !== undefined) tls.minVersion = oldest;
  if (newest !== undefined) tls.maxVersion = newest;
  requireSoundStore(alias, tls);
  return tls;
}

/** A wrong password or a damaged store is better said here than by each connection. */
function requireSoundStore(alias: string, tls: TlsOptions): void {
  const { pfx, cert, key, ca, passphrase } = tls;
  const parts = Object.entries({ pfx, cert, key, ca, passphrase }).filter(
    ([, part]) => part !== undefined,
  );
  try {
    createSecureContext(Object.fromEntries(parts));
  } catch (cause) {
    const store = pfx === undefined && cert === undefined ? 'truststore' : 'keystore';
    const reason = cause instanceof Error ? cause.message : String(cause);
    const hint = 'is it PEM (or a PKCS12 key store), and is the password right?';
    throw new SecuritySettingError(alias, `ssl.${store}.location`, `${reason}; ${hint}`);
  }
}

function pkcs12Of(alias: string, properties: Properties): Buffer | undefined {
  const file = properties['ssl.keystore.location'];
  if (file === undefined || storeType(properties, 'keystore') !== 'PKCS12') return undefined;
  return readStore(alias, 'ssl.keystore.location', file);
}

function storeType(properties: Properties, store: 'truststore' | 'keystore'): string {
  return (properties[`ssl.${store}.type`] ?? 'JKS').toUpperCase();
}

function readStore(alias: string, key: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new SecuritySettingError(alias, key, `${file} cannot be read (${String(cause)})`);
  }
}

/** How to make of a Java store what can be read here. */
function conversion(store: 'truststore' | 'keystore', file: string): string {
  if (store === 'truststore')
    return `'keytool -list -rfc -keystore ${file} > ca.pem', and set ssl.truststore.type=PEM`;
  return (
    `'keytool -importkeystore -srckeystore ${file} -destkeystore ${file}.p12 -deststoretype ` +
    "PKCS12', and set ssl.keystore.type=PKCS12"
  );
}

function pemOf(
  alias: string,
  properties: Properties,
  store: 'truststore' | 'keystore',
): string | undefined {
  const inline = properties['ssl.truststore.certificates'];
  if (store === 'truststore' && inline !== undefined) return inline;
  const key = `ssl.${store}.location`;
  const file = properties[key];
  if (file === undefined) return undefined;
  const type = storeType(properties, store);
  if (type === 'PEM') return readStore(alias, key, file).toString('utf8');
  const reason = `a ${store} of type ${type} cannot be read here; convert it with `;
  throw new SecuritySettingError(alias, key, reason + conversion(store, file));
}
