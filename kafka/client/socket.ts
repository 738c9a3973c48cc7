import { connect as connectTcp, isIP, Socket, type TcpSocketConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, TLSSocket } from 'node:tls';
import type { Clock } from '../../common/clock.js';
import { ConnectionError } from './errors.js';
import type { TlsOptions } from './security.js';

/** Idle time after which the operating system asks whether the broker is still there. */
const KEEP_ALIVE_DELAY_MS = 30_000;

export interface Address {
  host: string;
  port: number;
}

export interface OpenSocketOptions extends Address {
  tls?: TlsOptions | undefined;
  /** Covers the name look-up, the TCP and the TLS handshake. */
  connectTimeoutMs: number;
  clock: Clock;
  signal?: AbortSignal | undefined;
  /** Where a plain socket is to read to. Its `data` events carry views of that, void after the event. */
  readTarget: () => Buffer;
}

/** Resolves with a connected socket, TLS done if asked for; nothing stays behind if it rejects. */
export async function openSocket(options: OpenSocketOptions): Promise<Socket> {
  const { clock, connectTimeoutMs, signal } = options;
  signal?.throwIfAborted();
  const broker = formatAddress(options);
  const socket = startSocket(options);
  const settled = new AbortController();
  const stop = (reason: unknown): void => {
    socket.destroy(reason as Error);
  };
  const onAbort = (): void => stop(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  clock.sleep(connectTimeoutMs, settled.signal).then(
    () => stop(new Error(`no connection within ${connectTimeoutMs} ms`)),
    () => {}, // settled in time
  );
  const event = options.tls === undefined ? 'connect' : 'secureConnect';
  try {
    await new Promise<void>((resolve, reject) => {
      const onClose = (): void => reject(new Error('closed while connecting'));
      socket.once('error', reject).once('close', onClose);
      socket.once(event, () => {
        socket.off('error', reject).off('close', onClose);
        resolve();
      });
    });
    return socket;
  } catch (cause) {
    // A destroyed socket may still report an error; this one was heard.
    socket.on('error', () => {});
    socket.destroy();
    signal?.throwIfAborted();
    throw new ConnectionError('cannot connect', { broker, sent: false, cause });
  } finally {
    settled.abort();
    signal?.removeEventListener('abort', onAbort);
  }
}

function startSocket({ host, port, tls, readTarget }: OpenSocketOptions): Socket {
  const tcp = { host, port, noDelay: true, keepAlive: true };
  const timing = { keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS };
  if (tls === undefined) return connectPlain({ ...tcp, ...timing }, readTarget);

  const { verifyHostname = true, servername, ...context } = tls;
  const name = servername ?? (isIP(host) === 0 ? host : undefined);
  const socket = connectTls({
    ...context,
    ...tcp,
    ...(name === undefined ? {} : { servername: name }),
    ...(verifyHostname ? {} : { checkServerIdentity: () => undefined }),
  });
  socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
  return socket;
}

function connectPlain(options: TcpSocketConnectOpts, readTarget: () => Buffer): Socket {
  const socket = connectTcp({
    ...options,
    onread: {
      buffer: readTarget,
      callback: (bytes, buffer) => {
        socket.emit('data', Buffer.from(buffer.buffer, buffer.byteOffset, bytes));
        return true;
      },
    },
  });
  return socket;
}

/**
 * Takes back, with a reset, what was written and has not come to the other side: the system would go
 * on sending it for many minutes. What is encrypted, or goes through a relay, cannot be taken back.
 */
export function revokeSocket(socket: Duplex): void {
  if (socket instanceof Socket && !(socket instanceof TLSSocket)) socket.resetAndDestroy();
  socket.destroy(); // a reset alone waits until everything was handed to the system
}

/** As `host:port`, with brackets around an IPv6 address. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Undefined if the text is not `host:port`. Knows `[::1]:9092`, and a protocol in front of it. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:[A-Z_]+:\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(
    text.trim(),
  );
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port > 0 && port <= 65_535)) return undefined;
  return { host, port };
}
