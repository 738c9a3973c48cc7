import type { SecureContextOptions } from 'node:tls';

/** How a cluster wants to be spoken to. Neither field is PLAINTEXT, both are SASL_SSL. */
export interface SecurityOptions {
  tls?: TlsOptions;
  sasl?: SaslOptions;
}

export interface TlsOptions extends Pick<
  SecureContextOptions,
  | 'ca'
  | 'cert'
  | 'key'
  | 'pfx'
  | 'passphrase'
  | 'ciphers'
  | 'minVersion'
  | 'maxVersion'
  | 'allowPartialTrustChain'
> {
  /** Name to expect in the certificate; the broker's host name if absent. */
  servername?: string;

  /** False is Kafka's empty `ssl.endpoint.identification.algorithm`: any name will do. */
  verifyHostname?: boolean;
}

export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

export interface SaslOptions {
  mechanism: SaslMechanism;
  username: string;
  password: string;
}
