import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export const COORDINATOR_TYPE_GROUP = 0;
export const COORDINATOR_TYPE_TRANSACTION = 1;

export interface FindCoordinatorRequest {
  /** COORDINATOR_TYPE_GROUP or COORDINATOR_TYPE_TRANSACTION. */
  keyType: number;
  /** Group ids or transactional ids. */
  coordinatorKeys: string[];
}

export interface FindCoordinatorResponse {
  throttleTimeMs: number;
  coordinators: CoordinatorEntry[];
}

export interface CoordinatorEntry {
  key: string;
  /** -1 with an error. */
  nodeId: number;
  host: string;
  port: number;
  errorCode: number;
  errorMessage: string | null;
}

/**
 * FindCoordinator, key 10, pinned to v4: many keys at once (KIP-699).
 *
 *   Request  => key_type INT8, coordinator_keys [COMPACT_STRING], TAG_BUFFER
 *   Response => throttle_time_ms INT32, coordinators [key COMPACT_STRING, node_id INT32,
 *                 host COMPACT_STRING, port INT32, error_code INT16,
 *                 error_message COMPACT_NULLABLE_STRING, TAG_BUFFER], TAG_BUFFER
 */
export const findCoordinator: Api<FindCoordinatorRequest, FindCoordinatorResponse> = {
  key: 10,
  version: 4,
  flexible: true,
  name: 'FindCoordinator',

  encodeRequest(writer: Writer, request: FindCoordinatorRequest): void {
    writer
      .writeInt8(request.keyType)
      .writeCompactArray(request.coordinatorKeys, encodeKey)
      .writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): FindCoordinatorResponse {
    const throttleTimeMs = reader.readInt32();
    const coordinators = reader.readCompactArray(decodeCoordinator);
    reader.skipTaggedFields();
    return { throttleTimeMs, coordinators };
  },
};

function encodeKey(writer: Writer, key: string): void {
  writer.writeCompactString(key);
}

function decodeCoordinator(reader: Reader): CoordinatorEntry {
  const key = reader.readCompactString();
  const nodeId = reader.readInt32();
  const host = reader.readCompactString();
  const port = reader.readInt32();
  const errorCode = reader.readInt16();
  const errorMessage = reader.readCompactNullableString();
  reader.skipTaggedFields();
  return { key, nodeId, host, port, errorCode, errorMessage };
}
