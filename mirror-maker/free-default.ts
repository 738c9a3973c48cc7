import { createServer } from 'node:net';

import type { Logger } from '../common/log.js';
import { parseListenAddress } from '../common/service/listen-address.js';

export interface DefaultAddress {
  key: string;
  listen: string;
  /** Whether the file sets the key: then it is meant, and a taken port is an error. */
  explicit: boolean;
}

/**
 * An address to listen on. MirrorMaker 2 users run several processes on one machine from files that
 * know nothing of our ports: where a default one is taken, any free one will do, and is logged.
 */
export async function freeDefault(address: DefaultAddress, log: Logger): Promise<string> {
  const { key, listen, explicit } = address;
  if (explicit || (await isFree(key, listen))) return listen;
  log.warn(
    { key, taken: listen },
    'the default address is taken; listening on a free port instead',
  );
  return '127.0.0.1:0';
}

async function isFree(key: string, listen: string): Promise<boolean> {
  const { host, port } = parseListenAddress(key, listen);
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, host, () => resolve(true));
  });
  if (free) await new Promise<void>((resolve) => server.close(() => resolve()));
  return free;
}
