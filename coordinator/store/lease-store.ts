/**
 * Where the coordinator keeps what must outlive it: who leads, which agents are alive, who holds
 * which work item, and small documents (desired state, running promotions).
 *
 * The store decides who *does* the work. It does not protect the data: a paused holder of any lease
 * can still act, and only the target broker's sequence and epoch checks stop that.
 */

export interface Candidate {
  readonly id: string;
  /** host:port at which the others, and clients, reach this candidate. */
  readonly address: string;
}

export interface Leader extends Candidate {
  /** Rises with each leader, and never repeats. */
  readonly term: bigint;
}

export interface LeaseStore {
  /**
   * Joins the election and resolves once this candidate leads. Outages are waited out. Rejects with
   * the signal's reason, with ClosedError, or with StoreRefusedError.
   */
  campaign(candidate: Candidate, signal: AbortSignal): Promise<Leadership>;

  /** The present leader; undefined while there is none. */
  leader(signal?: AbortSignal): Promise<Leader | undefined>;

  /**
   * Calls back with the present leader as soon as it is known, and then on each change, until the
   * signal aborts. During an outage of the store it says nothing: unknown is not "none".
   */
  watchLeader(listener: (leader: Leader | undefined) => void, signal: AbortSignal): void;

  /** Ends watches and campaigns, and gives up leadership without resigning. Idempotent. */
  close(): Promise<void>;
}

export interface SessionRecord {
  readonly sessionId: string;
  readonly agentId: string;
  readonly ttlMs: number;
}

export interface GrantRequest {
  readonly item: string;
  readonly sessionId: string;
  readonly agentId: string;
}

export type GrantResult =
  | {
      readonly outcome: 'granted'; // also when this very session held it before: grants repeat safely
      readonly item: string;
      readonly leaseEpoch: bigint;
    }
  | { readonly outcome: 'held'; readonly item: string; readonly holder: LeaseRecord }
  | { readonly outcome: 'session-expired'; readonly item: string; readonly sessionId: string };

export interface LeaseRecord {
  readonly item: string;
  readonly agentId: string;
  readonly sessionId: string;
  /** Rises with each grant of the item, whoever gets it. */
  readonly leaseEpoch: bigint;
}

export type LeaseEvent =
  /** No lease of the item that was granted before this revision is left. */
  | { readonly kind: 'gone'; readonly item: string; readonly revision: bigint }
  /**
   * A page of all leases at one moment: such a list comes first, after each break of the watch, and
   * now and then, since watches lose events. One that broke off begins anew, with `first`.
   */
  | {
      readonly kind: 'listed';
      readonly leases: readonly LeaseRecord[];
      readonly first: boolean;
      readonly more: boolean;
    };

export interface StoredDocument {
  readonly key: string;
  readonly value: string;
  /** Changes with every write of this document; never 0n. */
  readonly revision: bigint;
}

/**
 * What the leader may do. Every write is one transaction guarded by the leadership key: after
 * another was elected it throws LeadershipLostError and changes nothing. Every call may throw
 * StoreUnavailableError; for a write, its `outcomeUnknown` says whether it may have happened.
 */
export interface Leadership {
  readonly term: bigint;

  /**
   * Aborted, with a LeadershipLostError as reason, when leadership is known to be lost or must be
   * assumed lost: past a monotonic deadline counted from the sending of the last good renewal.
   */
  readonly lost: AbortSignal;

  /** Resolves to the id of a new session; the caller keeps it alive on the agent's behalf. */
  openSession(agentId: string, ttlMs: number): Promise<string>;

  /** Throws SessionExpiredError. Works for sessions opened under earlier leaders. */
  keepSessionAlive(sessionId: string): Promise<void>;

  /** Everything the session holds is gone when this resolves. An unknown session is no error. */
  closeSession(sessionId: string): Promise<void>;

  sessions(): Promise<SessionRecord[]>;

  /**
   * Gives each item to its session unless another holds it. Results are in the order of the
   * requests; an item may appear once. Large calls are several transactions, each guarded: if one
   * throws, earlier ones stand.
   */
  grant(requests: readonly GrantRequest[]): Promise<GrantResult[]>;

  /** Releases what is still held under the given epoch, and leaves everything else alone. */
  release(leases: readonly Pick<LeaseRecord, 'item' | 'leaseEpoch'>[]): Promise<void>;

  /** Begins with a list. Ends when the signal or `lost` aborts. */
  watchLeases(listener: (event: LeaseEvent) => void, signal: AbortSignal): void;

  get(key: string): Promise<StoredDocument | undefined>;

  /** Every document whose key starts with the prefix, sorted by key. */
  list(prefix: string): Promise<StoredDocument[]>;

  /**
   * Resolves to the new revision. With `expectedRevision`, writes only if the document is still at
   * it (0n: must not exist), else throws RevisionConflictError.
   */
  put(key: string, value: string, expectedRevision?: bigint): Promise<bigint>;

  /** A document that does not exist is no error, unless a revision is expected of it. */
  delete(key: string, expectedRevision?: bigint): Promise<void>;

  /** Gives up leadership, so that a successor is elected at once. Idempotent. */
  resign(): Promise<void>;
}
