import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import type { Clock } from '../../common/clock.js';
import { ClosedError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { listAll, newLeaseId, LeaseGoneError, type Backend, type Entry } from './backend.js';
import { StoreUnavailableError } from './errors.js';
import { GuardedLeadership } from './guarded-leadership.js';
import { StoreKeys } from './keys.js';
import { LeaderTerm } from './leader-term.js';
import type { Candidate, Leader, Leadership, LeaseStore } from './lease-store.js';
import { CAMPAIGN_RETRY_MS, SMALL_PAGE_ENTRIES_MAX } from './limits.js';
import { followPrefix } from './relisting-watch.js';
import { retryUnavailable } from './retry.js';

export interface ElectedLeaseStoreOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
  /** Everything is stored below it, for example `/mirror`. */
  readonly prefix: string;
  /** How long a silent leader keeps the seat. */
  readonly leaderTtlMs: number;
}

/**
 * The LeaseStore over any Backend.
 *
 * The election is one key: who creates it leads, and its create revision is the term. A candidate
 * waits for the key to be gone and only then takes a lease, so that waiting costs the store one
 * watch and no renewals. All candidates wake at once; there are a handful, one wins, the others
 * give their leases back.
 */
export class ElectedLeaseStore implements LeaseStore {
  readonly #options: ElectedLeaseStoreOptions;
  readonly #keys: StoreKeys;
  readonly #closed = new AbortController();
  readonly #terms = new Set<LeaderTerm>();
  #closing: Promise<void> | undefined;

  constructor(options: ElectedLeaseStoreOptions) {
    assert.ok(options.leaderTtlMs > 0);
    this.#options = options;
    this.#keys = new StoreKeys(options.prefix);
    setMaxListeners(0, this.#closed.signal); // one for each watch and campaign: bounded by callers
  }

  async campaign(candidate: Candidate, signal: AbortSignal): Promise<Leadership> {
    signal.throwIfAborted();
    await this.#assertAllowed();
    const seat = new VacancyWatch();
    const ended = new AbortController();
    const stop = AbortSignal.any([signal, ended.signal, this.#closed.signal]);
    this.watchLeader((leader) => seat.setTaken(leader !== undefined), stop);
    try {
      for (;;) {
        await seat.vacant(stop);
        const leadership = await this.#tryToLead(candidate);
        if (leadership !== undefined) {
          if (!stop.aborted) return leadership;
          await leadership.resign().catch(() => {}); // nobody waits for it; the lease runs out
        }
        await this.#options.clock.sleep(CAMPAIGN_RETRY_MS, stop);
      }
    } catch (error) {
      signal.throwIfAborted();
      this.#closed.signal.throwIfAborted();
      throw error;
    } finally {
      ended.abort();
    }
  }

  async leader(signal?: AbortSignal): Promise<Leader | undefined> {
    this.#closed.signal.throwIfAborted();
    const { backend, clock } = this.#options;
    const options = { pageEntriesMax: SMALL_PAGE_ENTRIES_MAX, signal };
    const list = () => listAll(backend, this.#keys.leader, options);
    const { entries } = await retryUnavailable(list, {
      clock,
      signal: signal ?? this.#closed.signal,
    });
    return this.#leaderIn(entries);
  }

  watchLeader(listener: (leader: Leader | undefined) => void, signal: AbortSignal): void {
    const { backend, clock, log } = this.#options;
    let told: bigint | undefined; // the term last told; 0n for "none"
    const tell = (leader: Leader | undefined): void => {
      const term = leader?.term ?? 0n;
      if (term === told) return;
      told = term;
      listener(leader);
    };
    void followPrefix({
      backend,
      clock,
      log,
      prefix: this.#keys.leader,
      signal: AbortSignal.any([signal, this.#closed.signal]),
      onPage: ({ entries, first }) => {
        if (first) tell(this.#leaderIn(entries)); // one key, and so the first page has it
      },
      onChange: (change) => tell(change.kind === 'put' ? leaderOf(change.entry) : undefined),
    });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#shut());
  }

  async #shut(): Promise<void> {
    for (const term of this.#terms) term.lose('the store was closed');
    this.#closed.abort(new ClosedError('lease store'));
    await this.#options.backend.close();
  }

  /** A watch waits out a refusal, as rights may be restored; who begins should hear of it. */
  async #assertAllowed(): Promise<void> {
    this.#closed.signal.throwIfAborted();
    try {
      await listAll(this.#options.backend, this.#keys.leader, { pageEntriesMax: 1 });
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  }

  /** Undefined when another was faster, or the store is away. */
  async #tryToLead(candidate: Candidate): Promise<Leadership | undefined> {
    const { backend, clock, leaderTtlMs: ttlMs, log } = this.#options;
    const leaseId = newLeaseId();
    const leaseSentMs = clock.nowMs(); // of the first try: the earliest the lease can count from
    try {
      const signal = this.#closed.signal;
      await retryUnavailable(() => backend.grantLease(leaseId, ttlMs), { clock, signal });
      const term = await this.#createLeaderKey(candidate, leaseId);
      if (term !== undefined) {
        return this.#lead(
          new LeaderTerm({ backend, clock, log, term, leaseId, ttlMs, leaseSentMs }),
        );
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailableError || error instanceof LeaseGoneError)) throw error;
      log.warn({ err: error }, 'could not stand for election');
    }
    // If the key was created unheard, this gives the seat back, now or when the lease runs out.
    await backend.revokeLease(leaseId).catch(() => {});
    return undefined;
  }

  /** The term, if this lease won the seat. */
  async #createLeaderKey(candidate: Candidate, leaseId: string): Promise<bigint | undefined> {
    const key = this.#keys.leader;
    const value = JSON.stringify({ id: candidate.id, address: candidate.address });
    const result = await retryUnavailable(
      () =>
        this.#options.backend.transact({
          compares: [{ key, target: 'create', is: 'equal', revision: 0n }],
          success: [{ kind: 'put', key, value, leaseId }],
          failure: [{ kind: 'get', key }],
        }),
      { clock: this.#options.clock, signal: this.#closed.signal },
    );
    if (result.succeeded) return result.revision;
    const [found] = result.results;
    assert.ok(found?.kind === 'get');
    // A repeated try meets the key of the first.
    return found.entry?.leaseId === leaseId ? found.entry.createRevision : undefined;
  }

  #lead(term: LeaderTerm): Leadership {
    const { backend, clock, log } = this.#options;
    this.#terms.add(term);
    term.lost.addEventListener('abort', () => this.#terms.delete(term), { once: true });
    setMaxListeners(0, term.lost); // one for each call and watch of the leader: bounded by those
    if (this.#closed.signal.aborted) term.lose('the store was closed');
    term.start();
    // The key may be taken away while the lease lives on, by an operator for one.
    this.watchLeader((leader) => {
      if (leader?.term !== term.term) term.lose('the leader key is gone or of a later term');
    }, term.lost);
    return new GuardedLeadership({ backend, clock, log, keys: this.#keys, term });
  }

  #leaderIn(entries: readonly Entry[]): Leader | undefined {
    const entry = entries.find(({ key }) => key === this.#keys.leader);
    return entry && leaderOf(entry);
  }
}

function leaderOf(entry: Entry): Leader {
  const { id, address } = JSON.parse(entry.value) as Candidate;
  return { id, address, term: entry.createRevision };
}

/** Lets one campaign wait until the seat is known to be vacant. Unknown counts as taken. */
class VacancyWatch {
  #taken = true;
  #wake: (() => void) | undefined;

  setTaken(taken: boolean): void {
    this.#taken = taken;
    if (!taken) this.#wake?.();
  }

  async vacant(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#taken) return;
    let stop: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve;
        stop = () => reject(signal.reason as Error);
        signal.addEventListener('abort', stop, { once: true });
      });
    } finally {
      if (stop !== undefined) signal.removeEventListener('abort', stop);
      this.#wake = undefined;
    }
  }
}
