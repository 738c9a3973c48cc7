import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { Backend, Change, Entry } from './backend.js';
import { StoreRefusedError, StoreUnavailableError } from './errors.js';
import {
  RELIST_INTERVAL_MS,
  SMALL_PAGE_ENTRIES_MAX,
  WATCH_BACKOFF_MAX_MS,
  WATCH_BACKOFF_MIN_MS,
} from './limits.js';

export interface RelistingWatchOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
  readonly prefix: string;
  readonly signal: AbortSignal;
  /** First, after each break, and when a list shows what no change had told. */
  readonly onSnapshot: (entries: readonly Entry[]) => void;
  readonly onChange: (change: Change, createRevisionBefore: bigint | undefined) => void;
}

/**
 * Follows all keys below a prefix without trusting the watch. It works in rounds: list everything
 * at revision R, then watch from R + 1 until the watch breaks or the round is over. A lost event, a
 * compacted revision, a dead connection and a member cut off from its peers all end the same way:
 * in the next list. Nothing can fall between a list and its watch, whatever etcd's watch forgets.
 *
 * Returns when the signal aborts. What a listener throws is a programmer's error and passes through.
 */
export async function followPrefix(options: RelistingWatchOptions): Promise<void> {
  const { clock, log, prefix, signal } = options;
  const round = new WatchRound(options);
  let backoffMs = WATCH_BACKOFF_MIN_MS;
  while (!signal.aborted) {
    try {
      await round.run(() => (backoffMs = WATCH_BACKOFF_MIN_MS));
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof StoreUnavailableError || error instanceof StoreRefusedError)) {
        throw error;
      }
      round.broken = true;
      log.warn({ err: error, prefix, backoffMs }, 'store watch broke; listing again');
      await clock.sleep(backoffMs, signal).catch(() => {}); // the loop sees the signal
      backoffMs = Math.min(backoffMs * 2, WATCH_BACKOFF_MAX_MS);
    }
  }
}

interface Revisions {
  readonly create: bigint;
  readonly mod: bigint;
}

class WatchRound {
  /** Whether changes may have been missed since the last snapshot that was told. */
  broken = true;

  /** What the listener has been told exists. */
  #known = new Map<string, Revisions>();
  readonly #options: RelistingWatchOptions;

  constructor(options: RelistingWatchOptions) {
    this.#options = options;
  }

  async run(onListed: () => void): Promise<void> {
    const { backend, clock, prefix, signal } = this.#options;
    const range = { pageEntriesMax: SMALL_PAGE_ENTRIES_MAX, signal };
    const snapshot = await backend.range(prefix, range);
    if (signal.aborted) return;
    onListed();
    this.#takeSnapshot(snapshot.entries);

    const over = new AbortController();
    const end = (): void => over.abort();
    signal.addEventListener('abort', end, { once: true });
    clock.sleep(RELIST_INTERVAL_MS, over.signal).then(end, () => {}); // stopped with the round
    try {
      await backend.watch({
        prefix,
        fromRevision: snapshot.revision + 1n,
        onChange: (change) => this.#takeChange(change),
        signal: over.signal,
      });
    } finally {
      signal.removeEventListener('abort', end);
      end();
    }
  }

  #takeSnapshot(entries: readonly Entry[]): void {
    const same =
      entries.length === this.#known.size &&
      entries.every((entry) => this.#known.get(entry.key)?.mod === entry.modRevision);
    if (same && !this.broken) return;
    this.broken = false;
    this.#known = new Map(entries.map((entry) => [entry.key, revisionsOf(entry)]));
    this.#options.onSnapshot(entries);
  }

  #takeChange(change: Change): void {
    if (this.#options.signal.aborted) return;
    const key = change.kind === 'put' ? change.entry.key : change.key;
    const before = this.#known.get(key)?.create;
    if (change.kind === 'put') this.#known.set(key, revisionsOf(change.entry));
    else this.#known.delete(key);
    this.#options.onChange(change, before);
  }
}

function revisionsOf(entry: Entry): Revisions {
  return { create: entry.createRevision, mod: entry.modRevision };
}
