import assert from 'node:assert/strict';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { LeaseGoneError, listAll, newLeaseId, type Backend, type Operation } from './backend.js';
import { DocumentShelf } from './document-shelf.js';
import { SessionExpiredError } from './errors.js';
import type { StoreKeys } from './keys.js';
import { LeaderGuard } from './leader-guard.js';
import type { LeaderTerm } from './leader-term.js';
import { LeaseLedger } from './lease-ledger.js';
import type {
  GrantRequest,
  GrantResult,
  Leadership,
  LeaseEvent,
  LeaseRecord,
  SessionRecord,
  StoredDocument,
} from './lease-store.js';
import { SMALL_PAGE_ENTRIES_MAX } from './limits.js';
import { retryUnavailable, type RetryOptions } from './retry.js';

export interface GuardedLeadershipOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keys: StoreKeys;
  readonly term: LeaderTerm;
}

/**
 * Leadership over a Backend. All writes go through a LeaderGuard.
 *
 * Two calls of the store cannot stand in a transaction, and are harmless without: granting a lease
 * (an orphan runs out by itself) and keeping one alive (checked against the deadline before it is
 * sent, it prolongs a session by one time to live at most). Revoking one comes after a guarded
 * transaction has taken the session from the list: that transaction is the decision.
 */
export class GuardedLeadership implements Leadership {
  readonly #options: GuardedLeadershipOptions;
  readonly #guard: LeaderGuard;
  readonly #leases: LeaseLedger;
  readonly #documents: DocumentShelf;
  #resigning: Promise<void> | undefined;

  constructor(options: GuardedLeadershipOptions) {
    this.#options = options;
    this.#guard = new LeaderGuard(options);
    this.#leases = new LeaseLedger({ ...options, guard: this.#guard });
    this.#documents = new DocumentShelf({ ...options, guard: this.#guard });
  }

  get term(): bigint {
    return this.#options.term.term;
  }

  get lost(): AbortSignal {
    return this.#options.term.lost;
  }

  async openSession(agentId: string, ttlMs: number): Promise<string> {
    assert.ok(ttlMs > 0);
    const { backend, keys, term } = this.#options;
    term.assertLeading();
    const sessionId = newLeaseId();
    await retryUnavailable(() => backend.grantLease(sessionId, ttlMs), this.#untilLost);
    const value = JSON.stringify({ agentId, ttlMs });
    const put: Operation = {
      kind: 'put',
      key: keys.session(sessionId),
      value,
      leaseId: sessionId,
    };
    try {
      await this.#guard.transact([put]);
    } catch (error) {
      // Tidiness only: unrevoked, the lease runs out. The first error is the one that matters.
      await backend.revokeLease(sessionId).catch(() => {});
      if (error instanceof LeaseGoneError) {
        throw new SessionExpiredError(sessionId, { cause: error });
      }
      throw error;
    }
    return sessionId;
  }

  async keepSessionAlive(sessionId: string): Promise<void> {
    const { backend, keys, term } = this.#options;
    keys.session(sessionId); // refuses what is no session id
    term.assertLeading();
    const renew = async (): Promise<boolean> => {
      term.assertLeading();
      return backend.keepLeaseAlive(sessionId);
    };
    if (!(await retryUnavailable(renew, this.#untilLost))) throw new SessionExpiredError(sessionId);
  }

  async closeSession(sessionId: string): Promise<void> {
    const { backend, keys } = this.#options;
    await this.#guard.transact([{ kind: 'delete', key: keys.session(sessionId) }]);
    await retryUnavailable(() => backend.revokeLease(sessionId), this.#untilLost);
  }

  async sessions(): Promise<SessionRecord[]> {
    const { backend, keys, term } = this.#options;
    term.assertLeading();
    const options = { pageEntriesMax: SMALL_PAGE_ENTRIES_MAX, signal: this.lost };
    const list = () => listAll(backend, keys.sessions, options);
    const { entries } = await retryUnavailable(list, this.#untilLost);
    return entries.map((entry) => {
      const { agentId, ttlMs } = JSON.parse(entry.value) as { agentId: string; ttlMs: number };
      return { sessionId: keys.sessionOf(entry.key), agentId, ttlMs };
    });
  }

  async grant(requests: readonly GrantRequest[]): Promise<GrantResult[]> {
    return this.#leases.grant(requests);
  }

  async release(leases: readonly Pick<LeaseRecord, 'item' | 'leaseEpoch'>[]): Promise<void> {
    return this.#leases.release(leases);
  }

  watchLeases(listener: (event: LeaseEvent) => void, signal: AbortSignal): void {
    this.#leases.watch(listener, signal);
  }

  async get(key: string): Promise<StoredDocument | undefined> {
    return this.#documents.get(key);
  }

  async list(prefix: string): Promise<StoredDocument[]> {
    return this.#documents.list(prefix);
  }

  async put(key: string, value: string, expectedRevision?: bigint): Promise<bigint> {
    return this.#documents.put(key, value, expectedRevision);
  }

  async delete(key: string, expectedRevision?: bigint): Promise<void> {
    return this.#documents.delete(key, expectedRevision);
  }

  resign(): Promise<void> {
    return (this.#resigning ??= this.#giveUp().catch((error: unknown) => {
      this.#resigning = undefined; // may be tried again
      throw error;
    }));
  }

  /** Ends repeats with the term. */
  get #untilLost(): RetryOptions {
    return { clock: this.#options.clock, signal: this.lost };
  }

  async #giveUp(): Promise<void> {
    const { backend, clock, term } = this.#options;
    term.lose('resigned');
    await retryUnavailable(() => backend.revokeLease(term.leaseId), { clock });
  }
}
