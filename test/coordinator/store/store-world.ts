import type { Backend } from '../../../coordinator/store/backend.js';
import type { LeaseStore } from '../../../coordinator/store/lease-store.js';

/** One client of the store under test, whose line can be cut. */
export interface WorldClient {
  readonly store: LeaseStore;
  cut(): void;
  heal(): void;
}

/** What the contract needs around a lease store: in memory with a clock by hand, or real. */
export interface StoreWorld {
  readonly prefix: string;
  open(leaderTtlMs: number): Promise<WorldClient>;
  /** A line of its own to the same store, for what no lease store would do. */
  backend(): Backend;
  /** Lets time pass, by hand or for real, until the promise settles. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** The world's monotonic time. */
  nowMs(): number;
  close(): Promise<void>;
}
