import type { Clock } from '../../common/clock.js';
import { silentLogger, type Logger } from '../../common/log.js';
import { ElectedLeaseStore } from './elected-lease-store.js';
import { MemoryBackend } from './memory-backend.js';
import { MemoryKeyValue } from './memory-key-value.js';

export interface InProcessLeaseStoreOptions {
  readonly clock: Clock;
  readonly leaderTtlMs: number;
  readonly log?: Logger;
  /** Shared by stores that are to see each other, as in a test of an election. */
  readonly shared?: MemoryKeyValue;
}

/**
 * The lease store of a process that is alone, `mirror-maker`: nothing outlives it, and nothing has
 * to. The same code as with etcd, over a store in memory.
 */
export class InProcessLeaseStore extends ElectedLeaseStore {
  readonly #backend: MemoryBackend;
  readonly #own: MemoryKeyValue | undefined;

  constructor({ clock, leaderTtlMs, log = silentLogger, shared }: InProcessLeaseStoreOptions) {
    const store = shared ?? new MemoryKeyValue(clock);
    const backend = new MemoryBackend(store);
    super({ backend, clock, log, leaderTtlMs, prefix: '/mirror' });
    this.#backend = backend;
    this.#own = shared === undefined ? store : undefined;
  }

  /** A fault for tests and simulations: while unreachable, every call fails and watches break. */
  setReachable(reachable: boolean): void {
    this.#backend.setReachable(reachable);
  }

  override async close(): Promise<void> {
    await super.close();
    this.#own?.close();
  }
}
