import { HaltError } from './halt.js';
import { lengthOf, segmentsFrom } from './own-records.js';
import type { PartitionCopier } from './partition-copier.js';
import type { Position } from './run-tail.js';
import type { TargetStretch } from './target-scan.js';

/** Something else wrote to the target; what of the stretch is this flow's was found on the source. */
export interface AmongOthers {
  copier: PartitionCopier;
  stretch: TargetStretch;
  /** Behind the last of them. */
  sourceNext: bigint;
}

/**
 * The sequence base that is right where the map ends now, since this flow's records among what others
 * wrote go into it one after the other: a later attempt, of whatever agent, begins there.
 */
export function sequenceBaseAt(stretch: TargetStretch, targetNext: bigint): bigint {
  const ahead = lengthOf(segmentsFrom(stretch.segments, targetNext));
  return targetNext + ahead - BigInt(stretch.nextSequence);
}

/**
 * Where the copy goes on once an operator accepted what others wrote: this flow's records among it are
 * in the map where they lie, and the next one comes behind all of it. Its sequence number follows the
 * last one of this flow, since others move the log's end but not that.
 */
export function goBehind({ copier, stretch, sourceNext }: AmongOthers): Position {
  const { tail } = copier;
  const position: Position = { sourceNext, targetNext: stretch.to };
  tail.start(position);
  copier.sequenceBase = stretch.to - BigInt(stretch.nextSequence);
  copier.landed = undefined;
  return position;
}

/** Says what accepting it comes to, in records: it was looked at then and there. */
export function writtenByOthers({ copier, stretch, sourceNext }: AmongOthers): HaltError {
  const { targetTopic, partition, producerId } = copier.assignment;
  const { offset, producerId: theirs } = stretch.foreign!;
  const what =
    theirs === undefined
      ? `offset ${offset}, of which nothing is left, was not written by this flow (${producerId})`
      : `the batch at offset ${offset} was written by producer ${theirs}, not by this flow (${producerId})`;
  const count = lengthOf(stretch.segments);
  return new HaltError(
    'target-diverged',
    `${targetTopic}-${partition}: ${what}; something else writes to this topic; ` +
      `${count} records of this flow that the map lacks are told by their sequence numbers; ` +
      `to accept goes on from source offset ${sourceNext} and ${priceOf(stretch)}`,
    { wayOut: { kind: 'behind-others' } },
  );
}

function priceOf({ unknown, lost }: TargetStretch): string {
  if (unknown > 0n) {
    return (
      `may repeat up to ${unknown} records: as many offsets were removed, and the target no ` +
      'longer knows which of them were written by this flow'
    );
  }
  if (lost > 0n) return `copies ${lost} records again, which the target lost; it repeats nothing`;
  return 'repeats nothing';
}
