import type { HistoryRecord, RecordHeader } from './history-checker.js';
import {
  Batch,
  connectCluster,
  connectKafkajs,
  type Cluster,
  type Connection,
  type FetchedMessage,
} from './kafkajs-client.js';
import { topicOffsets } from './topic-offsets.js';

const FETCH_BYTES_MAX = 8 * 1024 * 1024;
const FETCH_WAIT_MS_MAX = 200;
const ATTEMPTS_MAX = 40;
const ATTEMPT_INTERVAL_MS = 250;

/**
 * kafkajs groups the headers by key: repeats of one key keep their order, and so do keys, but not
 * repeats that have another key between them. Equal on both sides as long as the bytes are.
 */
function flattenHeaders(headers: FetchedMessage['headers']): RecordHeader[] {
  return Object.entries(headers).flatMap(([key, value]) =>
    Array.isArray(value) ? value.map((each) => ({ key, value: each })) : [{ key, value }],
  );
}

function toRecord(partition: number, message: FetchedMessage): HistoryRecord {
  return {
    partition,
    offset: BigInt(message.offset),
    timestamp: BigInt(message.timestamp),
    key: message.key,
    value: message.value,
    headers: flattenHeaders(message.headers),
  };
}

interface PartitionRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  /** It ends there or later. */
  readonly endMin: bigint;
}

/** Reads up to the last stable offset that the first answer names, however much comes after it. */
async function readPartition(cluster: Cluster, range: PartitionRange): Promise<HistoryRecord[]> {
  const { topic, partition, endMin } = range;
  const records: HistoryRecord[] = [];
  let next = range.from;
  let end: bigint | undefined;
  let attempts = 0;
  while (end === undefined || next < end) {
    try {
      const fetched = await fetchOnce(cluster, { topic, partition, from: next });
      // A new leader answers fetches before it knows how far its followers are.
      if (fetched.end < endMin) throw new Error(`${topic}-${partition} ends at ${fetched.end}`);
      end ??= fetched.end;
      for (const message of fetched.messages) {
        if (BigInt(message.offset) < end) records.push(toRecord(partition, message));
      }
      if (next < end) next = fetched.next;
      attempts = 0;
    } catch (error) {
      // A leader that moved or restarts: the same range is asked for again.
      if (++attempts >= ATTEMPTS_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, ATTEMPT_INTERVAL_MS));
      await cluster.refreshMetadata().catch(() => undefined);
    }
  }
  return records;
}

async function fetchOnce(
  cluster: Cluster,
  range: Pick<PartitionRange, 'topic' | 'partition' | 'from'>,
): Promise<{ end: bigint; next: bigint; messages: readonly FetchedMessage[] }> {
  const { topic, partition, from } = range;
  const metadata = cluster.findTopicPartitionMetadata(topic);
  const leader = metadata.find((each) => each.partitionId === partition)?.leader;
  if (leader === undefined || leader < 0) throw new Error(`${topic}-${partition} has no leader`);
  const broker = await cluster.findBroker({ nodeId: String(leader) });
  const fetchOffset = String(from);
  const { responses } = await broker.fetch({
    isolationLevel: 1,
    maxWaitTime: FETCH_WAIT_MS_MAX,
    minBytes: 1,
    maxBytes: FETCH_BYTES_MAX,
    topics: [{ topic, partitions: [{ partition, fetchOffset, maxBytes: FETCH_BYTES_MAX }] }],
  });
  const answer = responses[0]?.partitions[0];
  if (answer === undefined) throw new Error(`no answer for ${topic}-${partition}`);
  const batch = new Batch(topic, fetchOffset, answer);
  const last = batch.messagesWithinOffset.at(-1);
  // Only a batch that compaction emptied has no record below the end: step over it.
  const next = last === undefined ? from + 1n : BigInt(last.offset) + 1n;
  return { end: BigInt(answer.lastStableOffset), next, messages: batch.messages };
}

export interface ReadOptions {
  /** Partitions to read; the default is all. */
  readonly partitions?: readonly number[];
}

/**
 * Every record of a topic that a read_committed consumer sees, from its start to its end at the
 * time of the call, by partition and offset. Reads uncompressed and gzip batches. What a transaction
 * wrote that was committed a moment ago may not be seen yet: see transactions-ended.ts.
 */
export async function readTopic(
  connection: Connection,
  topic: string,
  options: ReadOptions = {},
): Promise<HistoryRecord[]> {
  const admin = connectKafkajs(connection).admin();
  const cluster = connectCluster(connection);
  try {
    await Promise.all([admin.connect(), cluster.connect()]);
    await cluster.addTargetTopic(topic);
    const offsets = await topicOffsets(admin, topic);
    const wanted = offsets
      .filter(({ partition }) => options.partitions?.includes(partition) ?? true)
      .sort((a, b) => a.partition - b.partition);
    const lists = await Promise.all(
      wanted.map(({ partition, low, high }) =>
        readPartition(cluster, { topic, partition, from: BigInt(low), endMin: BigInt(high) }),
      ),
    );
    return lists.flat();
  } finally {
    await Promise.all([admin.disconnect(), cluster.disconnect()]);
  }
}
