import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';

const RETRY_INTERVAL_MS = 250;

export interface InsistContext {
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted when the answer no longer matters. */
  readonly over: AbortSignal;
}

/** Repeats a read of the store until it is answered or the term is over. */
export async function insist<T>(context: InsistContext, read: () => Promise<T>): Promise<T> {
  const { clock, log, over } = context;
  for (;;) {
    over.throwIfAborted();
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof MirrorError) || !error.retriable) throw error;
      log.warn({ error: describeError(error) }, 'the store does not answer; asking again');
      await clock.sleep(RETRY_INTERVAL_MS, over);
    }
  }
}
