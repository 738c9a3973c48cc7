import {
  isExactRun,
  sourceNextOf,
  targetNextOf,
  type OffsetRun,
} from '../../mirror/offset-map-run.js';
import type { CompareSegment } from '../service/site-task-kinds.js';

/** Where a comparison stands: everything before it, on both sides, was compared. */
export interface VerifiedPosition {
  readonly sourceNext: bigint;
  readonly targetNext: bigint;
}

/**
 * What there is to compare of a partition, from a position on: its runs, and what lies between them,
 * where both sides must hold nothing, or the same in the same order. Adjoining, in order.
 */
export function compareSegments(
  runs: readonly OffsetRun[],
  from: VerifiedPosition | undefined,
): CompareSegment[] {
  const first = runs[0];
  if (first === undefined) return [];
  let { sourceNext, targetNext } = from ?? {
    sourceNext: first.sourceStart,
    targetNext: first.targetStart,
  };
  const segments: CompareSegment[] = [];
  const add = (sourceTo: bigint, targetTo: bigint, exact: boolean): void => {
    if (sourceTo < sourceNext || targetTo < targetNext) return;
    if (sourceTo === sourceNext && targetTo === targetNext) return;
    const segment = { sourceFrom: sourceNext, sourceTo, targetFrom: targetNext, targetTo };
    segments.push({ ...segment, exact });
    sourceNext = sourceTo;
    targetNext = targetTo;
  };
  for (const run of runs) {
    if (sourceNextOf(run) <= sourceNext && targetNextOf(run) <= targetNext) continue;
    add(run.sourceStart, run.targetStart, false);
    const aligned = targetNext - sourceNext === run.targetStart - run.sourceStart;
    add(sourceNextOf(run), targetNextOf(run), isExactRun(run) && aligned);
  }
  return segments;
}
