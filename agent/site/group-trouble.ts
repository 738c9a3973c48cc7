import type { Clock } from '../../common/clock.js';
import { GROUPS_TROUBLE_AFTER_MS } from './limits.js';

export interface GroupTroubleOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Empty when all works again. */
  readonly tell: (problem: string) => void;
}

/** `listing`: what was committed before; `tail`: what is committed now. */
type GroupWork = 'listing' | 'tail';

/** Why a source's groups are not followed: told once it has lasted, and taken back when they are. */
export class GroupTrouble {
  readonly #options: GroupTroubleOptions;
  readonly #failing = new Map<GroupWork, { readonly sinceMs: number; reason: string }>();
  #told = '';

  constructor(options: GroupTroubleOptions) {
    this.#options = options;
  }

  /** To be said again whenever it fails again: nothing else looks at the clock. */
  failed(work: GroupWork, reason: string, sinceMs = this.#options.clock.nowMs()): void {
    const failing = this.#failing.get(work);
    if (failing === undefined) this.#failing.set(work, { sinceMs, reason });
    else failing.reason = reason;
    this.#tell();
  }

  works(...works: readonly GroupWork[]): void {
    for (const work of works) this.#failing.delete(work);
    this.#tell();
  }

  #tell(): void {
    const beforeMs = this.#options.clock.nowMs() - GROUPS_TROUBLE_AFTER_MS;
    const lasting = [...this.#failing.values()].find(({ sinceMs }) => sinceMs <= beforeMs);
    const problem = lasting?.reason ?? '';
    if (problem === this.#told) return;
    this.#told = problem;
    this.#options.tell(problem);
  }
}
