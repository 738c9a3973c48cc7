import type { Clock } from '../../common/clock.js';
import { StoreUnavailableError } from './errors.js';
import { CALL_ATTEMPTS_MAX, RETRY_PAUSE_MIN_MS } from './limits.js';

export interface RetryOptions {
  readonly clock: Clock;
  /** Once aborted, a failure is final. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Repeats a call that may be repeated, after a pause that doubles: enough to step over the loss of
 * one member or an election among them. `repeated` tells the call that an earlier try may have been
 * carried out unheard.
 */
export async function retryUnavailable<T>(
  call: (repeated: boolean) => Promise<T>,
  { clock, signal }: RetryOptions,
): Promise<T> {
  let outcomeUnknown = false;
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(outcomeUnknown);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      outcomeUnknown ||= error.outcomeUnknown;
      const pauseMs = RETRY_PAUSE_MIN_MS * 2 ** (attempt - 1);
      if (attempt < CALL_ATTEMPTS_MAX && (await paused(pauseMs, { clock, signal }))) continue;
      // The last try may have failed plainly after an earlier one had not.
      if (error.outcomeUnknown === outcomeUnknown) throw error;
      throw new StoreUnavailableError('any of several tries', outcomeUnknown, { cause: error });
    }
  }
}

/** False when the signal was aborted instead. */
function paused(ms: number, { clock, signal }: RetryOptions): Promise<boolean> {
  return clock.sleep(ms, signal).then(
    () => true,
    () => false,
  );
}
