import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_EARLIEST, TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { offsetForLeaderEpoch } from '../../kafka/messages/offset-for-leader-epoch.js';
import { divergedHalt, outOfRangeHalt } from './fetch-outcome.js';
import type { HaltError } from './halt.js';
import type { PartitionCopier } from './partition-copier.js';
import { FetchRetryError, logBound } from './read-partition.js';
import { sourceTopicHalt } from './topic-check.js';

/** Why the next offset is not in the source's log; undefined if by now it is. */
export async function explainOutOfRange(
  source: KafkaCluster,
  copier: PartitionCopier,
  signal: AbortSignal,
): Promise<HaltError | undefined> {
  const { topic, partition } = copier.assignment;
  const at = { cluster: source, topic, partition };
  const start = await logBound(at, TIMESTAMP_EARLIEST, { signal });
  const end = await logBound(at, TIMESTAMP_LATEST, { signal });
  return outOfRangeHalt(copier, { start, end });
}

/**
 * Whether the source's log still is the one that was copied, as far as its leader epochs tell
 * (KIP-320): an unclean election may have cut it while nobody copied, and it may be longer by now.
 * Undefined where they do not say otherwise.
 */
export async function explainEpoch(
  source: KafkaCluster,
  copier: PartitionCopier,
  signal: AbortSignal,
): Promise<HaltError | undefined> {
  const { newest } = copier.epochs;
  if (newest === undefined) return undefined;
  const { topic, partition } = copier.assignment;
  const leader = source.leaderOf(topic, partition);
  if (leader === undefined) throw new FetchRetryError(topic, partition);
  const place = { partition, currentLeaderEpoch: -1, leaderEpoch: newest.epoch };
  const request = { topics: [{ topic, partitions: [place] }] };
  const to = { nodeId: leader.nodeId };
  const response = await source.request(to, offsetForLeaderEpoch, request, { signal });
  const answer = response.topics[0]?.partitions[0];
  if (answer?.errorCode !== ErrorCode.NONE) throw new FetchRetryError(topic, partition);
  const { leaderEpoch: epoch, endOffset } = answer;
  if (endOffset < 0n || endOffset >= newest.offset) return undefined;
  return divergedHalt(copier, { epoch, endOffset, copiedTo: newest.offset });
}

/** Whether the source topic was deleted or recreated; undefined if it is still the same one. */
export async function explainTopicChange(
  source: KafkaCluster,
  copier: PartitionCopier,
  signal: AbortSignal,
): Promise<HaltError | undefined> {
  const { topic } = copier.assignment;
  const metadata = await source.metadata([topic], { signal });
  return sourceTopicHalt(copier, metadata.topics.get(topic));
}
