import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { isControl, lastOffset, timestampType } from '../../kafka/records/batch-header.js';
import { splitBatches } from '../../kafka/records/batch-splitter.js';
import { readBatch, type ReadRecord } from '../../kafka/records/build-batch.js';
import { contentOf } from '../replication/align-source.js';
import { PLAIN_BYTES_MAX } from '../replication/limits.js';
import type { CopierAssignment } from '../replication/partition-copier.js';
import { FetchRetryError, readPartition } from '../replication/read-partition.js';
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
  for (let fetchOffset = from; fetchOffset < to;) {
    const at = { cluster, topic, topicId, partition, fetchOffset, readCommitted: false };
    const answer = await readPartition(at, signal);
    if (answer.errorCode !== ErrorCode.NONE) throw new FetchRetryError(topic, partition, answer);
    const { batches } = splitBatches(answer.records ?? Buffer.alloc(0));
    if (batches.length === 0) break; // compaction took the rest
    for (const batch of batches.filter((each) => !isControl(each))) {
      withTime &&= timestampType(batch) !== 'LogAppendTime';
      const records = readBatch(batch, PLAIN_BYTES_MAX);
      read.push(...records.filter(({ offset }) => offset >= from && offset < to));
    }
    fetchOffset = lastOffset(batches.at(-1)!) + 1n;
  }
  const records = read.map((record) => {
    return { offset: record.offset, content: contentOf(record, withTime) };
  });
  return { records, withTime };
}
