import { findTopic } from '../../kafka/admin/find-topic.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_EARLIEST, TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { isControl, lastOffset } from '../../kafka/records/batch-header.js';
import { splitBatches } from '../../kafka/records/batch-splitter.js';
import { readBatch, type ReadRecord } from '../../kafka/records/build-batch.js';
import { PLAIN_BYTES_MAX } from '../replication/limits.js';
import { FetchRetryError, readPartition } from '../replication/read-partition.js';

/** Every record of a small topic, each partition from its start to its end. False if there is none. */
export async function readSmallTopic(
  { cluster, topic }: { cluster: KafkaCluster; topic: string },
  onRecord: (record: ReadRecord, partition: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await findTopic(cluster, topic, { signal });
  if (found === undefined) return false;
  const { topicId } = found;
  const partitions = found.partitions.map((_, partition) => ({ topic, partition }));
  const starts = await cluster.listOffsets(partitions, TIMESTAMP_EARLIEST, { signal });
  const ends = await cluster.listOffsets(partitions, TIMESTAMP_LATEST, { signal });
  for (const { partition } of partitions) {
    const start = starts.get(`${topic}:${partition}`);
    const end = ends.get(`${topic}:${partition}`);
    if (start?.errorCode !== ErrorCode.NONE || end?.errorCode !== ErrorCode.NONE) {
      throw new FetchRetryError(topic, partition);
    }
    for (let fetchOffset = start.offset; fetchOffset < end.offset;) {
      const at = { cluster, topic, topicId, partition, fetchOffset, readCommitted: false };
      const answer = await readPartition(at, signal);
      if (answer.errorCode !== ErrorCode.NONE) throw new FetchRetryError(topic, partition, answer);
      const { batches } = splitBatches(answer.records ?? Buffer.alloc(0));
      if (batches.length === 0) break; // compaction took the rest
      for (const batch of batches.filter((each) => !isControl(each))) {
        for (const record of readBatch(batch, PLAIN_BYTES_MAX)) onRecord(record, partition);
      }
      fetchOffset = lastOffset(batches.at(-1)!) + 1n;
    }
  }
  return true;
}
