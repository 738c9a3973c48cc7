import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface FetchRequest {
  maxWaitMs: number;
  minBytes: number;
  maxBytes: number;
  /** 0 reads uncommitted, 1 read committed. */
  isolationLevel: number;
  /** Fetch session (KIP-227): id 0 with epoch 0 opens one, epoch -1 closes it or does without. */
  sessionId: number;
  sessionEpoch: number;
  topics: FetchTopic[];
  forgottenTopics: ForgottenTopic[];
  /** Empty for none. */
  rackId: string;
}

export interface FetchTopic {
  topicId: string;
  partitions: FetchPartition[];
}

export interface FetchPartition {
  partition: number;
  /** -1 does without the check. */
  currentLeaderEpoch: number;
  fetchOffset: bigint;
  /** Epoch of the last batch that was read; the broker answers with divergingEpoch (KIP-595). */
  lastFetchedEpoch: number;
  partitionMaxBytes: number;
}

export interface ForgottenTopic {
  topicId: string;
  partitions: number[];
}

export interface FetchResponse {
  throttleTimeMs: number;
  errorCode: number;
  sessionId: number;
  responses: FetchTopicResponse[];
}

export interface FetchTopicResponse {
  topicId: string;
  partitions: FetchPartitionResponse[];
}

export interface FetchPartitionResponse {
  partitionIndex: number;
  errorCode: number;
  highWatermark: bigint;
  lastStableOffset: bigint;
  logStartOffset: bigint;
  /** Null when reading uncommitted. */
  abortedTransactions: AbortedTransaction[] | null;
  preferredReadReplica: number;
  /** A view into the received frame, and its last batch may be cut short. */
  records: Buffer | null;
  /** Present when the log the reader follows has parted from the leader's. */
  divergingEpoch: { epoch: number; endOffset: bigint } | null;
  /** Present with errors that a change of leader explains. */
  currentLeader: { leaderId: number; leaderEpoch: number } | null;
}

export interface AbortedTransaction {
  producerId: bigint;
  firstOffset: bigint;
}

/** We are a consumer, not a replica. */
const REPLICA_ID_CONSUMER = -1;

/** Only replicas tell their log start. */
const LOG_START_OFFSET_CONSUMER = -1n;

const TAG_DIVERGING_EPOCH = 0;
const TAG_CURRENT_LEADER = 1;

/**
 * Fetch, key 1, pinned to v13: topic ids (KIP-516), so that a recreated topic cannot pass for the
 * one it replaced.
 *
 *   Request  => replica_id INT32, max_wait_ms INT32, min_bytes INT32, max_bytes INT32,
 *               isolation_level INT8, session_id INT32, session_epoch INT32,
 *               topics [topic_id UUID, partitions [partition INT32, current_leader_epoch INT32,
 *                 fetch_offset INT64, last_fetched_epoch INT32, log_start_offset INT64,
 *                 partition_max_bytes INT32, TAG_BUFFER], TAG_BUFFER],
 *               forgotten_topics_data [topic_id UUID, partitions [INT32], TAG_BUFFER],
 *               rack_id COMPACT_STRING, TAG_BUFFER
 *   Response => throttle_time_ms INT32, error_code INT16, session_id INT32,
 *               responses [topic_id UUID, partitions [partition_index INT32, error_code INT16,
 *                 high_watermark INT64, last_stable_offset INT64, log_start_offset INT64,
 *                 aborted_transactions NULLABLE [producer_id INT64, first_offset INT64, TAG_BUFFER],
 *                 preferred_read_replica INT32, records COMPACT_RECORDS,
 *                 TAG_BUFFER 0: diverging_epoch {epoch INT32, end_offset INT64, TAG_BUFFER}
 *                            1: current_leader {leader_id INT32, leader_epoch INT32, TAG_BUFFER}
 *                 ], TAG_BUFFER], TAG_BUFFER
 */
export const fetch: Api<FetchRequest, FetchResponse> = {
  key: 1,
  version: 13,
  flexible: true,
  name: 'Fetch',

  encodeRequest(writer: Writer, request: FetchRequest): void {
    writer
      .writeInt32(REPLICA_ID_CONSUMER)
      .writeInt32(request.maxWaitMs)
      .writeInt32(request.minBytes)
      .writeInt32(request.maxBytes)
      .writeInt8(request.isolationLevel)
      .writeInt32(request.sessionId)
      .writeInt32(request.sessionEpoch)
      .writeCompactArray(request.topics, encodeTopic)
      .writeCompactArray(request.forgottenTopics, encodeForgottenTopic)
      .writeCompactString(request.rackId)
      .writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): FetchResponse {
    const throttleTimeMs = reader.readInt32();
    const errorCode = reader.readInt16();
    const sessionId = reader.readInt32();
    const responses = reader.readCompactArray(decodeTopic);
    reader.skipTaggedFields();
    return { throttleTimeMs, errorCode, sessionId, responses };
  },
};

function encodeTopic(writer: Writer, topic: FetchTopic): void {
  writer
    .writeUuid(topic.topicId)
    .writeCompactArray(topic.partitions, encodePartition)
    .writeNoTaggedFields();
}

function encodePartition(writer: Writer, partition: FetchPartition): void {
  writer
    .writeInt32(partition.partition)
    .writeInt32(partition.currentLeaderEpoch)
    .writeInt64(partition.fetchOffset)
    .writeInt32(partition.lastFetchedEpoch)
    .writeInt64(LOG_START_OFFSET_CONSUMER)
    .writeInt32(partition.partitionMaxBytes)
    .writeNoTaggedFields();
}

function encodeForgottenTopic(writer: Writer, topic: ForgottenTopic): void {
  writer.writeUuid(topic.topicId).writeCompactArray(topic.partitions, encodePartitionIndex);
  writer.writeNoTaggedFields();
}

function encodePartitionIndex(writer: Writer, partitionIndex: number): void {
  writer.writeInt32(partitionIndex);
}

function decodeTopic(reader: Reader): FetchTopicResponse {
  const topicId = reader.readUuid();
  const partitions = reader.readCompactArray(decodePartition);
  reader.skipTaggedFields();
  return { topicId, partitions };
}

function decodePartition(reader: Reader): FetchPartitionResponse {
  const response: FetchPartitionResponse = {
    partitionIndex: reader.readInt32(),
    errorCode: reader.readInt16(),
    highWatermark: reader.readInt64(),
    lastStableOffset: reader.readInt64(),
    logStartOffset: reader.readInt64(),
    abortedTransactions: reader.readCompactNullableArray(decodeAbortedTransaction),
    preferredReadReplica: reader.readInt32(),
    records: reader.readCompactNullableBytes(),
    divergingEpoch: null,
    currentLeader: null,
  };
  reader.readTaggedFields((tag, field) => {
    if (tag === TAG_DIVERGING_EPOCH) {
      response.divergingEpoch = { epoch: field.readInt32(), endOffset: field.readInt64() };
    } else if (tag === TAG_CURRENT_LEADER) {
      response.currentLeader = { leaderId: field.readInt32(), leaderEpoch: field.readInt32() };
    }
  });
  return response;
}

function decodeAbortedTransaction(reader: Reader): AbortedTransaction {
  const producerId = reader.readInt64();
  const firstOffset = reader.readInt64();
  reader.skipTaggedFields();
  return { producerId, firstOffset };
}
