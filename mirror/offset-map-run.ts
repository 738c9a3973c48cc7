/** The largest offset Kafka can express; offsets and their ends must stay at or below it. */
export const OFFSET_MAX = 2n ** 63n - 1n;

/**
 * A stretch of one partition whose records lie in the same order on both sides.
 *
 *   source  sourceStart ──── records + sourceGaps offsets ────► next run
 *   target  targetStart ──── records + targetGaps offsets ────► next run
 *
 * Without gaps the delta is constant and every offset translates exactly. A run that was merged from
 * several has gaps at unknown places inside: only its first offset and its end are exact.
 * Invariant: a run starts with a record; `records >= 1`, both gaps `>= 0`.
 */
export interface OffsetRun {
  sourceStart: bigint;
  targetStart: bigint;
  /** Records mirrored in the run; for a merged run a lower bound (see OffsetMap, holes). */
  records: bigint;
  /** Source offsets inside the run that hold no mirrored record. */
  sourceGaps: bigint;
  /** Target offsets inside the run that hold no mirrored record. */
  targetGaps: bigint;
}

/** Whether every offset inside the run translates exactly, and not only its two ends. */
export function isExactRun(run: OffsetRun): boolean {
  return run.sourceGaps === 0n && run.targetGaps === 0n;
}

/** The source offset after the run's last record. */
export function sourceNextOf(run: OffsetRun): bigint {
  return run.sourceStart + run.records + run.sourceGaps;
}

/** The target offset after the run's last record. */
export function targetNextOf(run: OffsetRun): bigint {
  return run.targetStart + run.records + run.targetGaps;
}

/** The same run as the map the other way round has it. */
export function invertRun(run: OffsetRun): OffsetRun {
  const { sourceStart, targetStart, records, sourceGaps, targetGaps } = run;
  return {
    sourceStart: targetStart,
    targetStart: sourceStart,
    records,
    sourceGaps: targetGaps,
    targetGaps: sourceGaps,
  };
}

/** Two neighbours as one run; what lies between them becomes gaps. */
export function mergeRuns(older: OffsetRun, newer: OffsetRun): OffsetRun {
  return {
    sourceStart: older.sourceStart,
    targetStart: older.targetStart,
    records: older.records + newer.records,
    sourceGaps: older.sourceGaps + newer.sourceGaps + newer.sourceStart - sourceNextOf(older),
    targetGaps: older.targetGaps + newer.targetGaps + newer.targetStart - targetNextOf(older),
  };
}

/**
 * Shortens a list of runs to `runsWanted` by merging old neighbours. The newest half of what may
 * remain is left as it is, since that is where groups usually read. Of the older runs those with
 * the smallest gaps go first: a translation inside a merged run errs by at most its gaps.
 */
export function mergeOldRuns(runs: readonly OffsetRun[], runsWanted: number): OffsetRun[] {
  const keptCount = Math.min(runs.length, Math.max(1, runsWanted >> 1));
  const kept = runs.slice(runs.length - keptCount);
  let older = runs.slice(0, runs.length - keptCount);
  const olderWanted = Math.max(1, runsWanted - keptCount);

  // Doubling ends: no sum of gaps exceeds twice the largest offset.
  for (let gapsMax = 1n; older.length > olderWanted; gapsMax *= 2n) {
    older = mergeWithin(older, gapsMax);
  }
  return [...older, ...kept];
}

function mergeWithin(runs: readonly OffsetRun[], gapsMax: bigint): OffsetRun[] {
  const merged: OffsetRun[] = [];
  for (const run of runs) {
    const last = merged.at(-1);
    const both = last === undefined ? undefined : mergeRuns(last, run);
    if (both !== undefined && both.sourceGaps + both.targetGaps <= gapsMax) {
      merged[merged.length - 1] = both;
    } else {
      merged.push(run);
    }
  }
  return merged;
}
