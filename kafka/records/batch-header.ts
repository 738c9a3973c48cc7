/**
 * The header of a v2 record batch, read and written in place.
 *
 *   byte  0        8      12           16    17  21         23              27            35
 *         | offset | size | leaderEpoch| magic|crc| attributes| lastOffsetDelta| baseTimestamp|
 *   byte  35           43         51            53           57          61
 *         | maxTimestamp| producerId| producerEpoch| baseSequence| recordCount| payload ...
 *
 * The CRC-32C covers byte 21 to the end. Offset, size and leader epoch lie outside it because the
 * broker assigns them. Accessors do not check bounds: views come from the batch splitter, which does.
 */
const BASE_OFFSET_LENGTH = 8;
const BATCH_LENGTH_LENGTH = 4;
const PARTITION_LEADER_EPOCH_LENGTH = 4;
const MAGIC_LENGTH = 1;
const CRC_LENGTH = 4;
const ATTRIBUTES_LENGTH = 2;
const LAST_OFFSET_DELTA_LENGTH = 4;
const BASE_TIMESTAMP_LENGTH = 8;
const MAX_TIMESTAMP_LENGTH = 8;
const PRODUCER_ID_LENGTH = 8;
const PRODUCER_EPOCH_LENGTH = 2;
const BASE_SEQUENCE_LENGTH = 4;
const RECORD_COUNT_LENGTH = 4;

export const BASE_OFFSET_OFFSET = 0;
export const BATCH_LENGTH_OFFSET = BASE_OFFSET_OFFSET + BASE_OFFSET_LENGTH;
export const PARTITION_LEADER_EPOCH_OFFSET = BATCH_LENGTH_OFFSET + BATCH_LENGTH_LENGTH;
export const MAGIC_OFFSET = PARTITION_LEADER_EPOCH_OFFSET + PARTITION_LEADER_EPOCH_LENGTH;
export const CRC_OFFSET = MAGIC_OFFSET + MAGIC_LENGTH;
export const ATTRIBUTES_OFFSET = CRC_OFFSET + CRC_LENGTH;
export const LAST_OFFSET_DELTA_OFFSET = ATTRIBUTES_OFFSET + ATTRIBUTES_LENGTH;
export const BASE_TIMESTAMP_OFFSET = LAST_OFFSET_DELTA_OFFSET + LAST_OFFSET_DELTA_LENGTH;
export const MAX_TIMESTAMP_OFFSET = BASE_TIMESTAMP_OFFSET + BASE_TIMESTAMP_LENGTH;
export const PRODUCER_ID_OFFSET = MAX_TIMESTAMP_OFFSET + MAX_TIMESTAMP_LENGTH;
export const PRODUCER_EPOCH_OFFSET = PRODUCER_ID_OFFSET + PRODUCER_ID_LENGTH;
export const BASE_SEQUENCE_OFFSET = PRODUCER_EPOCH_OFFSET + PRODUCER_EPOCH_LENGTH;
export const RECORD_COUNT_OFFSET = BASE_SEQUENCE_OFFSET + BASE_SEQUENCE_LENGTH;

/** Where the payload starts: the size of the whole header, 61 bytes. */
export const PAYLOAD_OFFSET = RECORD_COUNT_OFFSET + RECORD_COUNT_LENGTH;

/** Bytes in front of what `batchLength` counts: base offset and the length itself. */
export const BATCH_OVERHEAD = PARTITION_LEADER_EPOCH_OFFSET;

/** Header bytes inside the CRC: attributes to record count, 40 bytes. */
export const COVERED_HEADER_LENGTH = PAYLOAD_OFFSET - ATTRIBUTES_OFFSET;

export const CODEC_MASK = 0x07;
export const LOG_APPEND_TIME_FLAG = 0x08;
export const TRANSACTIONAL_FLAG = 0x10;
export const CONTROL_FLAG = 0x20;
export const DELETE_HORIZON_FLAG = 0x40;

export type TimestampType = 'CreateTime' | 'LogAppendTime';

export function baseOffset(batch: Buffer): bigint {
  return batch.readBigInt64BE(BASE_OFFSET_OFFSET);
}

/** Bytes after the length field: from the leader epoch to the end of the payload. */
export function batchLength(batch: Buffer): number {
  return batch.readInt32BE(BATCH_LENGTH_OFFSET);
}

/** Bytes of the whole batch. */
export function batchBytes(batch: Buffer): number {
  return BATCH_OVERHEAD + batch.readInt32BE(BATCH_LENGTH_OFFSET);
}

export function partitionLeaderEpoch(batch: Buffer): number {
  return batch.readInt32BE(PARTITION_LEADER_EPOCH_OFFSET);
}

/** The format version; at the same byte in messages of magic 0 and 1. */
export function magic(batch: Buffer): number {
  return batch.readInt8(MAGIC_OFFSET);
}

/** The stored CRC-32C, unsigned. */
export function crc(batch: Buffer): number {
  return batch.readUInt32BE(CRC_OFFSET);
}

export function attributes(batch: Buffer): number {
  return batch.readUInt16BE(ATTRIBUTES_OFFSET);
}

/** The codec's number; compression.ts knows the names. */
export function codec(batch: Buffer): number {
  return batch.readUInt16BE(ATTRIBUTES_OFFSET) & CODEC_MASK;
}

export function timestampType(batch: Buffer): TimestampType {
  return attributes(batch) & LOG_APPEND_TIME_FLAG ? 'LogAppendTime' : 'CreateTime';
}

export function isTransactional(batch: Buffer): boolean {
  return (attributes(batch) & TRANSACTIONAL_FLAG) !== 0;
}

export function isControl(batch: Buffer): boolean {
  return (attributes(batch) & CONTROL_FLAG) !== 0;
}

/** True when baseTimestamp holds the time at which compaction may drop tombstones (KIP-534). */
export function hasDeleteHorizon(batch: Buffer): boolean {
  return (attributes(batch) & DELETE_HORIZON_FLAG) !== 0;
}

/** The offset range of the batch minus one; survives compaction, so it may exceed recordCount - 1. */
export function lastOffsetDelta(batch: Buffer): number {
  return batch.readInt32BE(LAST_OFFSET_DELTA_OFFSET);
}

/** The last offset of the batch's range, inclusive; compaction may have removed its record. */
export function lastOffset(batch: Buffer): bigint {
  return baseOffset(batch) + BigInt(lastOffsetDelta(batch));
}

/** What every record's timestamp delta is relative to, with or without a delete horizon. */
export function baseTimestamp(batch: Buffer): bigint {
  return batch.readBigInt64BE(BASE_TIMESTAMP_OFFSET);
}

/** The largest record timestamp; with LogAppendTime, the timestamp of every record. */
export function maxTimestamp(batch: Buffer): bigint {
  return batch.readBigInt64BE(MAX_TIMESTAMP_OFFSET);
}

export function producerId(batch: Buffer): bigint {
  return batch.readBigInt64BE(PRODUCER_ID_OFFSET);
}

export function producerEpoch(batch: Buffer): number {
  return batch.readInt16BE(PRODUCER_EPOCH_OFFSET);
}

export function baseSequence(batch: Buffer): number {
  return batch.readInt32BE(BASE_SEQUENCE_OFFSET);
}

export function recordCount(batch: Buffer): number {
  return batch.readInt32BE(RECORD_COUNT_OFFSET);
}

/** Whether every offset of the batch's range has its record. Compaction makes gaps. */
export function isDense(batch: Buffer): boolean {
  return recordCount(batch) === lastOffsetDelta(batch) + 1;
}

/** The bytes after the header, as stored: compressed when the codec says so. A view. */
export function payload(batch: Buffer): Buffer {
  return batch.subarray(PAYLOAD_OFFSET);
}

export interface BatchHeader {
  baseOffset: bigint;
  attributes: number;
  lastOffsetDelta: number;
  baseTimestamp: bigint;
  maxTimestamp: bigint;
  producerId: bigint; //    -1n: not idempotent
  producerEpoch: number; // -1 likewise
  baseSequence: number; //  -1 likewise
  recordCount: number;
}

/** Writes a whole header except the CRC: `batch` must have its final length already. */
export function writeHeader(batch: Buffer, header: BatchHeader): void {
  batch.writeBigInt64BE(header.baseOffset, BASE_OFFSET_OFFSET);
  batch.writeInt32BE(batch.length - BATCH_OVERHEAD, BATCH_LENGTH_OFFSET);
  batch.writeInt32BE(-1, PARTITION_LEADER_EPOCH_OFFSET); // the leader assigns it
  batch.writeInt8(2, MAGIC_OFFSET);
  batch.writeUInt32BE(0, CRC_OFFSET);
  batch.writeUInt16BE(header.attributes, ATTRIBUTES_OFFSET);
  batch.writeInt32BE(header.lastOffsetDelta, LAST_OFFSET_DELTA_OFFSET);
  batch.writeBigInt64BE(header.baseTimestamp, BASE_TIMESTAMP_OFFSET);
  batch.writeBigInt64BE(header.maxTimestamp, MAX_TIMESTAMP_OFFSET);
  batch.writeBigInt64BE(header.producerId, PRODUCER_ID_OFFSET);
  batch.writeInt16BE(header.producerEpoch, PRODUCER_EPOCH_OFFSET);
  batch.writeInt32BE(header.baseSequence, BASE_SEQUENCE_OFFSET);
  batch.writeInt32BE(header.recordCount, RECORD_COUNT_OFFSET);
}
