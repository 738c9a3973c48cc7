import type { SyncPair } from '../replication/choose-syncs.js';
import type { Run } from '../replication/run-tail.js';
import { HISTORY_RUNS_MAX } from './limits.js';
import type { LoggedRecord, Match } from './trace-back.js';

/** Matches, the newest first, as runs, the oldest first. */
export function runsOf(
  source: readonly LoggedRecord[],
  target: readonly LoggedRecord[],
  matches: readonly Match[],
): Run[] {
  const runs: Run[] = [];
  for (const match of [...matches].reverse()) {
    const sourceStart = source[match.source]!.offset;
    const targetStart = target[match.target]!.offset;
    const last = runs.at(-1);
    const continues =
      last !== undefined &&
      last.sourceStart + last.length === sourceStart &&
      last.targetStart + last.length === targetStart;
    if (continues) last.length += 1n;
    else runs.push({ sourceStart, targetStart, length: 1n });
  }
  return runs;
}

/**
 * MirrorMaker 2's offset syncs from before the records that were compared, as runs of one record: so
 * that groups that have not come that far are translated too, to a place at or before their own.
 *
 * A start of MirrorMaker 2 repeats records: what earlier syncs said about those is void, because only
 * the repeat is followed by everything that comes after.
 */
export function historyRuns(syncs: readonly SyncPair[], before: SyncPair): Run[] {
  const kept: SyncPair[] = [];
  for (const sync of syncs) {
    const { upstreamOffset, downstreamOffset } = sync;
    if (upstreamOffset < 0n || downstreamOffset < 0n) continue;
    if (upstreamOffset >= before.upstreamOffset) continue;
    if (downstreamOffset >= before.downstreamOffset) continue;
    for (let last = kept.at(-1); last !== undefined; last = kept.at(-1)) {
      const isBefore =
        last.upstreamOffset < upstreamOffset && last.downstreamOffset < downstreamOffset;
      if (isBefore) break;
      kept.pop();
    }
    kept.push(sync);
  }
  const every = Math.ceil(kept.length / HISTORY_RUNS_MAX);
  return kept
    .filter((_, index) => (kept.length - 1 - index) % every === 0)
    .map(({ upstreamOffset, downstreamOffset }) => {
      return { sourceStart: upstreamOffset, targetStart: downstreamOffset, length: 1n };
    });
}
