import type { Clock } from '../../common/clock.js';
import type { CoreEvent, HolderRef } from '../core/events.js';
import type { LeaseEvent, SessionRecord } from '../store/lease-store.js';

/** Leases that one step takes in: some tens of milliseconds of work. */
export const LEASES_PER_STEP_MAX = 10_000;

/** Between two steps, so that renewals and heartbeats get through. */
const STEP_PAUSE_MS = 1;

export interface LeaseIntakeOptions {
  readonly emit: (event: CoreEvent) => void;
  /** Ends the term: the core no longer knows what the store lists. */
  readonly fail: (error: Error) => void;
  readonly clock: Clock;
  /** Aborted when the term is over. */
  readonly over: AbortSignal;
}

/**
 * Tells the core what the store lists, a part at a time: a million leases in one step would hold up
 * this leader's own renewal for seconds.
 */
export class LeaseIntake {
  readonly #options: LeaseIntakeOptions;
  /** What the store told while a list was taken in, in order: at most each lease's end. */
  #behind: LeaseEvent[] | undefined;

  constructor(options: LeaseIntakeOptions) {
    this.#options = options;
  }

  /** What a new leader finds. Rejects when the term is over. */
  async takeOver(sessions: readonly SessionRecord[], leases: readonly HolderRef[]): Promise<void> {
    const { emit } = this.#options;
    let known = sessions;
    await this.#inParts(leases, (part) => {
      emit({ kind: 'recovered', sessions: known, leases: part });
      known = [];
    });
  }

  /** What the store's watch tells, in its order. */
  take(event: LeaseEvent): void {
    if (this.#behind !== undefined) this.#behind.push(event);
    else if (event.kind === 'gone') this.#options.emit({ kind: 'lease-gone', lease: event });
    else {
      this.#behind = [];
      const { fail, over } = this.#options;
      void this.#takeList(event.leases).catch((error: unknown) => {
        if (!over.aborted) fail(error as Error);
      });
    }
  }

  async #takeList(leases: readonly HolderRef[]): Promise<void> {
    const { emit } = this.#options;
    await this.#inParts(leases, (part, more) =>
      emit({ kind: 'leases-listed', leases: part, more }),
    );
    const behind = this.#behind ?? [];
    this.#behind = undefined;
    for (const event of behind) this.take(event);
  }

  async #inParts(
    leases: readonly HolderRef[],
    take: (part: readonly HolderRef[], more: boolean) => void,
  ): Promise<void> {
    const { clock, over } = this.#options;
    for (let start = 0; ; start += LEASES_PER_STEP_MAX) {
      const end = start + LEASES_PER_STEP_MAX;
      const more = end < leases.length;
      take(leases.slice(start, end), more);
      if (!more) return;
      await clock.sleep(STEP_PAUSE_MS, over);
    }
  }
}
