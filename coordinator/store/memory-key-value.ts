import type { Clock } from '../../common/clock.js';
import {
  LeaseGoneError,
  type BranchResult,
  type Change,
  type Compare,
  type Entry,
  type Operation,
  type OperationResult,
  type Page,
  type Transaction,
  type TransactionResult,
} from './backend.js';

interface MemoryLease {
  readonly ttlMs: number;
  readonly keys: Set<string>;
  /** By the injected clock. At this moment the lease is gone. */
  deadlineMs: number;
}

interface Watcher {
  readonly prefix: string;
  readonly onChange: (change: Change) => void;
}

/** How many of the latest changes a watch can start from; older ones count as compacted. */
const HISTORY_CHANGES_MAX = 10_000;

/**
 * A key-value store with etcd's semantics, in memory: what etcd is to several coordinators, this is
 * to the one inside `mirror-maker`. Synchronous: each call is atomic because nothing runs between.
 *
 * Leases run out by the injected clock. They are checked on every call, and a sleeping loop checks
 * them when nobody calls, so that watchers learn of it in time.
 */
export class MemoryKeyValue {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #leases = new Map<string, MemoryLease>();
  readonly #watchers = new Set<Watcher>();
  readonly #history: { revision: bigint; change: Change }[] = [];
  #revision = 1n; // etcd's, too, starts at 1: a created key never has revision 0n
  #alarm: { readonly atMs: number; readonly stop: AbortController } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  transact(transaction: Transaction): TransactionResult {
    this.#expireLeases();
    // Checked before anything is written, so that a refused transaction changes nothing.
    this.#refuseGoneLeases(transaction);
    const result = this.#apply(transaction, this.#revision + 1n);
    return { ...result, revision: this.#revision };
  }

  range(prefix: string): Omit<Page, 'more'> {
    this.#expireLeases();
    const entries = [...this.#entries.values()].filter((entry) => entry.key.startsWith(prefix));
    entries.sort((left, right) => (left.key < right.key ? -1 : 1));
    return { revision: this.#revision, entries };
  }

  grantLease(leaseId: string, ttlMs: number): void {
    this.#expireLeases();
    if (this.#leases.has(leaseId)) return;
    const deadlineMs = this.#clock.nowMs() + ttlMs;
    this.#leases.set(leaseId, { ttlMs, keys: new Set(), deadlineMs });
    this.#setAlarm();
  }

  keepLeaseAlive(leaseId: string): boolean {
    this.#expireLeases();
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) return false;
    lease.deadlineMs = this.#clock.nowMs() + lease.ttlMs;
    return true;
  }

  revokeLease(leaseId: string): void {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) return;
    this.#leases.delete(leaseId);
    if (lease.keys.size === 0) return;
    const revision = this.#revision + 1n;
    for (const key of lease.keys) this.#delete(key, revision);
  }

  /** Returns how to stop; undefined when the history no longer reaches back to that revision. */
  watch(watcher: Watcher, fromRevision: bigint): (() => void) | undefined {
    this.#expireLeases();
    const oldest = this.#history[0]?.revision;
    const full = this.#history.length === HISTORY_CHANGES_MAX;
    if (full && oldest !== undefined && fromRevision <= oldest) return undefined;
    for (const { revision, change } of this.#history) {
      if (revision >= fromRevision) notify(watcher, change);
    }
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Stops the loop that waits for leases to run out: nothing is left to keep the process alive. */
  close(): void {
    this.#alarm?.stop.abort();
    this.#alarm = undefined;
  }

  #apply(transaction: Transaction, revision: bigint): BranchResult {
    const succeeded = transaction.compares.every((compare) => this.#holds(compare));
    const operations = succeeded ? transaction.success : transaction.failure;
    const results = operations.map((operation) => this.#applyOperation(operation, revision));
    return { succeeded, results };
  }

  #applyOperation(operation: Operation, revision: bigint): OperationResult {
    switch (operation.kind) {
      case 'get':
        return { kind: 'get', entry: this.#entries.get(operation.key) };
      case 'put':
        this.#put(operation.key, operation.value, { revision, leaseId: operation.leaseId });
        return undefined;
      case 'delete':
        this.#delete(operation.key, revision);
        return undefined;
      case 'transaction':
        return { kind: 'transaction', result: this.#apply(operation.transaction, revision) };
    }
  }

  #holds(compare: Compare): boolean {
    const entry = this.#entries.get(compare.key);
    const actual = compare.target === 'create' ? entry?.createRevision : entry?.modRevision;
    return ((actual ?? 0n) === compare.revision) === (compare.is === 'equal');
  }

  #refuseGoneLeases(transaction: Transaction): void {
    const succeeded = transaction.compares.every((compare) => this.#holds(compare));
    for (const operation of succeeded ? transaction.success : transaction.failure) {
      if (operation.kind === 'transaction') this.#refuseGoneLeases(operation.transaction);
      if (operation.kind !== 'put' || operation.leaseId === undefined) continue;
      if (!this.#leases.has(operation.leaseId)) throw new LeaseGoneError(operation.leaseId);
    }
  }

  #put(key: string, value: string, at: { revision: bigint; leaseId: string | undefined }): void {
    const before = this.#entries.get(key);
    if (before?.leaseId !== undefined) this.#leases.get(before.leaseId)?.keys.delete(key);
    if (at.leaseId !== undefined) this.#leases.get(at.leaseId)?.keys.add(key);
    const createRevision = before?.createRevision ?? at.revision;
    const entry = { key, value, createRevision, modRevision: at.revision, leaseId: at.leaseId };
    this.#entries.set(key, entry);
    this.#record({ kind: 'put', entry }, at.revision);
  }

  #delete(key: string, revision: bigint): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    if (entry.leaseId !== undefined) this.#leases.get(entry.leaseId)?.keys.delete(key);
    this.#entries.delete(key);
    this.#record({ kind: 'delete', key, revision }, revision);
  }

  #record(change: Change, revision: bigint): void {
    this.#revision = revision;
    if (this.#history.length === HISTORY_CHANGES_MAX) this.#history.shift();
    this.#history.push({ revision, change });
    for (const watcher of this.#watchers) notify(watcher, change);
  }

  #expireLeases(): void {
    const nowMs = this.#clock.nowMs();
    for (const [leaseId, lease] of this.#leases) {
      if (lease.deadlineMs <= nowMs) this.revokeLease(leaseId);
    }
  }

  /** Sleeps until the first lease could run out. A renewal only makes that check come too early. */
  #setAlarm(): void {
    let atMs = Infinity;
    for (const lease of this.#leases.values()) atMs = Math.min(atMs, lease.deadlineMs);
    if (this.#alarm !== undefined && this.#alarm.atMs <= atMs) return;
    this.#alarm?.stop.abort();
    this.#alarm = undefined;
    if (atMs === Infinity) return;
    const stop = new AbortController();
    this.#alarm = { atMs, stop };
    this.#clock.sleep(Math.max(0, atMs - this.#clock.nowMs()), stop.signal).then(
      () => {
        this.#alarm = undefined;
        this.#expireLeases();
        this.#setAlarm();
      },
      () => {}, // stopped: another alarm is set, or the store is closed
    );
  }
}

function notify(watcher: Watcher, change: Change): void {
  const key = change.kind === 'put' ? change.entry.key : change.key;
  if (key.startsWith(watcher.prefix)) watcher.onChange(change);
}
