import type { KafkaCluster } from '../client/index.js';
import { ErrorCode } from '../messages/error-codes.js';
import { fetch, type FetchPartitionResponse } from '../messages/fetch.js';
import { isControl, lastOffset } from '../records/batch-header.js';
import { readBatch } from '../records/build-batch.js';
import { initCodecs } from '../records/compression.js';
import { splitFetched } from '../records/fetched-batches.js';
import { KafkaApiError } from './errors.js';
import type { AdminCallOptions } from './topic-admin.js';

const FETCH_BYTES_MAX = 1024 * 1024;
const FETCH_WAIT_MS = 100;

export interface RecordsToRead {
  topic: string;
  partition: number;
  from: bigint;
  /** Exclusive. */
  until: bigint;
}

export interface RecordRead {
  offset: bigint;
  value: Buffer | null;
}

/**
 * A short stretch of one partition, as a consumer of uncommitted records would see it; for topics that
 * are known to be small. Throws KafkaApiError, CorruptBatchError.
 */
export async function readRecords(
  cluster: KafkaCluster,
  { topic, partition, from, until }: RecordsToRead,
  options: AdminCallOptions = {},
): Promise<RecordRead[]> {
  await initCodecs();
  const found: RecordRead[] = [];
  if (from >= until) return found;
  await cluster.metadata([topic], options);
  for (let position = from; position < until;) {
    const answer = await fetchFrom(cluster, { topic, partition, position }, options);
    const { records, highWatermark: endOffset } = answer;
    for (const batch of splitFetched({ records, fetchOffset: position, endOffset })) {
      position = lastOffset(batch) + 1n;
      if (isControl(batch)) continue;
      for (const { offset, value } of readBatch(batch)) {
        if (offset >= from && offset < until) found.push({ offset, value });
      }
    }
    options.signal?.throwIfAborted();
  }
  return found;
}

async function fetchFrom(
  cluster: KafkaCluster,
  at: { topic: string; partition: number; position: bigint },
  options: AdminCallOptions,
): Promise<FetchPartitionResponse> {
  const { topic, partition, position } = at;
  const leader = cluster.leaderOf(topic, partition);
  const topicId = cluster.topicIdOf(topic);
  const subject = `${topic}-${partition}`;
  if (leader === undefined || topicId === undefined) {
    const errorCode = ErrorCode.LEADER_NOT_AVAILABLE;
    throw new KafkaApiError({ api: fetch.name, subject, errorCode });
  }
  const wanted = {
    ...{ partition, currentLeaderEpoch: -1, fetchOffset: position, lastFetchedEpoch: -1 },
    partitionMaxBytes: FETCH_BYTES_MAX,
  };
  const request = {
    ...{ maxWaitMs: FETCH_WAIT_MS, minBytes: 1, maxBytes: FETCH_BYTES_MAX, isolationLevel: 0 },
    ...{ sessionId: 0, sessionEpoch: -1, forgottenTopics: [], rackId: '' },
    topics: [{ topicId, partitions: [wanted] }],
  };
  const to = { nodeId: leader.nodeId };
  const response = await cluster.request(to, fetch, request, { lane: 'internal', ...options });
  const answer = response.responses[0]?.partitions[0];
  const errorCode = answer?.errorCode ?? response.errorCode;
  if (answer === undefined || errorCode !== ErrorCode.NONE) {
    throw new KafkaApiError({ api: fetch.name, subject, errorCode });
  }
  return answer;
}
