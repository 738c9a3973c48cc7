import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { describeProducers } from '../../kafka/messages/describe-producers.js';
import type { WayOut } from './halt.js';
import type { PartitionCopier } from './partition-copier.js';
import { FetchRetryError } from './read-partition.js';
import type { Position } from './run-tail.js';

export interface WayOutOptions {
  copier: PartitionCopier;
  wayOut: WayOut;
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
      tail.truncateTo(cutAt);
      copier.truncatedTo = cutAt;
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
  const { targetTopic, partition, producerId, producerEpoch } = copier.assignment;
  const leader = target.leaderOf(targetTopic, partition);
  if (leader === undefined) throw new FetchRetryError(targetTopic, partition);
  const response = await target.request(
    { nodeId: leader.nodeId },
    describeProducers,
    { topics: [{ name: targetTopic, partitionIndexes: [partition] }] },
    { signal },
  );
  const answer = response.topics[0]?.partitions[0];
  if (answer?.errorCode !== ErrorCode.NONE) throw new FetchRetryError(targetTopic, partition);
  const ours = answer.activeProducers.find((producer) => {
    return producer.producerId === producerId && producer.producerEpoch === producerEpoch;
  });
  // A partition that does not know the producer takes any first sequence.
  return ours === undefined ? copier.sequenceBase : targetEnd - BigInt(ours.lastSequence + 1);
}
