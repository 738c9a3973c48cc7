import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface DescribeProducersRequest {
  topics: DescribeProducersTopic[];
}

export interface DescribeProducersTopic {
  name: string;
  partitionIndexes: number[];
}

export interface DescribeProducersResponse {
  throttleTimeMs: number;
  topics: DescribeProducersTopicResponse[];
}

export interface DescribeProducersTopicResponse {
  name: string;
  partitions: DescribeProducersPartition[];
}

export interface DescribeProducersPartition {
  partitionIndex: number;
  errorCode: number;
  errorMessage: string | null;
  activeProducers: ActiveProducer[];
}

export interface ActiveProducer {
  producerId: bigint;
  producerEpoch: number;
  /** -1 after a transaction marker with a new epoch: the next batch starts at 0. */
  lastSequence: number;
  lastTimestamp: bigint;
  coordinatorEpoch: number;
  /** -1 when no transaction is open. */
  currentTxnStartOffset: bigint;
}

/**
 * DescribeProducers, key 61, pinned to v0 (KIP-664): asked of each partition's leader.
 *
 *   Request  => topics [name COMPACT_STRING, partition_indexes [INT32], TAG_BUFFER], TAG_BUFFER
 *   Response => throttle_time_ms INT32, topics [name COMPACT_STRING, partitions [
 *                 partition_index INT32, error_code INT16, error_message COMPACT_NULLABLE_STRING,
 *                 active_producers [producer_id INT64, producer_epoch INT32, last_sequence INT32,
 *                   last_timestamp INT64, coordinator_epoch INT32,
 *                   current_txn_start_offset INT64, TAG_BUFFER],
 *                 TAG_BUFFER], TAG_BUFFER], TAG_BUFFER
 */
export const describeProducers: Api<DescribeProducersRequest, DescribeProducersResponse> = {
  key: 61,
  version: 0,
  flexible: true,
  name: 'DescribeProducers',

  encodeRequest(writer: Writer, request: DescribeProducersRequest): void {
    writer.writeCompactArray(request.topics, encodeTopic).writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): DescribeProducersResponse {
    const throttleTimeMs = reader.readInt32();
    const topics = reader.readCompactArray(decodeTopic);
    reader.skipTaggedFields();
    return { throttleTimeMs, topics };
  },
};

function encodeTopic(writer: Writer, topic: DescribeProducersTopic): void {
  writer.writeCompactString(topic.name);
  writer.writeCompactArray(topic.partitionIndexes, encodePartitionIndex).writeNoTaggedFields();
}

function encodePartitionIndex(writer: Writer, partitionIndex: number): void {
  writer.writeInt32(partitionIndex);
}

function decodeTopic(reader: Reader): DescribeProducersTopicResponse {
  const name = reader.readCompactString();
  const partitions = reader.readCompactArray(decodePartition);
  reader.skipTaggedFields();
  return { name, partitions };
}

function decodePartition(reader: Reader): DescribeProducersPartition {
  const partitionIndex = reader.readInt32();
  const errorCode = reader.readInt16();
  const errorMessage = reader.readCompactNullableString();
  const activeProducers = reader.readCompactArray(decodeProducer);
  reader.skipTaggedFields();
  return { partitionIndex, errorCode, errorMessage, activeProducers };
}

function decodeProducer(reader: Reader): ActiveProducer {
  const producerId = reader.readInt64();
  const producerEpoch = reader.readInt32();
  const lastSequence = reader.readInt32();
  const lastTimestamp = reader.readInt64();
  const coordinatorEpoch = reader.readInt32();
  const currentTxnStartOffset = reader.readInt64();
  reader.skipTaggedFields();
  return {
    producerId,
    producerEpoch,
    lastSequence,
    lastTimestamp,
    coordinatorEpoch,
    currentTxnStartOffset,
  };
}
