import type { ClusterMetadata } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { HaltError } from './halt.js';
import type { PartitionCopier } from './partition-copier.js';

type TopicMetadata = ReturnType<ClusterMetadata['topics']['get']>;

/** Looks this many times before a topic that metadata does not show is taken for deleted. */
const MISSING_LOOKS = 3;

/** A target topic may be new, and not known to each broker yet: with the waits, some six seconds. */
const TARGET_MISSING_LOOKS = 7;

/** What metadata says of the source topic and only an operator can mend; undefined if nothing. */
export function sourceTopicHalt(
  copier: PartitionCopier,
  found: TopicMetadata,
): HaltError | undefined {
  const { topic, partition, sourceTopicId } = copier.assignment;
  if (found?.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
    copier.missingLooks += 1;
    if (copier.missingLooks <= MISSING_LOOKS) return undefined;
    return new HaltError(
      'topic-deleted',
      `${topic}-${partition}: the topic was deleted on the source; what was copied up to offset ` +
        `${copier.acked.sourceNext} stays on the target`,
    );
  }
  copier.missingLooks = 0;
  if (found?.errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED) {
    return new HaltError(
      'not-authorized',
      `${topic}-${partition}: the rights DESCRIBE and READ on topic ${topic} of the source are missing`,
    );
  }
  if (found?.errorCode !== ErrorCode.NONE || found.topicId === sourceTopicId) return undefined;
  return new HaltError(
    'topic-recreated',
    `${topic}-${partition}: the topic was recreated on the source (topic id ${found.topicId}, ` +
      `was ${sourceTopicId}); its records are not appended to the old copy`,
    { wayOut: { kind: 'restart' } },
  );
}

/** The same for the target topic. */
export function targetTopicHalt(
  copier: PartitionCopier,
  found: TopicMetadata,
): HaltError | undefined {
  const { topic, partition, targetTopic } = copier.assignment;
  if (found?.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
    copier.targetMissingLooks += 1;
    if (copier.targetMissingLooks <= TARGET_MISSING_LOOKS) return undefined;
    return new HaltError(
      'target-deleted',
      `${topic}-${partition}: topic ${targetTopic} was deleted on the target, and what was copied ` +
        `up to source offset ${copier.tail.end?.sourceNext ?? 0n} with it`,
    );
  }
  copier.targetMissingLooks = 0;
  if (found?.errorCode !== ErrorCode.TOPIC_AUTHORIZATION_FAILED) return undefined;
  return new HaltError(
    'not-authorized',
    `${topic}-${partition}: the rights DESCRIBE, READ and WRITE on topic ${targetTopic} of the ` +
      'target are missing',
  );
}
