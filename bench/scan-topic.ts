import type { KafkaCluster } from '../kafka/client/index.js';
import { fetch } from '../kafka/messages/fetch.js';
import { TIMESTAMP_LATEST } from '../kafka/messages/list-offsets.js';
import { isControl, lastOffset, recordCount } from '../kafka/records/batch-header.js';
import { splitBatches } from '../kafka/records/batch-splitter.js';

const PARTITION_BYTES_MAX = 8 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

export interface TopicContent {
  readonly records: number;
  readonly bytes: number;
  readonly batches: number;
  /** Batches in which offsets are missing. */
  readonly gappedBatches: number;
  /** The end offset of all partitions together. */
  readonly offsets: number;
}

/** Counts what a topic holds by its batch headers; the content of batches is not looked at. */
export async function scanTopic(
  cluster: KafkaCluster,
  topic: string,
  partitions: readonly number[],
): Promise<TopicContent> {
  const total = { records: 0, bytes: 0, batches: 0, gappedBatches: 0, offsets: 0 };
  const items = partitions.map((partition) => ({ topic, partition }));
  const ends = await cluster.listOffsets(items, TIMESTAMP_LATEST);
  for (const partition of partitions) {
    const end = ends.get(`${topic}:${partition}`)?.offset ?? 0n;
    total.offsets += Number(end);
    for (let next = 0n; next < end;) {
      const records = await fetchFrom(cluster, { topic, partition, offset: next });
      const from = next;
      for (const batch of splitBatches(records).batches) {
        if (lastOffset(batch) < from) continue;
        next = lastOffset(batch) + 1n;
        if (isControl(batch) || recordCount(batch) === 0) continue;
        total.records += recordCount(batch);
        total.bytes += batch.length;
        total.batches += 1;
        // A batch's range survives compaction, and its count does not.
        if (recordCount(batch) < Number(lastOffset(batch) - batch.readBigInt64BE(0)) + 1) {
          total.gappedBatches += 1;
        }
      }
      if (next === from) break; // only removed offsets are left
    }
  }
  return total;
}

async function fetchFrom(
  cluster: KafkaCluster,
  place: { topic: string; partition: number; offset: bigint },
): Promise<Buffer> {
  const { topic, partition, offset } = place;
  const nodeId = cluster.leaderOf(topic, partition)?.nodeId ?? -1;
  const connection = await cluster.connection(nodeId, 'bench-scan');
  const response = await connection.request(
    fetch,
    {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: PARTITION_BYTES_MAX,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          topicId: cluster.topicIdOf(topic) ?? '',
          partitions: [
            {
              partition,
              currentLeaderEpoch: -1,
              fetchOffset: offset,
              lastFetchedEpoch: -1,
              partitionMaxBytes: PARTITION_BYTES_MAX,
            },
          ],
        },
      ],
      forgottenTopics: [],
      rackId: '',
    },
    { timeoutMs: TIMEOUT_MS },
  );
  return response.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0);
}
