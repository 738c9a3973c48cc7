import type { KafkaCluster } from '../../kafka/client/index.js';
import { describeProducers } from '../../kafka/messages/describe-producers.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import type { CopierAssignment } from './copier-assignment.js';
import { FetchRetryError } from './read-partition.js';

/**
 * The last sequence number of this flow that the partition's leader knows, what is not replicated yet
 * included; undefined if it knows none, as after `producer.id.expiration.ms` without an append.
 */
export async function lastSequenceOf(
  { targetTopic, partition, producerId, producerEpoch }: CopierAssignment,
  target: KafkaCluster,
  signal: AbortSignal,
): Promise<number | undefined> {
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
  return ours?.lastSequence;
}
