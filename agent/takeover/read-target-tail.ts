import type { KafkaCluster } from '../../kafka/client/index.js';
import { timestampType } from '../../kafka/records/batch-header.js';
import { readBatch, type ReadRecord } from '../../kafka/records/build-batch.js';
import { contentOf } from '../replication/record-content.js';
import { PLAIN_BYTES_MAX } from '../replication/limits.js';
import type { CopierAssignment } from '../replication/copier-assignment.js';
import { readStretch } from '../replication/read-partition.js';
import type { LoggedRecord } from './trace-back.js';

export interface TargetRange {
  cluster: KafkaCluster;
  assignment: CopierAssignment;
  /** Inclusive. */
  from: bigint;
  /** Exclusive. */
  to: bigint;
}

export interface TargetTail {
  records: LoggedRecord[];
  /** False where the target stamps records itself: their timestamps say nothing. */
  withTime: boolean;
}

/** The records at the target's end, by content. */
export async function readTargetTail(
  { cluster, assignment, from, to }: TargetRange,
  signal: AbortSignal,
): Promise<TargetTail> {
  const { targetTopic: topic, targetTopicId: topicId, partition } = assignment;
  const read: ReadRecord[] = [];
  let withTime = true;
  for await (const batch of readStretch(
    { cluster, topic, topicId, partition },
    { from, to },
    signal,
  )) {
    withTime &&= timestampType(batch) !== 'LogAppendTime';
    const records = readBatch(batch, PLAIN_BYTES_MAX);
    read.push(...records.filter(({ offset }) => offset >= from && offset < to));
  }
  const records = read.map((record) => {
    return { offset: record.offset, content: contentOf(record, withTime) };
  });
  return { records, withTime };
}
