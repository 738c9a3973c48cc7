import type { KafkaCluster } from '../../kafka/client/index.js';
import type { WayOut } from './halt.js';
import { lastSequenceOf } from './last-sequence.js';
import type { PartitionCopier } from './partition-copier.js';
import type { Position } from './run-tail.js';

export interface WayOutOptions {
  copier: PartitionCopier;
  wayOut: Exclude<WayOut, { kind: 'behind-others' }>;
  target: KafkaCluster;
  targetEnd: bigint;
  /** Where the first copy of the partition would start now. */
  firstSourceOffset: () => Promise<bigint>;
}

/**
 * Goes past a halt that an operator accepted: chooses the position, cuts the offset map to what is
 * still true, and fits the sequence numbers to the target as it is. The new start becomes durable
 * before anything is appended behind it.
 */
export async function takeWayOut(options: WayOutOptions, signal: AbortSignal): Promise<void> {
  const { copier, wayOut, targetEnd } = options;
  const { tail } = copier;
  const sequenceBase = await fittingSequenceBase(options, signal);
  const sourceNext =
    wayOut.kind === 'restart' ? await options.firstSourceOffset() : wayOut.sourceNext;
  // Wherever the copy goes on, what was fetched there before is not to be compared with it.
  copier.epochs.forgetFrom(wayOut.kind === 'restart' ? 0n : sourceNext);
  if (wayOut.kind === 'restart') {
    tail.reset();
    copier.mapRestarted = true;
  } else if (wayOut.kind === 'cut') {
    // Without a known place everything before is doubtful: nothing of the old map is kept.
    const cutAt = tail.targetOf(sourceNext);
    if (cutAt === undefined) {
      tail.reset();
      copier.mapRestarted = true;
    } else {
      copier.cutMap(cutAt);
    }
  }
  const position: Position = { sourceNext, targetNext: targetEnd };
  tail.start(position);
  copier.sequenceBase = sequenceBase;
  copier.wayOut = undefined;
}

/**
 * The base with which the next sequence at `targetEnd` follows the last one of this producer: records
 * of others in between have moved the log's end, but not the producer's sequence.
 */
export async function fittingSequenceBase(
  { copier, target, targetEnd }: Pick<WayOutOptions, 'copier' | 'target' | 'targetEnd'>,
  signal: AbortSignal,
): Promise<bigint> {
  const lastSequence = await lastSequenceOf(copier.assignment, target, signal);
  // A partition that does not know the producer takes any first sequence.
  return lastSequence === undefined ? copier.sequenceBase : targetEnd - BigInt(lastSequence + 1);
}
