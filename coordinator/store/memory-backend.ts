import { setImmediate } from 'node:timers/promises';
import type {
  Backend,
  Change,
  Page,
  PageOptions,
  Transaction,
  TransactionResult,
  WatchOptions,
} from './backend.js';
import { StoreUnavailableError } from './errors.js';
import type { MemoryKeyValue } from './memory-key-value.js';

/** One client of a MemoryKeyValue, with a line that can be cut: what a network is to etcd. */
export class MemoryBackend implements Backend {
  readonly #store: MemoryKeyValue;
  readonly #watches = new Set<(error: StoreUnavailableError) => void>();
  #reachable = true;

  constructor(store: MemoryKeyValue) {
    this.#store = store;
  }

  /** While false, every call fails and every watch breaks; the store itself goes on. */
  setReachable(reachable: boolean): void {
    this.#reachable = reachable;
    if (reachable) return;
    for (const breakWatch of this.#watches) breakWatch(new StoreUnavailableError('watch', false));
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    this.#reach('transact');
    return this.#store.transact(transaction);
  }

  async *pages(prefix: string, { pageEntriesMax, signal }: PageOptions): AsyncIterable<Page> {
    this.#reach('range');
    signal?.throwIfAborted();
    const { revision, entries } = this.#store.range(prefix);
    for (let start = 0; ; start += pageEntriesMax) {
      const end = start + pageEntriesMax;
      const more = end < entries.length;
      yield { revision, entries: entries.slice(start, end), more };
      if (!more) return;
      await setImmediate(); // as from a network: others get through in between
      this.#reach('range');
    }
  }

  async grantLease(leaseId: string, ttlMs: number): Promise<void> {
    this.#reach('grantLease');
    this.#store.grantLease(leaseId, ttlMs);
  }

  async keepLeaseAlive(leaseId: string): Promise<boolean> {
    this.#reach('keepLeaseAlive');
    return this.#store.keepLeaseAlive(leaseId);
  }

  async revokeLease(leaseId: string): Promise<void> {
    this.#reach('revokeLease');
    this.#store.revokeLease(leaseId);
  }

  async watch(options: WatchOptions): Promise<void> {
    this.#reach('watch');
    const { prefix, fromRevision, onChange, signal } = options;
    if (signal.aborted) return;
    let live = true;
    // Later, as from a network: a listener never runs inside the write it hears of.
    const deliver = (change: Change): void =>
      queueMicrotask(() => {
        if (live) onChange(change);
      });
    const stop = this.#store.watch({ prefix, onChange: deliver }, fromRevision);
    if (stop === undefined) throw new StoreUnavailableError('watch of a compacted revision', false);
    let breakWatch: ((error: StoreUnavailableError) => void) | undefined;
    let finish: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        breakWatch = reject;
        finish = resolve;
        this.#watches.add(reject);
        signal.addEventListener('abort', finish, { once: true });
      });
    } finally {
      live = false;
      stop();
      if (breakWatch !== undefined) this.#watches.delete(breakWatch);
      if (finish !== undefined) signal.removeEventListener('abort', finish);
    }
  }

  async close(): Promise<void> {
    this.setReachable(false);
  }

  #reach(call: string): void {
    // Never sent, so never done: nothing about the outcome is unknown.
    if (!this.#reachable) throw new StoreUnavailableError(call, false);
  }
}
