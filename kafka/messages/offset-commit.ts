import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface OffsetCommitRequest {
  groupId: string;
  /** -1 with an empty memberId commits from outside, which only an empty group accepts. */
  generationIdOrMemberEpoch: number;
  memberId: string;
  groupInstanceId: string | null;
  topics: OffsetCommitTopic[];
}

export interface OffsetCommitTopic {
  name: string;
  partitions: OffsetCommitPartition[];
}

export interface OffsetCommitPartition {
  partitionIndex: number;
  /** The next offset to read. */
  committedOffset: bigint;
  /** -1 if unknown. */
  committedLeaderEpoch: number;
  committedMetadata: string | null;
}

export interface OffsetCommitResponse {
  throttleTimeMs: number;
  topics: OffsetCommitTopicResponse[];
}

export interface OffsetCommitTopicResponse {
  name: string;
  partitions: OffsetCommitPartitionResponse[];
}

export interface OffsetCommitPartitionResponse {
  partitionIndex: number;
  errorCode: number;
}

/**
 * OffsetCommit, key 8, pinned to v8: the last for which the group protocol does not matter.
 *
 *   Request  => group_id COMPACT_STRING, generation_id INT32, member_id COMPACT_STRING,
 *               group_instance_id COMPACT_NULLABLE_STRING, topics [name COMPACT_STRING,
 *                 partitions [partition_index INT32, committed_offset INT64,
 *                   committed_leader_epoch INT32, committed_metadata COMPACT_NULLABLE_STRING,
 *                   TAG_BUFFER], TAG_BUFFER], TAG_BUFFER
 *   Response => throttle_time_ms INT32, topics [name COMPACT_STRING, partitions [
 *                 partition_index INT32, error_code INT16, TAG_BUFFER], TAG_BUFFER], TAG_BUFFER
 */
export const offsetCommit: Api<OffsetCommitRequest, OffsetCommitResponse> = {
  key: 8,
  version: 8,
  flexible: true,
  name: 'OffsetCommit',

  encodeRequest(writer: Writer, request: OffsetCommitRequest): void {
    writer
      .writeCompactString(request.groupId)
      .writeInt32(request.generationIdOrMemberEpoch)
      .writeCompactString(request.memberId)
      .writeCompactNullableString(request.groupInstanceId)
      .writeCompactArray(request.topics, encodeTopic)
      .writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): OffsetCommitResponse {
    const throttleTimeMs = reader.readInt32();
    const topics = reader.readCompactArray(decodeTopic);
    reader.skipTaggedFields();
    return { throttleTimeMs, topics };
  },

  // A broker that is not the group's coordinator says so for every partition alike.
  coordinatorError: (response) => response.topics[0]?.partitions[0]?.errorCode ?? 0,
};

function encodeTopic(writer: Writer, topic: OffsetCommitTopic): void {
  writer.writeCompactString(topic.name);
  writer.writeCompactArray(topic.partitions, encodePartition).writeNoTaggedFields();
}

function encodePartition(writer: Writer, partition: OffsetCommitPartition): void {
  writer
    .writeInt32(partition.partitionIndex)
    .writeInt64(partition.committedOffset)
    .writeInt32(partition.committedLeaderEpoch)
    .writeCompactNullableString(partition.committedMetadata)
    .writeNoTaggedFields();
}

function decodeTopic(reader: Reader): OffsetCommitTopicResponse {
  const name = reader.readCompactString();
  const partitions = reader.readCompactArray(decodePartition);
  reader.skipTaggedFields();
  return { name, partitions };
}

function decodePartition(reader: Reader): OffsetCommitPartitionResponse {
  const partitionIndex = reader.readInt32();
  const errorCode = reader.readInt16();
  reader.skipTaggedFields();
  return { partitionIndex, errorCode };
}
