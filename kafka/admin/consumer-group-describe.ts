import type { Api } from '../messages/api.js';
import type { Reader, Writer } from '../wire/index.js';

export interface ConsumerGroupDescribeResponse {
  throttleTimeMs: number;
  groups: DescribedConsumerGroup[];
}

export interface DescribedConsumerGroup {
  errorCode: number;
  errorMessage: string | null;
  groupId: string;
  groupState: string;
  memberCount: number;
}

/**
 * ConsumerGroupDescribe, key 69, pinned to v0: groups of the new protocol (KIP-848), which
 * DescribeGroups calls dead. Only what says whether anybody is in the group is kept.
 *
 *   Request  => group_ids [COMPACT_STRING], include_authorized_operations BOOLEAN, TAG_BUFFER
 *   Response => throttle_time_ms INT32, groups [error_code INT16,
 *                 error_message COMPACT_NULLABLE_STRING, group_id COMPACT_STRING,
 *                 group_state COMPACT_STRING, group_epoch INT32, assignment_epoch INT32,
 *                 assignor_name COMPACT_STRING, members [...], authorized_operations INT32,
 *                 TAG_BUFFER], TAG_BUFFER
 */
export const consumerGroupDescribe: Api<{ groupIds: string[] }, ConsumerGroupDescribeResponse> = {
  key: 69,
  version: 0,
  flexible: true,
  name: 'ConsumerGroupDescribe',

  encodeRequest(writer: Writer, request: { groupIds: string[] }): void {
    writer
      .writeCompactArray(request.groupIds, (out, groupId) => out.writeCompactString(groupId))
      .writeBoolean(false)
      .writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): ConsumerGroupDescribeResponse {
    const throttleTimeMs = reader.readInt32();
    const groups = reader.readCompactArray(decodeGroup);
    reader.skipTaggedFields();
    return { throttleTimeMs, groups };
  },

  coordinatorError: (response) =>
    response.groups.length === 1 ? (response.groups[0]?.errorCode ?? 0) : 0,
};

function decodeGroup(reader: Reader): DescribedConsumerGroup {
  const errorCode = reader.readInt16();
  const errorMessage = reader.readCompactNullableString();
  const groupId = reader.readCompactString();
  const groupState = reader.readCompactString();
  reader.readInt32(); // group_epoch
  reader.readInt32(); // assignment_epoch
  reader.readCompactString(); // assignor_name
  const memberCount = reader.readCompactArray(skipMember).length;
  reader.readInt32(); // authorized_operations, which were not asked for
  reader.skipTaggedFields();
  return { errorCode, errorMessage, groupId, groupState, memberCount };
}

/**
 *   Member => member_id COMPACT_STRING, instance_id COMPACT_NULLABLE_STRING,
 *             rack_id COMPACT_NULLABLE_STRING, member_epoch INT32, client_id COMPACT_STRING,
 *             client_host COMPACT_STRING, subscribed_topic_names [COMPACT_STRING],
 *             subscribed_topic_regex COMPACT_NULLABLE_STRING, assignment, target_assignment,
 *             TAG_BUFFER
 */
function skipMember(reader: Reader): void {
  reader.readCompactString();
  reader.readCompactNullableString();
  reader.readCompactNullableString();
  reader.readInt32();
  reader.readCompactString();
  reader.readCompactString();
  reader.readCompactArray((names) => names.readCompactString());
  reader.readCompactNullableString();
  skipAssignment(reader);
  skipAssignment(reader);
  reader.skipTaggedFields();
}

/**
 *   Assignment => topic_partitions [topic_id UUID, topic_name COMPACT_STRING, partitions [INT32],
 *                   TAG_BUFFER], TAG_BUFFER
 */
function skipAssignment(reader: Reader): void {
  reader.readCompactArray((topic) => {
    topic.readUuid();
    topic.readCompactString();
    topic.readCompactArray((partition) => partition.readInt32());
    topic.skipTaggedFields();
  });
  reader.skipTaggedFields();
}
