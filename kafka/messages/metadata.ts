import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface MetadataRequest {
  /** Null asks for all topics, an empty list for none (brokers only). */
  topics: readonly string[] | null;
  allowAutoTopicCreation: boolean;
}

export interface MetadataResponse {
  throttleTimeMs: number;
  brokers: MetadataBroker[];
  clusterId: string | null;
  /** -1 when unknown. A KRaft broker names any broker here, which forwards to the controller. */
  controllerId: number;
  topics: MetadataTopic[];
}

export interface MetadataBroker {
  nodeId: number;
  host: string;
  port: number;
  rack: string | null;
}

export interface MetadataTopic {
  errorCode: number;
  /** Null only when the topic was asked for by an unknown id, which we never do. */
  name: string | null;
  topicId: string;
  isInternal: boolean;
  partitions: MetadataPartition[];
}

export interface MetadataPartition {
  errorCode: number;
  partitionIndex: number;
  /** -1 while the partition has no leader. */
  leaderId: number;
  leaderEpoch: number;
  replicaNodes: number[];
  isrNodes: number[];
  offlineReplicas: number[];
}

/** What a name is looked up by: the zero id. */
const TOPIC_ID_NONE = '00000000-0000-0000-0000-000000000000';

/**
 * Metadata, key 3, pinned to v12: topic ids, and names in requests.
 *
 *   Request  => topics NULLABLE [topic_id UUID, name COMPACT_NULLABLE_STRING, TAG_BUFFER],
 *               allow_auto_topic_creation BOOLEAN, include_topic_authorized_operations BOOLEAN,
 *               TAG_BUFFER
 *   Response => throttle_time_ms INT32,
 *               brokers [node_id INT32, host COMPACT_STRING, port INT32,
 *                 rack COMPACT_NULLABLE_STRING, TAG_BUFFER],
 *               cluster_id COMPACT_NULLABLE_STRING, controller_id INT32,
 *               topics [error_code INT16, name COMPACT_NULLABLE_STRING, topic_id UUID,
 *                 is_internal BOOLEAN,
 *                 partitions [error_code INT16, partition_index INT32, leader_id INT32,
 *                   leader_epoch INT32, replica_nodes [INT32], isr_nodes [INT32],
 *                   offline_replicas [INT32], TAG_BUFFER],
 *                 topic_authorized_operations INT32, TAG_BUFFER], TAG_BUFFER
 */
export const metadata: Api<MetadataRequest, MetadataResponse> = {
  key: 3,
  version: 12,
  flexible: true,
  name: 'Metadata',

  encodeRequest(writer: Writer, request: MetadataRequest): void {
    writer
      .writeCompactNullableArray(request.topics, encodeTopic)
      .writeBoolean(request.allowAutoTopicCreation)
      .writeBoolean(false)
      .writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): MetadataResponse {
    const throttleTimeMs = reader.readInt32();
    const brokers = reader.readCompactArray(decodeBroker);
    const clusterId = reader.readCompactNullableString();
    const controllerId = reader.readInt32();
    const topics = reader.readCompactArray(decodeTopic);
    reader.skipTaggedFields();
    return { throttleTimeMs, brokers, clusterId, controllerId, topics };
  },
};

function encodeTopic(writer: Writer, name: string): void {
  writer.writeUuid(TOPIC_ID_NONE).writeCompactNullableString(name).writeNoTaggedFields();
}

function decodeBroker(reader: Reader): MetadataBroker {
  const nodeId = reader.readInt32();
  const host = reader.readCompactString();
  const port = reader.readInt32();
  const rack = reader.readCompactNullableString();
  reader.skipTaggedFields();
  return { nodeId, host, port, rack };
}

function decodeTopic(reader: Reader): MetadataTopic {
  const errorCode = reader.readInt16();
  const name = reader.readCompactNullableString();
  const topicId = reader.readUuid();
  const isInternal = reader.readBoolean();
  const partitions = reader.readCompactArray(decodePartition);
  reader.readInt32(); // topic_authorized_operations, which were not asked for
  reader.skipTaggedFields();
  return { errorCode, name, topicId, isInternal, partitions };
}

function decodePartition(reader: Reader): MetadataPartition {
  const errorCode = reader.readInt16();
  const partitionIndex = reader.readInt32();
  const leaderId = reader.readInt32();
  const leaderEpoch = reader.readInt32();
  const replicaNodes = reader.readCompactArray(decodeNodeId);
  const isrNodes = reader.readCompactArray(decodeNodeId);
  const offlineReplicas = reader.readCompactArray(decodeNodeId);
  reader.skipTaggedFields();
  return {
    errorCode,
    partitionIndex,
    leaderId,
    leaderEpoch,
    replicaNodes,
    isrNodes,
    offlineReplicas,
  };
}

function decodeNodeId(reader: Reader): number {
  return reader.readInt32();
}
