import assert from 'node:assert/strict';
import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface ProduceRequest {
  transactionalId: string | null;
  /** -1 waits for all in-sync replicas, 1 for the leader. 0 has no answer and is not supported. */
  acks: -1 | 1;
  timeoutMs: number;
  topics: ProduceTopic[];
}

export interface ProduceTopic {
  name: string;
  partitions: ProducePartition[];
}

/** As ProduceRequest, to topics by their ids. */
export interface ProduceByIdRequest extends Omit<ProduceRequest, 'topics'> {
  topics: { topicId: string; partitions: ProducePartition[] }[];
}

export interface ProducePartition {
  partitionIndex: number;
  /**
   * Exactly one record batch, in one piece or several. It is sent from where it lies, so it must not
   * change until the request is answered.
   */
  records: Buffer | readonly Buffer[];
}

export interface ProduceResponse {
  topics: ProduceTopicResponse[];
  throttleTimeMs: number;
}

export interface ProduceByIdResponse {
  topics: { topicId: string; partitions: ProducePartitionResponse[] }[];
  throttleTimeMs: number;
}

export interface ProduceTopicResponse {
  name: string;
  partitions: ProducePartitionResponse[];
}

export interface ProducePartitionResponse {
  partitionIndex: number;
  errorCode: number;
  /** -1 with an error. */
  baseOffset: bigint;
  /** -1 unless the topic stamps records itself. */
  logAppendTimeMs: bigint;
  logStartOffset: bigint;
  recordErrors: RecordError[];
  errorMessage: string | null;
}

export interface RecordError {
  batchIndex: number;
  batchIndexErrorMessage: string | null;
}

/**
 * Produce, key 0, pinned to v9: the last that addresses topics by name and does not ask the broker
 * to verify transactions for us (v12).
 *
 *   Request  => transactional_id COMPACT_NULLABLE_STRING, acks INT16, timeout_ms INT32,
 *               topic_data [name COMPACT_STRING,
 *                 partition_data [index INT32, records COMPACT_RECORDS, TAG_BUFFER],
 *                 TAG_BUFFER], TAG_BUFFER
 *   Response => responses [name COMPACT_STRING, partition_responses [index INT32,
 *                 error_code INT16, base_offset INT64, log_append_time_ms INT64,
 *                 log_start_offset INT64, record_errors [batch_index INT32,
 *                   batch_index_error_message COMPACT_NULLABLE_STRING, TAG_BUFFER],
 *                 error_message COMPACT_NULLABLE_STRING, TAG_BUFFER], TAG_BUFFER],
 *               throttle_time_ms INT32, TAG_BUFFER
 */
export const produce: Api<ProduceRequest, ProduceResponse> = {
  key: 0,
  version: 9,
  flexible: true,
  name: 'Produce',

  encodeRequest(writer: Writer, request: ProduceRequest): void {
    // An unanswered request would shift every later answer of the connection by one.
    assert(request.acks === -1 || request.acks === 1);
    writer
      .writeCompactNullableString(request.transactionalId)
      .writeInt16(request.acks)
      .writeInt32(request.timeoutMs)
      .writeCompactArray(request.topics, encodeTopic)
      .writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): ProduceResponse {
    const topics = reader.readCompactArray(decodeTopic);
    const throttleTimeMs = reader.readInt32();
    reader.skipTaggedFields();
    return { topics, throttleTimeMs };
  },
};

/**
 * Produce v13 (KIP-516, Kafka 4.0 and newer): as v9 with topic_id UUID in place of each name, so that
 * nothing can land in a topic that was made anew under the same name. UNKNOWN_TOPIC_ID says so. What
 * v12 asks of the broker concerns transactional producers only, and is not asked without their id.
 */
export const produceById: Api<ProduceByIdRequest, ProduceByIdResponse> = {
  key: 0,
  version: 13,
  flexible: true,
  name: 'Produce',

  encodeRequest(writer: Writer, request: ProduceByIdRequest): void {
    assert(request.transactionalId === null);
    assert(request.acks === -1 || request.acks === 1);
    writer
      .writeCompactNullableString(request.transactionalId)
      .writeInt16(request.acks)
      .writeInt32(request.timeoutMs)
      .writeCompactArray(request.topics, (to, { topicId, partitions }) => {
        to.writeUuid(topicId).writeCompactArray(partitions, encodePartition).writeNoTaggedFields();
      })
      .writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): ProduceByIdResponse {
    const topics = reader.readCompactArray((from) => {
      const topicId = from.readUuid();
      const partitions = from.readCompactArray(decodePartition);
      from.skipTaggedFields();
      return { topicId, partitions };
    });
    const throttleTimeMs = reader.readInt32();
    reader.skipTaggedFields();
    return { topics, throttleTimeMs };
  },
};

function encodeTopic(writer: Writer, topic: ProduceTopic): void {
  writer.writeCompactString(topic.name);
  writer.writeCompactArray(topic.partitions, encodePartition).writeNoTaggedFields();
}

function encodePartition(writer: Writer, partition: ProducePartition): void {
  const { records } = partition;
  writer.writeInt32(partition.partitionIndex);
  if (Buffer.isBuffer(records)) {
    writer.writeUnsignedVarint(records.length + 1).writeExternal(records);
  } else {
    let bytes = 0;
    for (const piece of records) bytes += piece.length;
    writer.writeUnsignedVarint(bytes + 1);
    for (const piece of records) writer.writeExternal(piece);
  }
  writer.writeNoTaggedFields();
}

function decodeTopic(reader: Reader): ProduceTopicResponse {
  const name = reader.readCompactString();
  const partitions = reader.readCompactArray(decodePartition);
  reader.skipTaggedFields();
  return { name, partitions };
}

function decodePartition(reader: Reader): ProducePartitionResponse {
  const partitionIndex = reader.readInt32();
  const errorCode = reader.readInt16();
  const baseOffset = reader.readInt64();
  const logAppendTimeMs = reader.readInt64();
  const logStartOffset = reader.readInt64();
  const recordErrors = reader.readCompactArray(decodeRecordError);
  const errorMessage = reader.readCompactNullableString();
  reader.skipTaggedFields();
  return {
    partitionIndex,
    errorCode,
    baseOffset,
    logAppendTimeMs,
    logStartOffset,
    recordErrors,
    errorMessage,
  };
}

function decodeRecordError(reader: Reader): RecordError {
  const batchIndex = reader.readInt32();
  const batchIndexErrorMessage = reader.readCompactNullableString();
  reader.skipTaggedFields();
  return { batchIndex, batchIndexErrorMessage };
}
