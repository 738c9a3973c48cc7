import { StoreUnavailableError } from './errors.js';
import { CALL_ATTEMPTS_MAX } from './limits.js';

/**
 * Repeats a call that may be repeated, at once: the backend has meanwhile turned to another member.
 * `repeated` tells the call that an earlier try may have been carried out unheard. Stops early when
 * the signal aborts, with the last failure.
 */
export async function retryUnavailable<T>(
  call: (repeated: boolean) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  let outcomeUnknown = false;
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(outcomeUnknown);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      outcomeUnknown ||= error.outcomeUnknown;
      if (attempt < CALL_ATTEMPTS_MAX && signal?.aborted !== true) continue;
      // The last try may have failed plainly after an earlier one had not.
      if (error.outcomeUnknown === outcomeUnknown) throw error;
      throw new StoreUnavailableError('any of several tries', outcomeUnknown, { cause: error });
    }
  }
}
