import { readFileSync } from 'node:fs';

import { credentials, type ChannelCredentials } from '@grpc/grpc-js';

import type { TlsFiles } from '../../mirror/config/mirror-config.js';
import { UsageError } from '../errors.js';

/** How `mirrorctl` shows itself to a coordinator, and knows it. Throws UsageError. */
export function channelSecurity({ ca, cert, key }: TlsFiles): ChannelCredentials {
  if ((cert === null) !== (key === null)) {
    throw new UsageError('--tls-cert and --tls-key belong together', {
      hint: 'a coordinator that asks for a certificate needs both; else only --tls-ca is needed',
    });
  }
  if (ca === null && cert === null) return credentials.createInsecure();
  try {
    return credentials.createSsl(
      read('--tls-ca', ca),
      read('--tls-key', key),
      read('--tls-cert', cert),
    );
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`the TLS files cannot be used: ${(cause as Error).message}`, { cause });
  }
}

function read(option: string, path: string | null): Buffer | null {
  if (path === null) return null;
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new UsageError(`${option}: cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
