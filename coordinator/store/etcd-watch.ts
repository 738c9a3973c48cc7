import type { IDuplexStream, IWatchRequest, IWatchResponse } from 'etcd3';
import type { WatchOptions } from './backend.js';
import type { EtcdConnection } from './etcd-connection.js';
import { toStoreError } from './etcd-connection.js';
import { StoreRefusedError, StoreUnavailableError } from './errors.js';
import { endOfPrefix, toChange } from './etcd-messages.js';
import { CALL_TIMEOUT_MS } from './limits.js';

const WATCH = { name: 'watch', writes: false } as const;

/**
 * One watch on a stream of its own, straight on etcd's messages. etcd3's own watcher is not used: it
 * hides breaks by resuming where it believes it was, and throws out of its event handler when etcd
 * answers for a watch it has just given up.
 *
 * Resolves when the signal aborts, rejects when the watch breaks for any reason.
 */
export async function watchEtcd(connection: EtcdConnection, options: WatchOptions): Promise<void> {
  const { signal } = options;
  if (signal.aborted) return;
  const { client } = connection;
  const stream = await connection.call(WATCH, () => client.watchClient.watch());
  let stop: (() => void) | undefined;
  let openingLate: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      stop = (): void => resolve();
      signal.addEventListener('abort', stop, { once: true });
      const late = new StoreUnavailableError(`watch in ${CALL_TIMEOUT_MS} ms`, false);
      openingLate = setTimeout(reject, CALL_TIMEOUT_MS, late);
      const onCreated = (): void => clearTimeout(openingLate);
      stream.on('data', (answer) => {
        try {
          if (!signal.aborted) takeAnswer(answer, options, onCreated);
        } catch (error) {
          reject(error instanceof Error ? error : new TypeError(String(error)));
        }
      });
      stream.on('error', (error) => reject(toStoreError(WATCH, error)));
      stream.on('end', () => reject(new StoreUnavailableError('watch to its end', false)));
      stream.write({ create_request: createRequest(options) });
      if (signal.aborted) resolve();
    });
  } catch (error) {
    if (error instanceof StoreUnavailableError) connection.turnFrom(client);
    throw error;
  } finally {
    clearTimeout(openingLate);
    if (stop !== undefined) signal.removeEventListener('abort', stop);
    cancel(stream);
  }
}

function createRequest(options: WatchOptions): NonNullable<IWatchRequest['create_request']> {
  return {
    key: Buffer.from(options.prefix),
    range_end: endOfPrefix(options.prefix),
    start_revision: options.fromRevision.toString(),
    // A session with many leases vanishes in one revision: let etcd split it into several answers.
    fragment: true,
  };
}

function takeAnswer(answer: IWatchResponse, options: WatchOptions, onCreated: () => void): void {
  if (answer.canceled) {
    if (answer.compact_revision !== '0') {
      throw new StoreUnavailableError('watch of a compacted revision', false);
    }
    const cause = new Error(answer.cancel_reason);
    throw new StoreRefusedError('watch', { cause });
  }
  if (answer.created) onCreated();
  for (const event of answer.events) options.onChange(toChange(event));
}

function cancel(stream: IDuplexStream<IWatchRequest, IWatchResponse>): void {
  // What a cancelled call still has to say is of no interest, but unheard it would be an exception.
  stream.on('error', () => {});
  stream.cancel();
}
