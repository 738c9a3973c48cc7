import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

/** Asks for the next offset: the high watermark, or the last stable offset if read committed. */
export const TIMESTAMP_LATEST = -1n;

/** Asks for the first offset that is still there. */
export const TIMESTAMP_EARLIEST = -2n;

/** Asks for the offset of the record with the highest timestamp (KIP-734). */
export const TIMESTAMP_MAX = -3n;

export interface ListOffsetsRequest {
  /** 0 reads uncommitted, 1 read committed. */
  isolationLevel: number;
  topics: ListOffsetsTopic[];
}

export interface ListOffsetsTopic {
  name: string;
  partitions: ListOffsetsPartition[];
}

export interface ListOffsetsPartition {
  partitionIndex: number;
  /** -1 does without the check. */
  currentLeaderEpoch: number;
  /** Milliseconds since 1970, or one of the constants above. */
  timestamp: bigint;
}

export interface ListOffsetsResponse {
  throttleTimeMs: number;
  topics: ListOffsetsTopicResponse[];
}

export interface ListOffsetsTopicResponse {
  name: string;
  partitions: ListOffsetsPartitionResponse[];
}

export interface ListOffsetsPartitionResponse {
  partitionIndex: number;
  errorCode: number;
  /** Of the record found; -1 where the question was not about a timestamp. */
  timestamp: bigint;
  /** -1 when no record is that late. */
  offset: bigint;
  leaderEpoch: number;
}

const REPLICA_ID_CONSUMER = -1;

/**
 * ListOffsets, key 2, pinned to v7: knows the maximum timestamp (-3).
 *
 *   Request  => replica_id INT32, isolation_level INT8, topics [name COMPACT_STRING,
 *                 partitions [partition_index INT32, current_leader_epoch INT32, timestamp INT64,
 *                 TAG_BUFFER], TAG_BUFFER], TAG_BUFFER
 *   Response => throttle_time_ms INT32, topics [name COMPACT_STRING, partitions [
 *                 partition_index INT32, error_code INT16, timestamp INT64, offset INT64,
 *                 leader_epoch INT32, TAG_BUFFER], TAG_BUFFER], TAG_BUFFER
 */
export const listOffsets: Api<ListOffsetsRequest, ListOffsetsResponse> = {
  key: 2,
  version: 7,
  flexible: true,
  name: 'ListOffsets',

  encodeRequest(writer: Writer, request: ListOffsetsRequest): void {
    writer
      .writeInt32(REPLICA_ID_CONSUMER)
      .writeInt8(request.isolationLevel)
      .writeCompactArray(request.topics, encodeTopic)
      .writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): ListOffsetsResponse {
    const throttleTimeMs = reader.readInt32();
    const topics = reader.readCompactArray(decodeTopic);
    reader.skipTaggedFields();
    return { throttleTimeMs, topics };
  },
};

function encodeTopic(writer: Writer, topic: ListOffsetsTopic): void {
  writer.writeCompactString(topic.name);
  writer.writeCompactArray(topic.partitions, encodePartition).writeNoTaggedFields();
}

function encodePartition(writer: Writer, partition: ListOffsetsPartition): void {
  writer
    .writeInt32(partition.partitionIndex)
    .writeInt32(partition.currentLeaderEpoch)
    .writeInt64(partition.timestamp)
    .writeNoTaggedFields();
}

function decodeTopic(reader: Reader): ListOffsetsTopicResponse {
  const name = reader.readCompactString();
  const partitions = reader.readCompactArray(decodePartition);
  reader.skipTaggedFields();
  return { name, partitions };
}

function decodePartition(reader: Reader): ListOffsetsPartitionResponse {
  const partitionIndex = reader.readInt32();
  const errorCode = reader.readInt16();
  const timestamp = reader.readInt64();
  const offset = reader.readInt64();
  const leaderEpoch = reader.readInt32();
  reader.skipTaggedFields();
  return { partitionIndex, errorCode, timestamp, offset, leaderEpoch };
}
