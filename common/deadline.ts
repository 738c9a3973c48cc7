import type { Clock } from './clock.js';
import { TimeoutError } from './errors.js';

export interface DeadlineOptions {
  /** For the error: what took too long. */
  readonly what: string;
  readonly ms: number;
  readonly clock: Clock;
  /** The caller's: it ends the work as well. */
  readonly signal: AbortSignal;
}

/**
 * Runs what ends with the signal that it is given: aborted with a TimeoutError when the time is up,
 * and with the caller's reason when the caller gives up.
 */
export async function withDeadline<T>(
  { what, ms, clock, signal }: DeadlineOptions,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const done = new AbortController();
  clock.sleep(ms, done.signal).then(
    () => late.abort(new TimeoutError(what, ms)),
    () => {}, // done in time
  );
  try {
    return await run(AbortSignal.any([signal, late.signal]));
  } finally {
    done.abort();
  }
}
