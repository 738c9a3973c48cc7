import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_EARLIEST, TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { outOfRangeHalt } from './fetch-outcome.js';
import { HaltError } from './halt.js';
import type { PartitionCopier } from './partition-copier.js';
import { FetchRetryError } from './read-partition.js';

/** Looks this many times before a topic that metadata does not show is taken for deleted. */
const MISSING_LOOKS = 3;

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
  const { topic, partition, sourceTopicId } = copier.assignment;
  const metadata = await source.metadata([topic], { signal });
  const found = metadata.topics.get(topic);
  if (found?.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
    if (copier.failures < MISSING_LOOKS) return undefined;
    return new HaltError(
      'topic-deleted',
      `${topic}-${partition}: the topic was deleted on the source; what was copied up to offset ` +
        `${copier.acked.sourceNext} stays on the target`,
    );
  }
  if (found?.errorCode !== ErrorCode.NONE) throw new FetchRetryError(topic, partition);
  if (found.topicId === sourceTopicId) return undefined;
  return new HaltError(
    'topic-recreated',
    `${topic}-${partition}: the topic was recreated on the source (topic id ${found.topicId}, ` +
      `was ${sourceTopicId}); its records are not appended to the old copy`,
    { wayOut: { kind: 'restart' } },
  );
}
