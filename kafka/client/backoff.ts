/** The wait after the first failure. */
export const BACKOFF_MS_INITIAL = 50;

/** No wait is longer: a cluster that comes back is noticed within this time. */
export const BACKOFF_MS_MAX = 2_000;

/** Each wait is up to this part shorter or longer, so that a crowd does not return all at once. */
const JITTER = 0.2;

/** How long to wait after `failures` (from 1) failures in a row. `random` is from [0, 1). */
export function backoffMs(failures: number, random: number): number {
  const plain = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_INITIAL * 2 ** Math.min(failures - 1, 30));
  return plain * (1 - JITTER + 2 * JITTER * random);
}
