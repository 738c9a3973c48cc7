import { randomBytes } from 'node:crypto';

/**
 * The few things the lease store needs of a consistent key-value store, in etcd's own terms:
 * revisions, leases, guarded transactions, watches. Election, guards, grants and re-listing are
 * written once, above this; so the in-process store and etcd cannot drift apart in what they mean.
 *
 * Every call may throw StoreUnavailableError or StoreRefusedError. A call is tried once: whether a
 * repeat is safe is known only to the caller.
 */
export interface Backend {
  /** Applied as a whole or not at all. Throws LeaseGoneError if a put names a lease that is gone. */
  transact(transaction: Transaction): Promise<TransactionResult>;

  /**
   * All entries below a prefix, sorted by key, as of one revision; at least one page. A million of
   * them are never in memory at once, unless who asks keeps them.
   */
  pages(prefix: string, options: PageOptions): AsyncIterable<Page>;

  /** Repeatable with the same id. The time to live may be rounded up, never down. */
  grantLease(leaseId: string, ttlMs: number): Promise<void>;

  /** False when the lease is gone. */
  keepLeaseAlive(leaseId: string): Promise<boolean>;

  /** Deletes, in one revision, every key attached to the lease. An unknown lease is no error. */
  revokeLease(leaseId: string): Promise<void>;

  /**
   * Delivers each change of a key below `prefix` from the given revision on, in order. Resolves when
   * the signal aborts, rejects when the watch breaks: the caller lists again and watches from there.
   */
  watch(options: WatchOptions): Promise<void>;

  close(): Promise<void>;
}

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** The revision that created the key; unchanged by later puts. */
  readonly createRevision: bigint;
  /** The revision of the last put. */
  readonly modRevision: bigint;
  /** undefined: attached to no lease. */
  readonly leaseId: string | undefined;
}

/** A key that does not exist has revision 0n, create and mod. */
export interface Compare {
  readonly key: string;
  readonly target: 'create' | 'mod';
  readonly is: 'equal' | 'not-equal';
  readonly revision: bigint;
}

export type Operation =
  | { readonly kind: 'get'; readonly key: string }
  | {
      readonly kind: 'put';
      readonly key: string;
      readonly value: string;
      readonly leaseId?: string;
    }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'transaction'; readonly transaction: Transaction };

export interface Transaction {
  readonly compares: readonly Compare[];
  readonly success: readonly Operation[];
  readonly failure: readonly Operation[];
}

/** Which branch was taken, and what its operations found. */
export interface BranchResult {
  readonly succeeded: boolean;
  /** One for each operation of the branch taken; undefined for puts and deletes. */
  readonly results: readonly OperationResult[];
}

export interface TransactionResult extends BranchResult {
  /** The store's revision after the transaction: the mod revision of all it put, nested or not. */
  readonly revision: bigint;
}

export type OperationResult =
  | { readonly kind: 'get'; readonly entry: Entry | undefined }
  | { readonly kind: 'transaction'; readonly result: BranchResult }
  | undefined;

export interface PageOptions {
  /** How many entries one page may carry: bounds its size where values are large. */
  readonly pageEntriesMax: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Page {
  /** The same for all pages of a list. */
  readonly revision: bigint;
  readonly entries: readonly Entry[];
  /** Whether another page follows. */
  readonly more: boolean;
}

export type Change =
  | { readonly kind: 'put'; readonly entry: Entry }
  | { readonly kind: 'delete'; readonly key: string; readonly revision: bigint };

export interface WatchOptions {
  readonly prefix: string;
  readonly fromRevision: bigint;
  readonly onChange: (change: Change) => void;
  readonly signal: AbortSignal;
}

/** A list in one piece: for what there are few of. */
export async function listAll(
  backend: Backend,
  prefix: string,
  options: PageOptions,
): Promise<Omit<Page, 'more'>> {
  const entries: Entry[] = [];
  let revision = 0n;
  for await (const page of backend.pages(prefix, options)) {
    for (const entry of page.entries) entries.push(entry);
    revision = page.revision;
  }
  return { revision, entries };
}

/** Thrown by `transact` only, and handled in this folder. */
export class LeaseGoneError extends Error {}

/**
 * Most operations in one transaction. etcd refuses more than 128 by default, nested ones counted:
 * the rest is room for what each nested transaction holds.
 */
export const TRANSACTION_OPERATIONS_MAX = 100;

/** A random positive 63-bit number in decimal: chosen here, so that a grant can be repeated. */
export function newLeaseId(): string {
  const id = randomBytes(8).readBigUInt64BE() >> 1n;
  return (id === 0n ? 1n : id).toString();
}
