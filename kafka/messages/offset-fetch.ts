import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface OffsetFetchRequest {
  groups: OffsetFetchGroup[];
  /** Whether to wait for open transactions: UNSTABLE_OFFSET_COMMIT until they are over. */
  requireStable: boolean;
}

export interface OffsetFetchGroup {
  groupId: string;
  /** Null asks for everything the group has committed. */
  topics: OffsetFetchTopic[] | null;
}

export interface OffsetFetchTopic {
  name: string;
  partitionIndexes: number[];
}

export interface OffsetFetchResponse {
  throttleTimeMs: number;
  groups: OffsetFetchGroupResponse[];
}

export interface OffsetFetchGroupResponse {
  groupId: string;
  topics: OffsetFetchTopicResponse[];
  errorCode: number;
}

export interface OffsetFetchTopicResponse {
  name: string;
  partitions: OffsetFetchPartitionResponse[];
}

export interface OffsetFetchPartitionResponse {
  partitionIndex: number;
  /** -1 when nothing is committed. */
  committedOffset: bigint;
  committedLeaderEpoch: number;
  metadata: string | null;
  errorCode: number;
}

/**
 * OffsetFetch, key 9, pinned to v8: many groups at once (KIP-709). All of them must belong to the
 * coordinator that is asked.
 *
 *   Request  => groups [group_id COMPACT_STRING, topics NULLABLE [name COMPACT_STRING,
 *                 partition_indexes [INT32], TAG_BUFFER], TAG_BUFFER],
 *               require_stable BOOLEAN, TAG_BUFFER
 *   Response => throttle_time_ms INT32, groups [group_id COMPACT_STRING, topics [
 *                 name COMPACT_STRING, partitions [partition_index INT32, committed_offset INT64,
 *                   committed_leader_epoch INT32, metadata COMPACT_NULLABLE_STRING,
 *                   error_code INT16, TAG_BUFFER], TAG_BUFFER],
 *                 error_code INT16, TAG_BUFFER], TAG_BUFFER
 */
export const offsetFetch: Api<OffsetFetchRequest, OffsetFetchResponse> = {
  key: 9,
  version: 8,
  flexible: true,
  name: 'OffsetFetch',

  encodeRequest(writer: Writer, request: OffsetFetchRequest): void {
    writer
      .writeCompactArray(request.groups, encodeGroup)
      .writeBoolean(request.requireStable)
      .writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): OffsetFetchResponse {
    const throttleTimeMs = reader.readInt32();
    const groups = reader.readCompactArray(decodeGroup);
    reader.skipTaggedFields();
    return { throttleTimeMs, groups };
  },

  // Only a request for one group is sent again: with several, the others' answers may be good.
  coordinatorError: (response) =>
    response.groups.length === 1 ? (response.groups[0]?.errorCode ?? 0) : 0,
};

function encodeGroup(writer: Writer, group: OffsetFetchGroup): void {
  writer
    .writeCompactString(group.groupId)
    .writeCompactNullableArray(group.topics, encodeTopic)
    .writeNoTaggedFields();
}

function encodeTopic(writer: Writer, topic: OffsetFetchTopic): void {
  writer.writeCompactString(topic.name);
  writer.writeCompactArray(topic.partitionIndexes, encodePartitionIndex).writeNoTaggedFields();
}

function encodePartitionIndex(writer: Writer, partitionIndex: number): void {
  writer.writeInt32(partitionIndex);
}

function decodeGroup(reader: Reader): OffsetFetchGroupResponse {
  const groupId = reader.readCompactString();
  const topics = reader.readCompactArray(decodeTopic);
  const errorCode = reader.readInt16();
  reader.skipTaggedFields();
  return { groupId, topics, errorCode };
}

function decodeTopic(reader: Reader): OffsetFetchTopicResponse {
  const name = reader.readCompactString();
  const partitions = reader.readCompactArray(decodePartition);
  reader.skipTaggedFields();
  return { name, partitions };
}

function decodePartition(reader: Reader): OffsetFetchPartitionResponse {
  const partitionIndex = reader.readInt32();
  const committedOffset = reader.readInt64();
  const committedLeaderEpoch = reader.readInt32();
  const metadata = reader.readCompactNullableString();
  const errorCode = reader.readInt16();
  reader.skipTaggedFields();
  return { partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode };
}
