import type { SaslOptions } from './security.js';

/** RFC 4616: no authorization id, the user's name, the password, with zero bytes between. */
export function plainMessage({ username, password }: SaslOptions): Buffer {
  return Buffer.from(`\0${username}\0${password}`, 'utf8');
}
