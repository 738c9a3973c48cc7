import type { Properties } from '../../common/config/properties.js';

/** What stands in place of a secret wherever a value is shown. */
export const REDACTED = '********';

const SECRET_KEY = new RegExp(
  [
    'password',
    'passphrase',
    'secret',
    'credential',
    'jaas\\.config',
    'keystore\\.key$',
    '(private|api|access)[._-]?key',
    'tls\\.key$',
    'user\\.info',
    'token$',
  ].join('|'),
  'i',
);

/** Options that name a file: a path of one machine means nothing on another. */
const LOCAL_FILE_KEY = /(^|\.)(ssl|sasl)\..*(location|file)$|\.tls\./;

/** Whether the value of a key must not be printed, logged, stored or sent. */
export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key);
}

export function isLocalFileKey(key: string): boolean {
  return LOCAL_FILE_KEY.test(key);
}

/** A value fit to be shown: a secret, or the user and password inside an address, is covered. */
export function redact(key: string, value: string): string {
  if (isSecretKey(key)) return REDACTED;
  return value.replace(/(:\/\/)[^/@\s,]+@/g, `$1${REDACTED}@`);
}

/** All properties, each as it may be shown. */
export function redactProperties(properties: Properties): Properties {
  const shown = [...properties].map(
    ([key, property]) => [key, { ...property, value: redact(key, property.value) }] as const,
  );
  return new Map(shown);
}
