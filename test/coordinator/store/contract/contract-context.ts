import assert from 'node:assert/strict';
import type { Leadership, LeaseStore } from '../../../../coordinator/store/lease-store.js';
import type { StoreWorld, WorldClient } from '../store-world.js';

/** Of a leader whose seat is to run out: two seconds is the shortest that etcd gives. */
export const LEADER_TTL_MS = 2_000;

/** Of what is to run out while the test looks on, and not before: a machine may stall for seconds. */
export const WATCHED_TTL_MS = 6_000;

/** Of a leader that is to live through an outage, or through whatever the test does. */
export const LONG_TTL_MS = 60_000;

export const never = new AbortController().signal;

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

export function candidate(id: string): { id: string; address: string } {
  return { id, address: `${id}.example:7700` };
}

/** A world for each test, and what most tests begin with. */
export class ContractContext {
  #world: StoreWorld | undefined;

  get world(): StoreWorld {
    assert.ok(this.#world !== undefined);
    return this.#world;
  }

  set world(world: StoreWorld) {
    this.#world = world;
  }

  /** A client and its store, leading. */
  async lead(
    id: string,
    leaderTtlMs = LONG_TTL_MS,
  ): Promise<{ client: WorldClient; store: LeaseStore; leadership: Leadership }> {
    const client = await this.world.open(leaderTtlMs);
    const leadership = await this.world.until(client.store.campaign(candidate(id), never));
    return { client, store: client.store, leadership };
  }
}
