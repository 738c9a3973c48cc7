import { readFileSync } from 'node:fs';

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

const MECHANISMS: readonly string[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];

/** `... required username="alice" password="secret";` as Java's login modules write it. */
const JAAS_OPTION = /([a-zA-Z.]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;]+))/g;

/**
 * The security settings of a cluster, from the options of Kafka's own clients
 * (`security.protocol`, `sasl.*`, `ssl.*`); undefined for PLAINTEXT. Key stores must be PEM: Java's
 * own formats (JKS, PKCS12 trust stores) are refused with the command that converts them.
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
  const store = pemOf(alias, properties, 'keystore');
  const cert = properties['ssl.keystore.certificate.chain'] ?? store;
  const key = properties['ssl.keystore.key'] ?? store;
  const passphrase = properties['ssl.key.password'];
  if (ca !== undefined) tls.ca = ca;
  if (cert !== undefined) tls.cert = cert;
  if (key !== undefined) tls.key = key;
  if (passphrase !== undefined) tls.passphrase = passphrase;
  return tls;
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
  const type = (properties[`ssl.${store}.type`] ?? 'JKS').toUpperCase();
  if (type !== 'PEM') {
    const reason =
      `a store of type ${type} cannot be read here; convert it with ` +
      `'keytool -importkeystore -deststoretype PKCS12' and 'openssl pkcs12 -nodes' to PEM, and ` +
      `set ssl.${store}.type=PEM`;
    throw new SecuritySettingError(alias, key, reason);
  }
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SecuritySettingError(alias, key, `${file} cannot be read (${String(cause)})`);
  }
}
