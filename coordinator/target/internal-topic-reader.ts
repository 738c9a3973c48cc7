import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError, TimeoutError } from '../../common/errors.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { describeErrorCode, ErrorCode } from '../../kafka/messages/error-codes.js';
import { fetch, type FetchPartitionResponse } from '../../kafka/messages/fetch.js';
import { TIMESTAMP_EARLIEST, TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { isControl, lastOffset } from '../../kafka/records/batch-header.js';
import { splitFetched } from '../../kafka/records/fetched-batches.js';
import { readBatch } from '../../kafka/records/build-batch.js';
import { initCodecs } from '../../kafka/records/compression.js';
import { CorruptBatchError } from '../../kafka/records/errors.js';
import { InternalTopicError } from './errors.js';
import {
  INTERNAL_FETCH_BYTES_MAX,
  INTERNAL_FETCH_WAIT_MS,
  INTERNAL_OPEN_MS_MAX,
  RETRY_MAX_MS,
  RETRY_MIN_MS,
} from './limits.js';

export interface StoredRecord {
  offset: bigint;
  key: Buffer | null;
  value: Buffer | null;
}

export interface ReadOptions {
  cluster: KafkaCluster;
  topic: string;
  clock: Clock;
  /** The end is at least here: an acknowledged append of our own. */
  untilOffset: bigint;
  onRecord: (record: StoredRecord) => void;
}

/** Reads partition 0 of a small topic up to the end it has now. */
export async function readInternalTopic(options: ReadOptions, signal: AbortSignal): Promise<void> {
  const { cluster, topic, clock } = options;
  await initCodecs();
  await cluster.metadata([topic], { signal });
  const latest = await boundary(options, TIMESTAMP_LATEST, signal);
  const end = latest > options.untilOffset ? latest : options.untilOffset;
  let position = await boundary(options, TIMESTAMP_EARLIEST, signal);
  const startedMs = clock.nowMs();
  let delayMs = RETRY_MIN_MS;
  while (position < end) {
    const answer = await fetchOnce(options, position, signal);
    if (typeof answer !== 'string') {
      const next = takeRecords(options, answer, position);
      if (next > position) {
        position = next;
        delayMs = RETRY_MIN_MS;
        continue;
      }
      // Nothing is left from here on: compaction took it, or a truncation did.
      if (answer.highWatermark >= end) return;
    }
    if (clock.nowMs() - startedMs > INTERNAL_OPEN_MS_MAX) {
      const cause = new InternalTopicError(topic, typeof answer === 'string' ? answer : 'no data');
      throw new TimeoutError(`reading ${topic} from ${position}`, INTERNAL_OPEN_MS_MAX, { cause });
    }
    await clock.sleep(delayMs, signal);
    delayMs = Math.min(2 * delayMs, RETRY_MAX_MS);
    if (typeof answer === 'string') await cluster.metadata([topic], { signal });
  }
}

async function boundary(
  { cluster, topic }: ReadOptions,
  timestamp: bigint,
  signal: AbortSignal,
): Promise<bigint> {
  const found = await cluster.listOffsets([{ topic, partition: 0 }], timestamp, { signal });
  const { offset, errorCode } = found.get(`${topic}:0`)!;
  if (errorCode === ErrorCode.NONE) return offset;
  const { name, retriable } = describeErrorCode(errorCode);
  throw new InternalTopicError(topic, `its end is unknown: ${name}`, { retriable, errorCode });
}

/** The answer, or in words why another attempt is needed. */
async function fetchOnce(
  { cluster, topic }: ReadOptions,
  fetchOffset: bigint,
  signal: AbortSignal,
): Promise<FetchPartitionResponse | string> {
  const leader = cluster.leaderOf(topic, 0);
  const topicId = cluster.topicIdOf(topic);
  if (leader === undefined || topicId === undefined) return 'it has no leader';
  const partition = {
    partition: 0,
    currentLeaderEpoch: -1,
    fetchOffset,
    lastFetchedEpoch: -1,
    partitionMaxBytes: INTERNAL_FETCH_BYTES_MAX,
  };
  const request = {
    maxWaitMs: INTERNAL_FETCH_WAIT_MS,
    minBytes: 1,
    maxBytes: INTERNAL_FETCH_BYTES_MAX,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topicId, partitions: [partition] }],
    forgottenTopics: [],
    rackId: '',
  };
  try {
    const to = { nodeId: leader.nodeId };
    const response = await cluster.request(to, fetch, request, { lane: 'internal', signal });
    const answer = response.responses[0]?.partitions[0];
    const errorCode = answer?.errorCode ?? response.errorCode;
    if (answer !== undefined && errorCode === ErrorCode.NONE) return answer;
    const { name, retriable } = describeErrorCode(errorCode);
    if (retriable || errorCode === ErrorCode.NONE) return name;
    throw new InternalTopicError(topic, `it cannot be read from ${fetchOffset}: ${name}`, {
      errorCode,
    });
  } catch (error) {
    if (!(error instanceof MirrorError) || !error.retriable) throw error;
    return describeError(error);
  }
}

/** Returns the offset after the last batch, which may be far after its last record. */
function takeRecords(options: ReadOptions, answer: FetchPartitionResponse, from: bigint): bigint {
  let next = from;
  try {
    const { records, highWatermark: endOffset } = answer;
    for (const batch of splitFetched({ records, fetchOffset: from, endOffset })) {
      if (!isControl(batch)) {
        for (const { offset, key, value } of readBatch(batch)) {
          if (offset >= from) options.onRecord({ offset, key, value });
        }
      }
      next = lastOffset(batch) + 1n;
    }
  } catch (cause) {
    if (!(cause instanceof CorruptBatchError)) throw cause;
    // Nobody can say which maps were in it, so that none may be trusted.
    throw new InternalTopicError(options.topic, cause.message, { cause });
  }
  return next;
}
