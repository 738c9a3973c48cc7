import { MirrorError } from '../../common/errors.js';
import type { KafkaCluster, OffsetLookupOptions } from '../../kafka/client/index.js';
import { describeErrorCode, ErrorCode } from '../../kafka/messages/error-codes.js';
import { fetch, type FetchPartitionResponse } from '../../kafka/messages/fetch.js';
import { isControl, lastOffset } from '../../kafka/records/batch-header.js';
import { splitFetched } from '../../kafka/records/fetched-batches.js';
import { FETCH_WAIT_MS, SCAN_FETCH_BYTES_MAX } from './limits.js';

/** A fetch failed in a way that another attempt, at another leader, can mend. */
export class FetchRetryError extends MirrorError {
  readonly code = 'MIRROR_FETCH_RETRY';
  readonly retriable = true;

  constructor(topic: string, partition: number, answer?: { readonly errorCode: number }) {
    const reason =
      answer === undefined ? 'its leader is unknown' : describeErrorCode(answer.errorCode).name;
    super(`${topic}-${partition} cannot be read: ${reason}`);
  }
}

export interface ReadPartitionOptions {
  cluster: KafkaCluster;
  topic: string;
  topicId: string;
  partition: number;
  fetchOffset: bigint;
  readCommitted: boolean;
  /** The socket; 'scan' unless told, which is the copy's. */
  lane?: string;
}

/**
 * Where the log begins, where it ends, or its first record of a time: -1 where none is so late. A
 * fetch that is out of range does not say: its log start offset is then -1. Throws FetchRetryError.
 */
export async function logBound(
  { cluster, topic, partition }: Pick<ReadPartitionOptions, 'cluster' | 'topic' | 'partition'>,
  timestamp: bigint,
  options: OffsetLookupOptions,
): Promise<bigint> {
  const offsets = await cluster.listOffsets([{ topic, partition }], timestamp, options);
  const found = offsets.get(`${topic}:${partition}`);
  if (found?.errorCode !== ErrorCode.NONE) throw new FetchRetryError(topic, partition, found);
  return found.offset;
}

/** One fetch of one partition, apart from the copy's own fetch sessions. */
export async function readPartition(
  options: ReadPartitionOptions,
  signal: AbortSignal,
): Promise<FetchPartitionResponse> {
  const { cluster, topic, topicId, partition, fetchOffset } = options;
  const leader = cluster.leaderOf(topic, partition);
  if (leader === undefined) throw new FetchRetryError(topic, partition);
  const connection = await cluster.connection(leader.nodeId, options.lane ?? 'scan', { signal });
  const response = await connection.request(
    fetch,
    {
      maxWaitMs: FETCH_WAIT_MS,
      minBytes: 1,
      maxBytes: SCAN_FETCH_BYTES_MAX,
      isolationLevel: options.readCommitted ? 1 : 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          topicId,
          partitions: [
            {
              partition,
              currentLeaderEpoch: -1,
              fetchOffset,
              lastFetchedEpoch: -1,
              partitionMaxBytes: SCAN_FETCH_BYTES_MAX,
            },
          ],
        },
      ],
      forgottenTopics: [],
      rackId: '',
    },
    { signal },
  );
  const answer = response.responses[0]?.partitions[0];
  if (answer === undefined) throw new FetchRetryError(topic, partition);
  return answer;
}

/**
 * Every batch from one offset up to another but for markers, committed or not; the first and the
 * last may reach beyond. Ends early where compaction took the rest. Throws FetchRetryError.
 */
export async function* readStretch(
  at: Omit<ReadPartitionOptions, 'fetchOffset' | 'readCommitted'>,
  { from, to }: { from: bigint; to: bigint },
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for (let fetchOffset = from; fetchOffset < to;) {
    const answer = await readPartition({ ...at, fetchOffset, readCommitted: false }, signal);
    if (answer.errorCode !== ErrorCode.NONE)
      throw new FetchRetryError(at.topic, at.partition, answer);
    const { records, highWatermark: endOffset } = answer;
    const batches = splitFetched({ records, fetchOffset, endOffset });
    if (batches.length === 0) return;
    yield* batches.filter((batch) => !isControl(batch));
    fetchOffset = lastOffset(batches.at(-1)!) + 1n;
  }
}
