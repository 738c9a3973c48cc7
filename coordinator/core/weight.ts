/**
 * What an item costs its holder, as a whole number: one for being held, and one more for each
 * 64 KiB/s that were measured. So a thousand idle partitions weigh as much as one of 64 MiB/s, and
 * sums of weights are exact.
 */

export const WEIGHT_MIN = 1;

const BYTES_PER_SECOND_PER_WEIGHT = 64 * 1024;

/** Beyond any broker's speed: a report that claims more is wrong, and must not break the sums. */
const WEIGHT_MAX = 1_000_000;

/** A weight stays as it is until what is measured differs by more than this part of it. */
const WEIGHT_CHANGE_FRACTION = 0.25;

/** Rates are averages over some ten seconds: one look in this time sees all there is to see. */
export const WEIGH_INTERVAL_MS = 30_000;

/** The weight of an item that weighs `before` and is measured now. */
export function weigh(before: number, bytesPerSecond: number): number {
  const measured = Math.floor(bytesPerSecond / BYTES_PER_SECOND_PER_WEIGHT);
  // Also for what is no number.
  if (!(measured >= 0)) return before;
  const weight = Math.min(WEIGHT_MAX, WEIGHT_MIN + measured);
  const change = Math.abs(weight - before);
  return change > Math.max(1, before * WEIGHT_CHANGE_FRACTION) ? weight : before;
}
