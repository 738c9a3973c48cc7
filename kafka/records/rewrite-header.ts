import {
  ATTRIBUTES_OFFSET,
  BASE_OFFSET_OFFSET,
  BASE_SEQUENCE_OFFSET,
  CONTROL_FLAG,
  CRC_OFFSET,
  DELETE_HORIZON_FLAG,
  LOG_APPEND_TIME_FLAG,
  PARTITION_LEADER_EPOCH_OFFSET,
  PAYLOAD_OFFSET,
  PRODUCER_EPOCH_OFFSET,
  PRODUCER_ID_OFFSET,
  TRANSACTIONAL_FLAG,
  attributes,
  isDense,
} from './batch-header.js';
import { headerRegister, shift } from './crc32c.js';

/**
 * What a mirrored batch must not carry. Records of a transactional batch were read committed, and
 * the target knows no such transaction. A delete horizon is the source's compaction state; clearing
 * it keeps every timestamp, because a record's timestamp is `baseTimestamp + delta` whether
 * baseTimestamp holds the first record's timestamp or the horizon (KIP-534: the cleaner writes the
 * deltas relative to the horizon, and readers do not look at the flag).
 */
export const MIRROR_CLEAR_MASK = TRANSACTIONAL_FLAG | DELETE_HORIZON_FLAG;

export interface BatchPatch {
  producerId: bigint;
  producerEpoch: number;
  baseSequence: number;
  /** Attribute bits to clear; MIRROR_CLEAR_MASK unless told. */
  attributesClearMask?: number;
}

/**
 * Whether the header patch alone makes the batch acceptable to a target. Otherwise it is gapped or
 * stamped by the source's broker, and must be re-encoded, or is a control batch, and must be dropped.
 */
export function isPatchable(batch: Buffer): boolean {
  return (attributes(batch) & (LOG_APPEND_TIME_FLAG | CONTROL_FLAG)) === 0 && isDense(batch);
}

/**
 * Makes a fetched batch producible, in place: the fetch buffer is ours. The payload is not read.
 * baseOffset becomes 0, since a broker refuses any other (INVALID_RECORD, measured on 4.3.0).
 */
export function patchBatch(batch: Buffer, patch: BatchPatch): void {
  const before = headerRegister(batch, ATTRIBUTES_OFFSET, PAYLOAD_OFFSET);
  const kept = attributes(batch) & ~(patch.attributesClearMask ?? MIRROR_CLEAR_MASK);
  batch.writeUInt16BE(kept, ATTRIBUTES_OFFSET);
  batch.writeBigInt64BE(patch.producerId, PRODUCER_ID_OFFSET);
  batch.writeInt16BE(patch.producerEpoch, PRODUCER_EPOCH_OFFSET);
  batch.writeInt32BE(patch.baseSequence, BASE_SEQUENCE_OFFSET);
  const change = before ^ headerRegister(batch, ATTRIBUTES_OFFSET, PAYLOAD_OFFSET);
  const crc = batch.readUInt32BE(CRC_OFFSET) ^ shift(change, batch.length - PAYLOAD_OFFSET);
  batch.writeUInt32BE(crc >>> 0, CRC_OFFSET);
  batch.writeBigInt64BE(0n, BASE_OFFSET_OFFSET);
  batch.writeInt32BE(-1, PARTITION_LEADER_EPOCH_OFFSET);
}
