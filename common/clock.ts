/**
 * Time, injected. Deadlines and waits use the monotonic clock only: a wall clock can jump, and a
 * lease that trusts it can be believed in after it was given away.
 */
export interface Clock {
  /** Monotonic milliseconds; meaningful only as a difference. */
  nowMs(): number;

  /** Milliseconds since 1970 by the wall clock: for timestamps that people or Kafka read. */
  wallMs(): number;

  /** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};
