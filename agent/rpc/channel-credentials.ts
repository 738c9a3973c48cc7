import { readFileSync } from 'node:fs';

import { credentials, type ChannelCredentials } from '@grpc/grpc-js';

import type { TlsFiles } from '../../mirror/config/mirror-config.js';

/**
 * How the agent shows itself to a coordinator, and knows it: by the PEM files of `agent.tls.*`. Without
 * any of them the connection is plain text.
 */
export function channelCredentials({ ca, cert, key }: TlsFiles): ChannelCredentials {
  if (ca === null && cert === null) return credentials.createInsecure();
  const read = (path: string | null): Buffer | null => (path === null ? null : readFileSync(path));
  return credentials.createSsl(read(ca), read(key), read(cert));
}
