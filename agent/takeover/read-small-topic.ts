import { findTopic } from '../../kafka/admin/find-topic.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_EARLIEST, TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { readBatch, type ReadRecord } from '../../kafka/records/build-batch.js';
import { PLAIN_BYTES_MAX } from '../replication/limits.js';
import { FetchRetryError, readStretch } from '../replication/read-partition.js';

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
    const at = { cluster, topic, topicId, partition };
    const stretch = { from: start.offset, to: end.offset };
    for await (const batch of readStretch(at, stretch, signal)) {
      for (const record of readBatch(batch, PLAIN_BYTES_MAX)) onRecord(record, partition);
    }
  }
  return true;
}
