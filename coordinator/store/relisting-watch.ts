import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { Backend, Change, Page } from './backend.js';
import { StoreRefusedError, StoreUnavailableError } from './errors.js';
import {
  RELIST_INTERVAL_MS,
  SMALL_PAGE_ENTRIES_MAX,
  WATCH_BACKOFF_MAX_MS,
  WATCH_BACKOFF_MIN_MS,
} from './limits.js';

/** A page of a list. A list that broke off begins anew, with `first`. */
export interface ListedPage extends Page {
  readonly first: boolean;
}

export interface RelistingWatchOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
  readonly prefix: string;
  readonly signal: AbortSignal;
  readonly onPage: (page: ListedPage) => void;
  readonly onChange: (change: Change) => void;
}

/**
 * Follows all keys below a prefix without trusting the watch. It works in rounds: list everything
 * at revision R, then watch from R + 1 until the watch breaks or the round is over. A lost event, a
 * compacted revision, a dead connection and a member cut off from its peers all end the same way:
 * in the next list. Nothing can fall between a list and its watch, whatever etcd's watch forgets.
 *
 * Each list is told as it comes, and nothing of it is kept: who listens knows best what is news, and
 * a second copy of a million keys would cost more than what the listener keeps of them.
 *
 * Returns when the signal aborts. What a listener throws is a programmer's error and passes through.
 */
export async function followPrefix(options: RelistingWatchOptions): Promise<void> {
  const { clock, log, prefix, signal } = options;
  let backoffMs = WATCH_BACKOFF_MIN_MS;
  while (!signal.aborted) {
    try {
      const revision = await tellList(options);
      backoffMs = WATCH_BACKOFF_MIN_MS;
      if (revision !== undefined) await watchRound(options, revision + 1n);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof StoreUnavailableError || error instanceof StoreRefusedError)) {
        throw error;
      }
      log.warn({ err: error, prefix, backoffMs }, 'store watch broke; listing again');
      await clock.sleep(backoffMs, signal).catch(() => {}); // the loop sees the signal
      backoffMs = Math.min(backoffMs * 2, WATCH_BACKOFF_MAX_MS);
    }
  }
}

/** The revision of the list; undefined when the signal aborts. */
async function tellList(options: RelistingWatchOptions): Promise<bigint | undefined> {
  const { backend, prefix, signal, onPage } = options;
  let revision: bigint | undefined;
  const limit = { pageEntriesMax: SMALL_PAGE_ENTRIES_MAX, signal };
  for await (const page of backend.pages(prefix, limit)) {
    if (signal.aborted) return undefined;
    onPage({ ...page, first: revision === undefined });
    revision = page.revision;
  }
  return revision;
}

async function watchRound(options: RelistingWatchOptions, fromRevision: bigint): Promise<void> {
  const { backend, clock, prefix, signal, onChange } = options;
  const over = new AbortController();
  const end = (): void => over.abort();
  signal.addEventListener('abort', end, { once: true });
  clock.sleep(RELIST_INTERVAL_MS, over.signal).then(end, () => {}); // stopped with the round
  try {
    await backend.watch({
      ...{ prefix, fromRevision, signal: over.signal },
      onChange: (change) => {
        if (!signal.aborted) onChange(change);
      },
    });
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}
