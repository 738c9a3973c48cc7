import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface ListGroupsRequest {
  /** Such as 'Stable' or 'Empty'; an empty list asks for all. */
  statesFilter: string[];
}

export interface ListGroupsResponse {
  throttleTimeMs: number;
  errorCode: number;
  groups: ListedGroup[];
}

export interface ListedGroup {
  groupId: string;
  protocolType: string;
  groupState: string;
}

/**
 * ListGroups, key 16, pinned to v4: with states (KIP-518). Each broker lists only the groups that it
 * coordinates, so all brokers must be asked.
 *
 *   Request  => states_filter [COMPACT_STRING], TAG_BUFFER
 *   Response => throttle_time_ms INT32, error_code INT16, groups [group_id COMPACT_STRING,
 *                 protocol_type COMPACT_STRING, group_state COMPACT_STRING, TAG_BUFFER], TAG_BUFFER
 */
export const listGroups: Api<ListGroupsRequest, ListGroupsResponse> = {
  key: 16,
  version: 4,
  flexible: true,
  name: 'ListGroups',

  encodeRequest(writer: Writer, request: ListGroupsRequest): void {
    writer.writeCompactArray(request.statesFilter, encodeState).writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): ListGroupsResponse {
    const throttleTimeMs = reader.readInt32();
    const errorCode = reader.readInt16();
    const groups = reader.readCompactArray(decodeGroup);
    reader.skipTaggedFields();
    return { throttleTimeMs, errorCode, groups };
  },
};

function encodeState(writer: Writer, state: string): void {
  writer.writeCompactString(state);
}

function decodeGroup(reader: Reader): ListedGroup {
  const groupId = reader.readCompactString();
  const protocolType = reader.readCompactString();
  const groupState = reader.readCompactString();
  reader.skipTaggedFields();
  return { groupId, protocolType, groupState };
}
