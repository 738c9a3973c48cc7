import { HaltError } from './halt.js';
import { lengthOf } from './own-records.js';
import type { PartitionCopier } from './partition-copier.js';
import type { Position } from './run-tail.js';
import type { SourceScan } from './source-scan.js';
import type { TargetStretch } from './target-scan.js';

/** Something else wrote to the target; what of the stretch is this flow's was found on the source. */
export interface AmongOthers {
  copier: PartitionCopier;
  stretch: TargetStretch;
  own: SourceScan;
}

/**
 * Where the copy goes on once an operator accepted what others wrote: this flow's records among it go
 * into the map where they are, and the next one behind all of it. Its sequence number follows the last
 * one of this flow, since others move the log's end but not that.
 */
export function goBehind({ copier, stretch, own }: AmongOthers): Position {
  const { tail } = copier;
  for (const run of own.runs) tail.extend(run);
  const position: Position = { sourceNext: own.sourceNext, targetNext: stretch.to };
  tail.start(position);
  copier.sequenceBase = stretch.to - BigInt(stretch.nextSequence);
  copier.landed = undefined;
  return position;
}

/** Says what accepting it comes to, in records: it was looked at then and there. */
export function writtenByOthers({ copier, stretch, own }: AmongOthers): HaltError {
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
      `to accept goes on from source offset ${own.sourceNext} and ${priceOf(stretch)}`,
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
