import assert from 'node:assert/strict';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import {
  TRANSACTION_OPERATIONS_MAX,
  type Backend,
  type Entry,
  type Operation,
  type OperationResult,
} from './backend.js';
import type { StoreKeys } from './keys.js';
import type { LeaderGuard } from './leader-guard.js';
import type { LeaderTerm } from './leader-term.js';
import type { GrantRequest, GrantResult, LeaseEvent, LeaseRecord } from './lease-store.js';
import { NAME_BYTES_MAX, TRANSACTIONS_IN_FLIGHT_MAX } from './limits.js';
import { followPrefix } from './relisting-watch.js';

export interface LeaseLedgerOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keys: StoreKeys;
  readonly term: LeaderTerm;
  readonly guard: LeaderGuard;
}

/** Who holds which work item: one key each, attached to the session's lease. */
export class LeaseLedger {
  readonly #options: LeaseLedgerOptions;

  constructor(options: LeaseLedgerOptions) {
    this.#options = options;
  }

  async grant(requests: readonly GrantRequest[]): Promise<GrantResult[]> {
    assertDistinct(requests.map((request) => request.item));
    const batches = await this.#inBatches(requests, async (batch) => {
      const operations = batch.map((request) => this.#grantOperation(request));
      const { results, revision } = await this.#options.guard.transact(operations);
      return batch.map((request, index) =>
        this.#grantResult(request, { result: results[index], revision }),
      );
    });
    return batches.flat();
  }

  async release(leases: readonly Pick<LeaseRecord, 'item' | 'leaseEpoch'>[]): Promise<void> {
    assertDistinct(leases.map((lease) => lease.item));
    await this.#inBatches(leases, async (batch) => {
      await this.#options.guard.transact(batch.map((lease) => this.#releaseOperation(lease)));
    });
  }

  watch(listener: (event: LeaseEvent) => void, signal: AbortSignal): void {
    const { backend, clock, log, keys, term } = this.#options;
    void followPrefix({
      backend,
      clock,
      log,
      prefix: keys.leases,
      signal: AbortSignal.any([signal, term.lost]),
      onPage: ({ entries, first, more }) => {
        const leases = entries.map((entry) => this.#recordOf(entry));
        listener({ kind: 'listed', leases, first, more });
      },
      onChange: (change) => {
        if (change.kind === 'put') return;
        listener({ kind: 'gone', item: keys.itemOf(change.key), revision: change.revision });
      },
    });
  }

  /**
   * Creates the lease key if nobody holds the item and the session is open. The session's key, not
   * its lease, is asked: a put under a lease that is gone would fail the whole batch, whereas this
   * fails one item. The two vanish in the same revision.
   */
  #grantOperation({ item, sessionId, agentId }: GrantRequest): Operation {
    const { keys } = this.#options;
    const key = keys.lease(item);
    const sessionKey = keys.session(sessionId);
    assert.ok(Buffer.byteLength(key) <= NAME_BYTES_MAX, 'the name of a work item is too long');
    const value = JSON.stringify({ agentId });
    return {
      kind: 'transaction',
      transaction: {
        compares: [
          { key, target: 'create', is: 'equal', revision: 0n },
          { key: sessionKey, target: 'create', is: 'not-equal', revision: 0n },
        ],
        success: [{ kind: 'put', key, value, leaseId: sessionId }],
        failure: [{ kind: 'get', key }],
      },
    };
  }

  #grantResult(
    { item, sessionId }: GrantRequest,
    { result, revision }: { result: OperationResult; revision: bigint },
  ): GrantResult {
    assert.ok(result?.kind === 'transaction');
    if (result.result.succeeded) return { outcome: 'granted', item, leaseEpoch: revision };
    const [found] = result.result.results;
    assert.ok(found?.kind === 'get');
    if (found.entry === undefined) return { outcome: 'session-expired', item, sessionId };
    const holder = this.#recordOf(found.entry);
    // A repeated grant whose first answer was lost meets its own key.
    if (holder.sessionId !== sessionId) return { outcome: 'held', item, holder };
    return { outcome: 'granted', item, leaseEpoch: holder.leaseEpoch };
  }

  #releaseOperation({ item, leaseEpoch }: Pick<LeaseRecord, 'item' | 'leaseEpoch'>): Operation {
    const key = this.#options.keys.lease(item);
    return {
      kind: 'transaction',
      transaction: {
        compares: [{ key, target: 'create', is: 'equal', revision: leaseEpoch }],
        success: [{ kind: 'delete', key }],
        failure: [],
      },
    };
  }

  #recordOf(entry: Entry): LeaseRecord {
    const { agentId } = JSON.parse(entry.value) as { agentId: string };
    const item = this.#options.keys.itemOf(entry.key);
    assert.ok(entry.leaseId !== undefined, 'a lease key is attached to a session');
    return { item, agentId, sessionId: entry.leaseId, leaseEpoch: entry.createRevision };
  }

  /** Results in order; after a failure no further batch is begun, and those under way are awaited. */
  async #inBatches<T, R>(
    all: readonly T[],
    send: (batch: readonly T[]) => Promise<R>,
  ): Promise<R[]> {
    this.#options.term.assertLeading();
    const batchCount = Math.ceil(all.length / TRANSACTION_OPERATIONS_MAX);
    const results: R[] = new Array<R>(batchCount);
    let next = 0;
    let failed = false;
    const work = async (): Promise<void> => {
      while (next < batchCount && !failed) {
        const index = next++;
        const start = index * TRANSACTION_OPERATIONS_MAX;
        try {
          results[index] = await send(all.slice(start, start + TRANSACTION_OPERATIONS_MAX));
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    };
    const workers = Array.from({ length: TRANSACTIONS_IN_FLIGHT_MAX }, work);
    for (const outcome of await Promise.allSettled(workers)) {
      if (outcome.status === 'rejected') throw outcome.reason;
    }
    return results;
  }
}

function assertDistinct(items: readonly string[]): void {
  assert.equal(new Set(items).size, items.length, 'an item may appear once in a call');
}
