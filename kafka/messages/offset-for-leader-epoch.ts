import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface OffsetForLeaderEpochRequest {
  topics: OffsetForLeaderEpochTopic[];
}

export interface OffsetForLeaderEpochTopic {
  topic: string;
  partitions: OffsetForLeaderEpochPartition[];
}

export interface OffsetForLeaderEpochPartition {
  partition: number;
  /** -1 does without the check. */
  currentLeaderEpoch: number;
  /** The epoch whose end is wanted. */
  leaderEpoch: number;
}

export interface OffsetForLeaderEpochResponse {
  throttleTimeMs: number;
  topics: OffsetForLeaderEpochTopicResponse[];
}

export interface OffsetForLeaderEpochTopicResponse {
  topic: string;
  partitions: EpochEndOffset[];
}

export interface EpochEndOffset {
  errorCode: number;
  partition: number;
  /** The largest epoch of the leader's log that is not above the one asked for; -1 if none. */
  leaderEpoch: number;
  /** Where that epoch ends (exclusive); -1 if unknown. */
  endOffset: bigint;
}

const REPLICA_ID_CONSUMER = -1;

/**
 * OffsetForLeaderEpoch, key 23, pinned to v4 (KIP-320): finds where a log was truncated.
 *
 *   Request  => replica_id INT32, topics [topic COMPACT_STRING, partitions [partition INT32,
 *                 current_leader_epoch INT32, leader_epoch INT32, TAG_BUFFER], TAG_BUFFER], TAG_BUFFER
 *   Response => throttle_time_ms INT32, topics [topic COMPACT_STRING, partitions [
 *                 error_code INT16, partition INT32, leader_epoch INT32, end_offset INT64,
 *                 TAG_BUFFER], TAG_BUFFER], TAG_BUFFER
 */
export const offsetForLeaderEpoch: Api<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse> =
  {
    key: 23,
    version: 4,
    flexible: true,
    name: 'OffsetForLeaderEpoch',

    encodeRequest(writer: Writer, request: OffsetForLeaderEpochRequest): void {
      writer.writeInt32(REPLICA_ID_CONSUMER);
      writer.writeCompactArray(request.topics, encodeTopic).writeNoTaggedFields();
    },

    decodeResponse(reader: Reader): OffsetForLeaderEpochResponse {
      const throttleTimeMs = reader.readInt32();
      const topics = reader.readCompactArray(decodeTopic);
      reader.skipTaggedFields();
      return { throttleTimeMs, topics };
    },
  };

function encodeTopic(writer: Writer, topic: OffsetForLeaderEpochTopic): void {
  writer.writeCompactString(topic.topic);
  writer.writeCompactArray(topic.partitions, encodePartition).writeNoTaggedFields();
}

function encodePartition(writer: Writer, partition: OffsetForLeaderEpochPartition): void {
  writer
    .writeInt32(partition.partition)
    .writeInt32(partition.currentLeaderEpoch)
    .writeInt32(partition.leaderEpoch)
    .writeNoTaggedFields();
}

function decodeTopic(reader: Reader): OffsetForLeaderEpochTopicResponse {
  const topic = reader.readCompactString();
  const partitions = reader.readCompactArray(decodePartition);
  reader.skipTaggedFields();
  return { topic, partitions };
}

function decodePartition(reader: Reader): EpochEndOffset {
  const errorCode = reader.readInt16();
  const partition = reader.readInt32();
  const leaderEpoch = reader.readInt32();
  const endOffset = reader.readInt64();
  reader.skipTaggedFields();
  return { errorCode, partition, leaderEpoch, endOffset };
}
