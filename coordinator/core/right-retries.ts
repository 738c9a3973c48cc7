import type { Problem } from './events.js';
import type { CoreState, ItemEntry } from './state.js';
import type { Step } from './step.js';

/** A partition that halted for a missing right is granted anew this often: the right may be there. */
export const RIGHT_RETRY_MS = 15_000;

/** Each one is a lease given up and made again. */
export const RIGHT_RETRIES_PER_TICK_MAX = 50;

/** A missing right for which a partition halted, until it runs or halts for another reason. */
export interface Refusal {
  readonly problem: Problem;
  /** Undefined while it is tried again. */
  retryAtMs: number | undefined;
}

/** Takes note of what a partition's holder says of it. */
export function noteRefusal(step: Step, item: ItemEntry): void {
  const { refusals } = step.state;
  const { copier, halt, state } = item;
  if (state === 'revoking') return; // of a copier that is let go of already
  if (copier === 'halted' && halt?.code === 'not-authorized') {
    const retryAtMs = refusals.get(item)?.retryAtMs ?? step.nowMs + RIGHT_RETRY_MS;
    refusals.set(item, { problem: halt, retryAtMs });
  } else if (copier !== 'recovering') refusals.delete(item);
}

/** Lets go of those whose time has come, so that they are granted again. */
export function retryRefused(step: Step): void {
  const { refusals, items } = step.state;
  let retries = 0;
  for (const [item, refusal] of refusals) {
    if (items.get(item.key) !== item) refusals.delete(item);
    else if (isDue(refusal, step.nowMs) && item.copier === 'halted') {
      refusal.retryAtMs = undefined;
      step.revoke(item, 'the right that was missing may have been granted');
      retries += 1;
      if (retries === RIGHT_RETRIES_PER_TICK_MAX) return;
    }
  }
}

function isDue({ retryAtMs }: Refusal, nowMs: number): boolean {
  return retryAtMs !== undefined && nowMs >= retryAtMs;
}

/** Why the partition is as good as halted though it is tried again; undefined if it is not. */
export function refusalOf(state: CoreState, item: ItemEntry): Problem | undefined {
  const isTried = item.copier === undefined || item.copier === 'recovering';
  return isTried ? state.refusals.get(item)?.problem : undefined;
}
