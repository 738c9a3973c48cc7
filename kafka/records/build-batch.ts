import assert from 'node:assert/strict';
import {
  CRC_OFFSET,
  DELETE_HORIZON_FLAG,
  LOG_APPEND_TIME_FLAG,
  PAYLOAD_OFFSET,
  attributes,
  baseOffset,
  baseTimestamp,
  codec,
  maxTimestamp,
  recordCount,
  writeHeader,
  type BatchHeader,
} from './batch-header.js';
import { Codec, PLAIN_BYTES_MAX, compress, decompress } from './compression.js';
import { computeBatchCrc, ensureBatchCrc } from './crc32c.js';
import { CorruptBatchError, DecompressionError } from './errors.js';
import { decodeRecords, encodeRecords, type KafkaRecord } from './record-codec.js';

/** A record as a producer sees it. */
export interface NewRecord {
  key: Buffer | null;
  value: Buffer | null;
  timestamp: bigint; // milliseconds since 1970
  headers?: { key: Buffer; value: Buffer | null }[];
  /** Its place in the batch; its index unless told. Gaps are for tests: no broker takes them. */
  offsetDelta?: number;
}

export interface NewBatch {
  records: readonly NewRecord[];
  codec?: number; //         Codec.none
  baseOffset?: bigint; //    0: the only one that a broker takes
  lastOffsetDelta?: number; // the last record's; greater only in compacted batches
  flags?: number; //         attribute bits other than the codec
  producerId?: bigint; //    -1: not idempotent
  producerEpoch?: number;
  baseSequence?: number;
  /** What the timestamp deltas count from; the first record's timestamp unless told. */
  baseTimestamp?: bigint;
  maxTimestamp?: bigint; //  the largest of the records unless told
}

/** A record as a consumer sees it. Keys and values are views of the decompressed payload. */
export interface ReadRecord {
  offset: bigint;
  timestamp: bigint;
  key: Buffer | null;
  value: Buffer | null;
  headers: { key: Buffer; value: Buffer | null }[];
}

/** Builds a batch from records: for our internal topics and for tests. */
export function buildBatch(options: NewBatch): Buffer {
  const { records } = options;
  assert(records.length > 0 || options.maxTimestamp !== undefined);
  const firstTimestamp = options.baseTimestamp ?? records[0]?.timestamp ?? -1n;
  let largest = options.maxTimestamp ?? records[0]!.timestamp;
  const encoded: KafkaRecord[] = [];
  for (const [index, record] of records.entries()) {
    if (options.maxTimestamp === undefined && record.timestamp > largest)
      largest = record.timestamp;
    encoded.push({
      offsetDelta: record.offsetDelta ?? index,
      timestampDelta: record.timestamp - firstTimestamp,
      key: record.key,
      value: record.value,
      headers: record.headers ?? [],
    });
  }
  return assembleBatch(encodeRecords(encoded), {
    baseOffset: options.baseOffset ?? 0n,
    attributes: (options.codec ?? Codec.none) | (options.flags ?? 0),
    lastOffsetDelta: options.lastOffsetDelta ?? encoded.at(-1)?.offsetDelta ?? 0,
    baseTimestamp: firstTimestamp,
    maxTimestamp: largest,
    producerId: options.producerId ?? -1n,
    producerEpoch: options.producerEpoch ?? -1,
    baseSequence: options.baseSequence ?? -1,
    recordCount: encoded.length,
  });
}

/** Compresses an encoded payload as the attributes say and puts the header in front. */
export function assembleBatch(plainPayload: Buffer, header: BatchHeader): Buffer {
  const payload = compress(header.attributes & 0x07, plainPayload);
  const batch = Buffer.allocUnsafe(PAYLOAD_OFFSET + payload.length);
  payload.copy(batch, PAYLOAD_OFFSET);
  return sealBatch(batch, header);
}

/** Writes header and CRC in front of a payload that is in place already. */
export function sealBatch(batch: Buffer, header: BatchHeader): Buffer {
  writeHeader(batch, header);
  batch.writeUInt32BE(computeBatchCrc(batch), CRC_OFFSET);
  return batch;
}

/** The records of any v2 batch, its CRC checked, decompressed to at most `limitBytes`. */
export function readBatch(batch: Buffer, limitBytes: number = PLAIN_BYTES_MAX): ReadRecord[] {
  ensureBatchCrc(batch);
  const firstOffset = baseOffset(batch);
  const base = baseTimestamp(batch);
  const stamped =
    (attributes(batch) & LOG_APPEND_TIME_FLAG) !== 0 ? maxTimestamp(batch) : undefined;
  const records = decodeRecords(plainPayload(batch, limitBytes), recordCount(batch), firstOffset);
  return records.map((record) => ({
    offset: firstOffset + BigInt(record.offsetDelta),
    timestamp: stamped ?? BigInt.asIntN(64, base + record.timestampDelta), // wraps, as in Java
    key: record.key,
    value: record.value,
    headers: record.headers,
  }));
}

/** The batch's payload, decompressed; an error names the batch. */
export function plainPayload(batch: Buffer, limitBytes: number): Buffer {
  // Compaction may leave a header with no record and, whatever the codec, no payload.
  if (batch.length === PAYLOAD_OFFSET) return batch.subarray(PAYLOAD_OFFSET);
  try {
    return decompress(codec(batch), batch.subarray(PAYLOAD_OFFSET), limitBytes);
  } catch (cause) {
    if (!(cause instanceof DecompressionError)) throw cause;
    throw new CorruptBatchError(baseOffset(batch), cause.message, { cause });
  }
}

/** The time from which compaction may drop the batch's tombstones, if it carries one. */
export function deleteHorizonMs(batch: Buffer): bigint | undefined {
  return attributes(batch) & DELETE_HORIZON_FLAG ? baseTimestamp(batch) : undefined;
}
