import { SYNCS_PER_LOOK_MAX } from './limits.js';
import type { Run } from './run-tail.js';

/** One record on both sides. */
export interface SyncPair {
  upstreamOffset: bigint;
  downstreamOffset: bigint;
}

export interface ChooseSyncsOptions {
  /** `offset.lag.max`: how many target offsets may pass between two syncs. */
  lagMax: number;
  /** Whether the newest pair is due though `lagMax` does not ask for it. */
  due: boolean;
}

/**
 * The offset syncs to write after `last`, by the rules of Kafka's OffsetSyncWriter: at once for the
 * first of this process, behind a gap, after a step back, and every `offset.lag.max` records; the
 * rest when it is due. Only pairs of a record that is certainly on the target. Of many, an even
 * choice with the newest at its end: readers thin them out themselves.
 */
export function chooseSyncs(
  runs: readonly Run[],
  last: SyncPair | undefined,
  { lagMax, due }: ChooseSyncsOptions,
): SyncPair[] {
  const newestRun = runs.findLast(({ length }) => length > 0n);
  if (newestRun === undefined) return [];
  const newest = pairAt(newestRun, newestRun.length - 1n);
  if (last === undefined) return [newest];
  const { upstreamOffset, downstreamOffset } = newest;
  if (upstreamOffset === last.upstreamOffset && downstreamOffset === last.downstreamOffset)
    return [];
  // The target lost its tail, or another start was accepted: readers forget what they know.
  const isBack = upstreamOffset <= last.upstreamOffset || downstreamOffset <= last.downstreamOffset;
  if (isBack) return [newest];

  const step = BigInt(Math.max(1, lagMax));
  const pairs: SyncPair[] = [];
  let previous = last;
  const take = (pair: SyncPair): void => {
    pairs.push(pair);
    previous = pair;
  };
  for (const run of runs) {
    const next = previous.downstreamOffset + 1n;
    if (run.targetStart + run.length <= next) continue;
    // Each step may be as wide as an even choice of all allows.
    const wide = (downstreamOffset - last.downstreamOffset) / BigInt(SYNCS_PER_LOOK_MAX);
    const width = step > wide ? step : wide;
    if (follows(run, previous)) take(pairAt(run, 0n));
    for (let at = previous.downstreamOffset + width + 1n; ; at += width + 1n) {
      if (at >= run.targetStart + run.length) break;
      if (at >= run.targetStart) take(pairAt(run, at - run.targetStart));
    }
  }
  if (previous.downstreamOffset < downstreamOffset && due) take(newest);
  if (pairs.length <= SYNCS_PER_LOOK_MAX) return pairs;
  const every = Math.ceil(pairs.length / SYNCS_PER_LOOK_MAX);
  return pairs.filter((_, index) => (pairs.length - 1 - index) % every === 0);
}

function pairAt(run: Run, into: bigint): SyncPair {
  return { upstreamOffset: run.sourceStart + into, downstreamOffset: run.targetStart + into };
}

/** Whether the run begins behind the pair, with a gap on one of the sides. */
function follows(run: Run, pair: SyncPair): boolean {
  if (run.targetStart <= pair.downstreamOffset) return false;
  const continues =
    run.sourceStart - pair.upstreamOffset === run.targetStart - pair.downstreamOffset;
  return !continues;
}
