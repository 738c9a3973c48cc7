import assert from 'node:assert/strict';
import type { Backend } from '../../../coordinator/store/backend.js';
import { InProcessLeaseStore } from '../../../coordinator/store/in-process-lease-store.js';
import { MemoryBackend } from '../../../coordinator/store/memory-backend.js';
import { MemoryKeyValue } from '../../../coordinator/store/memory-key-value.js';
import { ManualClock } from '../../kit/manual-clock.js';
import type { StoreWorld, WorldClient } from './store-world.js';

const STEP_MS = 50;
const WAIT_MS_MAX = 120_000;

/** Several in-process stores over one memory, in a time that passes only when a test waits. */
export class InProcessWorld implements StoreWorld {
  readonly prefix = '/mirror';
  readonly clock = new ManualClock();
  readonly #shared = new MemoryKeyValue(this.clock);
  readonly #stores: InProcessLeaseStore[] = [];

  async open(leaderTtlMs: number): Promise<WorldClient> {
    const store = new InProcessLeaseStore({
      clock: this.clock,
      leaderTtlMs,
      shared: this.#shared,
    });
    this.#stores.push(store);
    return { store, cut: () => store.setReachable(false), heal: () => store.setReachable(true) };
  }

  backend(): Backend {
    return new MemoryBackend(this.#shared);
  }

  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const end = (): void => {
      settled = true;
    };
    promise.then(end, end);
    await this.clock.advance(0);
    for (let waitedMs = 0; !settled; waitedMs += STEP_MS) {
      assert.ok(waitedMs < WAIT_MS_MAX, 'waits for what does not come');
      await this.clock.advance(STEP_MS);
    }
    return promise;
  }

  nowMs(): number {
    return this.clock.nowMs();
  }

  async close(): Promise<void> {
    for (const store of this.#stores) await store.close();
    this.#shared.close();
  }
}
