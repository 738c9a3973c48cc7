import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_EARLIEST, TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { outOfRangeHalt } from './fetch-outcome.js';
import type { HaltError } from './halt.js';
import type { PartitionCopier } from './partition-copier.js';
import { FetchRetryError } from './read-partition.js';
import { sourceTopicHalt } from './topic-check.js';

/** Why the next offset is not in the source's log; undefined if by now it is. */
export async function explainOutOfRange(
  source: KafkaCluster,
  copier: PartitionCopier,
  signal: AbortSignal,
): Promise<HaltError | undefined> {
  const { topic, partition } = copier.assignment;
  const bounds: bigint[] = [];
  for (const timestamp of [TIMESTAMP_EARLIEST, TIMESTAMP_LATEST]) {
    const offsets = await source.listOffsets([{ topic, partition }], timestamp, {
      isolationLevel: 0,
      signal,
    });
    const answer = offsets.get(`${topic}:${partition}`);
    if (answer?.errorCode !== ErrorCode.NONE) throw new FetchRetryError(topic, partition);
    bounds.push(answer.offset);
  }
  const [start = 0n, end = 0n] = bounds;
  return outOfRangeHalt(copier, { start, end });
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
