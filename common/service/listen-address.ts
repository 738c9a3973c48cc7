import { MirrorError } from '../errors.js';

export interface ListenAddress {
  host: string;
  /** 0 lets the system choose. */
  port: number;
}

/** Thrown where an address cannot be listened on; the message names the configuration key. */
export class ListenError extends MirrorError {
  readonly code = 'MIRROR_LISTEN';
  readonly retriable = false;
}

/** Parses `host:port`, `[v6]:port`; throws `ListenError` naming `key`. */
export function parseListenAddress(key: string, text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new ListenError(
      `${key}: '${text}' is not an address; write host:port, such as 127.0.0.1:7700`,
    );
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
