import type { KafkaCluster } from '../client/index.js';
import { describeErrorCode, ErrorCode } from '../messages/error-codes.js';
import { produce } from '../messages/produce.js';
import { buildBatch, type NewRecord } from '../records/build-batch.js';
import type { AdminCallOptions } from './topic-admin.js';
import { KafkaApiError } from './errors.js';

/** How long the broker waits for the in-sync replicas; ours is longer, so that its answer comes. */
const PRODUCE_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 20_000;

export interface RecordsToAppend {
  topic: string;
  partition: number;
  /** One batch: the caller keeps it below the topic's max.message.bytes. */
  records: readonly NewRecord[];
}

/**
 * Appends a batch once, without a producer id, and resolves when the in-sync replicas have it. For
 * records that may be repeated and may be lost, such as heartbeats; nothing is retried here. Throws
 * KafkaApiError, or what the connection throws; then the batch may have been appended.
 */
export async function appendRecords(
  cluster: KafkaCluster,
  { topic, partition, records }: RecordsToAppend,
  options: AdminCallOptions = {},
): Promise<void> {
  const { signal } = options;
  if (cluster.leaderOf(topic, partition) === undefined) await cluster.metadata([topic], { signal });
  const leader = cluster.leaderOf(topic, partition);
  const subject = `${topic}-${partition}`;
  if (leader === undefined) {
    const errorCode = ErrorCode.LEADER_NOT_AVAILABLE;
    throw new KafkaApiError({ api: 'Produce', subject, errorCode });
  }
  const batch = buildBatch({ records });
  const response = await cluster.request(
    { nodeId: leader.nodeId },
    produce,
    {
      transactionalId: null,
      acks: -1,
      timeoutMs: PRODUCE_TIMEOUT_MS,
      topics: [{ name: topic, partitions: [{ partitionIndex: partition, records: batch }] }],
    },
    { timeoutMs: REQUEST_TIMEOUT_MS, signal },
  );
  const answer = response.topics[0]?.partitions[0];
  const errorCode = answer?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (errorCode === ErrorCode.NONE) return;
  // The next attempt, whoever makes it, goes to the right leader.
  if (describeErrorCode(errorCode).refreshMetadata) {
    await cluster.metadata([topic], { signal }).catch(() => undefined);
  }
  throw new KafkaApiError({
    api: 'Produce',
    subject,
    errorCode,
    brokerMessage: answer?.errorMessage,
  });
}
