import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface AddPartitionsToTxnRequest {
  transactionalId: string;
  producerId: bigint;
  producerEpoch: number;
  topics: AddPartitionsToTxnTopic[];
}

export interface AddPartitionsToTxnTopic {
  name: string;
  partitions: number[];
}

export interface AddPartitionsToTxnResponse {
  throttleTimeMs: number;
  results: AddPartitionsToTxnTopicResult[];
}

export interface AddPartitionsToTxnTopicResult {
  name: string;
  partitions: AddPartitionsToTxnPartitionResult[];
}

export interface AddPartitionsToTxnPartitionResult {
  partitionIndex: number;
  /** OPERATION_NOT_ATTEMPTED when another partition of the request failed: all or none. */
  errorCode: number;
}

/**
 * AddPartitionsToTxn, key 24, pinned to v3: the last one for clients; v4 is for brokers.
 *
 *   Request  => transactional_id COMPACT_STRING, producer_id INT64, producer_epoch INT16,
 *               topics [name COMPACT_STRING, partitions [INT32], TAG_BUFFER], TAG_BUFFER
 *   Response => throttle_time_ms INT32, results [name COMPACT_STRING, results_by_partition [
 *                 partition_index INT32, error_code INT16, TAG_BUFFER], TAG_BUFFER], TAG_BUFFER
 */
export const addPartitionsToTxn: Api<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse> = {
  key: 24,
  version: 3,
  flexible: true,
  name: 'AddPartitionsToTxn',

  encodeRequest(writer: Writer, request: AddPartitionsToTxnRequest): void {
    writer
      .writeCompactString(request.transactionalId)
      .writeInt64(request.producerId)
      .writeInt16(request.producerEpoch)
      .writeCompactArray(request.topics, encodeTopic)
      .writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): AddPartitionsToTxnResponse {
    const throttleTimeMs = reader.readInt32();
    const results = reader.readCompactArray(decodeTopic);
    reader.skipTaggedFields();
    return { throttleTimeMs, results };
  },

  // The coordinator answers for the transaction as a whole, with one code for every partition.
  coordinatorError: (response) => response.results[0]?.partitions[0]?.errorCode ?? 0,
};

function encodeTopic(writer: Writer, topic: AddPartitionsToTxnTopic): void {
  writer.writeCompactString(topic.name);
  writer.writeCompactArray(topic.partitions, encodePartitionIndex).writeNoTaggedFields();
}

function encodePartitionIndex(writer: Writer, partitionIndex: number): void {
  writer.writeInt32(partitionIndex);
}

function decodeTopic(reader: Reader): AddPartitionsToTxnTopicResult {
  const name = reader.readCompactString();
  const partitions = reader.readCompactArray(decodePartition);
  reader.skipTaggedFields();
  return { name, partitions };
}

function decodePartition(reader: Reader): AddPartitionsToTxnPartitionResult {
  const partitionIndex = reader.readInt32();
  const errorCode = reader.readInt16();
  reader.skipTaggedFields();
  return { partitionIndex, errorCode };
}
