import { createSecureContext } from 'node:tls';

import { SecuritySettingError } from './security-setting-error.js';
import { identityOf, trustOf } from './tls-stores.js';
import type { SaslMechanism, SaslOptions, SecurityOptions, TlsOptions } from './security.js';

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
 * (`security.protocol`, `sasl.*`, `ssl.*`); undefined for PLAINTEXT. Stores are PEM, PKCS12 or JKS; others
 * are refused with the command that converts them.
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
    ...identityOf(alias, properties),
    verifyHostname: properties['ssl.endpoint.identification.algorithm'] !== '',
    // As in Java: whatever is in the trust store is trusted, roots or not.
    allowPartialTrustChain: true,
  };
  const ca = trustOf(alias, properties);
  if (ca !== undefined) tls.ca = ca;
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
    const hint = 'is it a store of that type, and is the password right?';
    throw new SecuritySettingError(alias, `ssl.${store}.location`, `${reason}; ${hint}`);
  }
}
