import type { Clock } from '../../common/clock.js';
import type { Backend, Compare, Operation, TransactionResult } from './backend.js';
import { LeadershipLostError } from './errors.js';
import type { StoreKeys } from './keys.js';
import type { LeaderTerm } from './leader-term.js';
import { retryUnavailable } from './retry.js';

export interface LeaderGuardOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly keys: StoreKeys;
  readonly term: LeaderTerm;
}

/**
 * Writes that only the leader of this term can commit. The guard is a compare on the create revision
 * of the leader key, in the same transaction as the write: not a check before it, between which and
 * the write a pause could fall.
 */
export class LeaderGuard {
  readonly #options: LeaderGuardOptions;

  constructor(options: LeaderGuardOptions) {
    this.#options = options;
  }

  /** For what is the same whether done once or twice: repeated while the store is away. */
  transact(operations: readonly Operation[]): Promise<TransactionResult> {
    const { clock, term } = this.#options;
    return retryUnavailable(() => this.transactOnce(operations), { clock, signal: term.lost });
  }

  async transactOnce(operations: readonly Operation[]): Promise<TransactionResult> {
    const { backend, keys, term } = this.#options;
    term.assertLeading();
    const leads: Compare = {
      key: keys.leader,
      target: 'create',
      is: 'equal',
      revision: term.term,
    };
    const result = await backend.transact({ compares: [leads], success: operations, failure: [] });
    if (!result.succeeded) {
      term.lose('the leader key is gone or of a later term');
      throw new LeadershipLostError(term.term, 'the store refused a write of this term');
    }
    return result;
  }
}
