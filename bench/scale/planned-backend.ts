import { setImmediate } from 'node:timers/promises';
import {
  type Backend,
  type BranchResult,
  type Entry,
  type Page,
  type PageOptions,
  type Transaction,
  type TransactionResult,
  type WatchOptions,
} from '../../coordinator/store/backend.js';
import { StoreKeys } from '../../coordinator/store/keys.js';
import { FIRST_REVISION, type ScalePlan } from './scale-plan.js';

export const STORE_PREFIX = '/mirror';

/**
 * A store in which everything is held as planned. It keeps nothing, as etcd keeps nothing in the
 * coordinator: each list is made anew, of strings of its own.
 */
export class PlannedBackend implements Backend {
  readonly #plan: ScalePlan;
  readonly #keys = new StoreKeys(STORE_PREFIX);
  #leader: Entry | undefined;

  constructor(plan: ScalePlan) {
    this.#plan = plan;
  }

  transact({ success }: Transaction): Promise<TransactionResult> {
    for (const operation of success) {
      if (operation.kind !== 'put' || operation.key !== this.#keys.leader) continue;
      this.#leader = entry(operation.key, operation.value, FIRST_REVISION, operation.leaseId ?? '');
    }
    const done: BranchResult = { succeeded: true, results: success.map(() => undefined) };
    return Promise.resolve({ ...done, revision: FIRST_REVISION });
  }

  async *pages(prefix: string, { pageEntriesMax }: PageOptions): AsyncIterable<Page> {
    const revision = FIRST_REVISION * 2n;
    let entries: Entry[] = [];
    for (const entry of this.#below(prefix)) {
      if (entries.length === pageEntriesMax) {
        yield { revision, entries, more: true };
        entries = [];
        await setImmediate(); // as from a network
      }
      entries.push(entry);
    }
    yield { revision, entries, more: false };
  }

  grantLease(): Promise<void> {
    return Promise.resolve();
  }

  keepLeaseAlive(): Promise<boolean> {
    return Promise.resolve(true);
  }

  revokeLease(): Promise<void> {
    return Promise.resolve();
  }

  watch({ signal }: WatchOptions): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  *#below(prefix: string): Iterable<Entry> {
    if (prefix === this.#keys.leader && this.#leader !== undefined) yield this.#leader;
    if (prefix === this.#keys.sessions) yield* this.#sessions();
    if (prefix === this.#keys.leases) yield* this.#leases();
  }

  *#sessions(): Iterable<Entry> {
    for (let index = 0; index < this.#plan.shape.agents; index += 1) {
      const { agentId, sessionId } = this.#plan.agent(index);
      const value = JSON.stringify({ agentId, ttlMs: 10_000 });
      yield entry(this.#keys.session(sessionId), value, FIRST_REVISION, sessionId);
    }
  }

  *#leases(): Iterable<Entry> {
    for (const flow of this.#plan.flows()) {
      for (const { key, leaseEpoch, agent } of this.#plan.itemsOf(flow)) {
        const { agentId, sessionId } = this.#plan.agent(agent);
        yield entry(this.#keys.lease(key), JSON.stringify({ agentId }), leaseEpoch, sessionId);
      }
    }
  }
}

/** As an answer of etcd is read: each string is one of its own. */
function entry(key: string, value: string, revision: bigint, leaseId: string): Entry {
  const own = (text: string): string => Buffer.from(text).toString();
  return {
    key: own(key),
    value: own(value),
    createRevision: BigInt(String(revision)),
    modRevision: BigInt(String(revision)),
    leaseId: own(leaseId),
  };
}
