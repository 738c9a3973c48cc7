import type { CoreEvent } from '../core/events.js';
import type { LeaseEvent, SessionRecord } from '../store/lease-store.js';

export interface LeaseIntakeOptions {
  readonly emit: (event: CoreEvent) => void;
  /** Aborted when the term is over. */
  readonly over: AbortSignal;
}

/**
 * Tells the core what the store says of leases, page by page as it comes: a million leases in one
 * step would hold up this leader's own renewal for seconds, and all of them at once its memory. A list
 * and the changes after it come in turn, so that nothing has to wait here.
 */
export class LeaseIntake {
  readonly #options: LeaseIntakeOptions;
  /** Ends the wait for the first list, while that is taken in. */
  #takenOver: (() => void) | undefined;

  constructor(options: LeaseIntakeOptions) {
    this.#options = options;
  }

  /**
   * What a new leader finds: the sessions here, and the leases in the first list that `take` is told.
   * Resolves when all of it is taken in; rejects when the term is over.
   */
  takeOver(sessions: readonly SessionRecord[]): Promise<void> {
    const { emit, over } = this.#options;
    emit({ kind: 'recovered', sessions, leases: [] });
    return new Promise((resolve, reject) => {
      this.#takenOver = resolve;
      const end = (): void => reject(over.reason as Error);
      if (over.aborted) end();
      else over.addEventListener('abort', end, { once: true });
    });
  }

  /** What the store's watch tells, in its order. */
  take(event: LeaseEvent): void {
    const { emit } = this.#options;
    if (event.kind === 'gone') {
      const { item, revision } = event;
      emit({ kind: 'lease-deleted', item, revision });
      return;
    }
    const { leases, first, more } = event;
    if (this.#takenOver === undefined) {
      emit({ kind: 'leases-listed', leases, first, more });
      return;
    }
    emit({ kind: 'recovered', sessions: [], leases });
    if (more) return;
    this.#takenOver();
    this.#takenOver = undefined;
  }
}
