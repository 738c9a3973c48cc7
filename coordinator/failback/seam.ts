/**
 * The seam between what a flow copied and what was written on its target after a promotion. Pure.
 *
 *   source A   … shared ┊S  never crossed  E┊  copied back … ┊ handed over, copied again
 *   target B   … shared ┊M marker F┊ written on B ………………… ┊
 *
 * What the flow's map knows up to (S, M) holds on. Behind it, B offset F is A offset E: that is where
 * the copy back begins, and with it the map goes on exactly in both directions. The records between S
 * and E have no place on B.
 */
import { invertRun } from '../../mirror/offset-map-run.js';
import type { OffsetRun } from '../../mirror/offset-map-run.js';

/** One partition of the flow, as both sides and the map have it. Topics by the side they are on. */
export interface SeamPartition {
  readonly sourceTopic: string;
  readonly targetTopic: string;
  readonly partition: number;
  readonly sourceTopicId: string;
  readonly targetTopicId: string;
  /** (S, M): the end of what the map knows; zeros if nothing was ever copied. */
  readonly crossed: { readonly sourceNext: bigint; readonly targetNext: bigint };
  /** F: the first offset on the target that is not this flow's. */
  readonly fenceEnd: bigint;
}

/** Where the copies of one partition go on, one in each direction. */
export interface Seed {
  readonly topic: string;
  readonly partition: number;
  readonly sourceTopicId: string;
  readonly targetTopicId: string;
  readonly sequenceBase: bigint;
  readonly runs: readonly OffsetRun[];
  readonly start: { readonly sourceOffset: bigint; readonly targetOffset: bigint };
}

/**
 * The copy back begins at F on the target and appends at E on the source. Its map is the flow's the
 * other way round, so that a group's position translates exactly on either side of the seam.
 */
export function copyBackSeed(
  seam: SeamPartition,
  sourceEnd: bigint,
  flowRuns: readonly OffsetRun[],
): Seed {
  return {
    topic: seam.targetTopic,
    partition: seam.partition,
    sourceTopicId: seam.targetTopicId,
    targetTopicId: seam.sourceTopicId,
    sequenceBase: sourceEnd,
    runs: flowRuns.map(invertRun),
    start: { sourceOffset: seam.fenceEnd, targetOffset: sourceEnd },
  };
}

/** Where a partition was handed over. */
export interface HandedOver {
  readonly sourceTopic: string;
  readonly targetTopic: string;
  readonly partition: number;
  readonly sourceTopicId: string;
  readonly targetTopicId: string;
  /** The first offset on the source that the flow copies again. */
  readonly sourceNext: bigint;
  /** The target's end: where the flow appends. */
  readonly targetEnd: bigint;
}

/**
 * The flow goes on where it was handed over. What was copied back is in its map, and is not copied
 * again; what never crossed before lies in front of that, and is not copied either.
 */
export function rearmSeed(at: HandedOver, copyBackRuns: readonly OffsetRun[]): Seed {
  return {
    topic: at.sourceTopic,
    partition: at.partition,
    sourceTopicId: at.sourceTopicId,
    targetTopicId: at.targetTopicId,
    sequenceBase: at.targetEnd,
    runs: copyBackRuns.map(invertRun),
    start: { sourceOffset: at.sourceNext, targetOffset: at.targetEnd },
  };
}

/**
 * Whether a group's position on the target is right behind the last record that crossed: it has read
 * all of those, and none of what was written after. On the source its next record is then the first
 * that never crossed, and only there do the maps not say so.
 */
export function isAtSeam(seam: SeamPartition, targetOffset: bigint): boolean {
  return targetOffset >= seam.crossed.targetNext && targetOffset <= seam.fenceEnd;
}

/** Where such a group goes on: it may have read some of those records before the source was lost. */
export function positionAtSeam(seam: SeamPartition, committed: bigint | undefined): bigint {
  const { sourceNext } = seam.crossed;
  return committed !== undefined && committed > sourceNext ? committed : sourceNext;
}
