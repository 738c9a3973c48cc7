import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface DescribeGroupsRequest {
  groups: string[];
}

export interface DescribeGroupsResponse {
  throttleTimeMs: number;
  groups: DescribedGroup[];
}

export interface DescribedGroup {
  errorCode: number;
  groupId: string;
  /** 'Dead' for a group that does not exist, as well as for one of another protocol. */
  groupState: string;
  protocolType: string;
  /** Name of the assignor that the members agreed on. */
  protocolData: string;
  members: DescribedGroupMember[];
}

export interface DescribedGroupMember {
  memberId: string;
  groupInstanceId: string | null;
  clientId: string;
  clientHost: string;
  /** A view, like the assignment; its form is the protocol's own. */
  memberMetadata: Buffer;
  memberAssignment: Buffer;
}

/**
 * DescribeGroups, key 15, pinned to v5. All groups must belong to the coordinator that is asked.
 *
 *   Request  => groups [COMPACT_STRING], include_authorized_operations BOOLEAN, TAG_BUFFER
 *   Response => throttle_time_ms INT32, groups [error_code INT16, group_id COMPACT_STRING,
 *                 group_state COMPACT_STRING, protocol_type COMPACT_STRING,
 *                 protocol_data COMPACT_STRING, members [member_id COMPACT_STRING,
 *                   group_instance_id COMPACT_NULLABLE_STRING, client_id COMPACT_STRING,
 *                   client_host COMPACT_STRING, member_metadata COMPACT_BYTES,
 *                   member_assignment COMPACT_BYTES, TAG_BUFFER],
 *                 authorized_operations INT32, TAG_BUFFER], TAG_BUFFER
 */
export const describeGroups: Api<DescribeGroupsRequest, DescribeGroupsResponse> = {
  key: 15,
  version: 5,
  flexible: true,
  name: 'DescribeGroups',

  encodeRequest(writer: Writer, request: DescribeGroupsRequest): void {
    writer
      .writeCompactArray(request.groups, encodeGroupId)
      .writeBoolean(false)
      .writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): DescribeGroupsResponse {
    const throttleTimeMs = reader.readInt32();
    const groups = reader.readCompactArray(decodeGroup);
    reader.skipTaggedFields();
    return { throttleTimeMs, groups };
  },

  // Only a request for one group is sent again: with several, the others' answers may be good.
  coordinatorError: (response) =>
    response.groups.length === 1 ? (response.groups[0]?.errorCode ?? 0) : 0,
};

function encodeGroupId(writer: Writer, groupId: string): void {
  writer.writeCompactString(groupId);
}

function decodeGroup(reader: Reader): DescribedGroup {
  const errorCode = reader.readInt16();
  const groupId = reader.readCompactString();
  const groupState = reader.readCompactString();
  const protocolType = reader.readCompactString();
  const protocolData = reader.readCompactString();
  const members = reader.readCompactArray(decodeMember);
  reader.readInt32(); // authorized_operations, which were not asked for
  reader.skipTaggedFields();
  return { errorCode, groupId, groupState, protocolType, protocolData, members };
}

function decodeMember(reader: Reader): DescribedGroupMember {
  const memberId = reader.readCompactString();
  const groupInstanceId = reader.readCompactNullableString();
  const clientId = reader.readCompactString();
  const clientHost = reader.readCompactString();
  const memberMetadata = reader.readCompactBytes();
  const memberAssignment = reader.readCompactBytes();
  reader.skipTaggedFields();
  return { memberId, groupInstanceId, clientId, clientHost, memberMetadata, memberAssignment };
}
