import {
  BATCH_LENGTH_OFFSET,
  BATCH_OVERHEAD,
  LAST_OFFSET_DELTA_OFFSET,
  MAGIC_OFFSET,
  PAYLOAD_OFFSET,
  RECORD_COUNT_OFFSET,
} from './batch-header.js';
import { coalesceInPlace, type CoalesceLimits } from './coalesce-in-place.js';
import { CorruptBatchError } from './errors.js';

/** The smallest legacy message after its length field: crc, magic, attributes, two null lengths. */
const LEGACY_LENGTH_MIN = 14;

/** The smallest v2 batch after its length field: the rest of the header, and no record. */
const BATCH_LENGTH_MIN = PAYLOAD_OFFSET - BATCH_OVERHEAD;

export interface SplitRecords {
  /** One view per v2 batch, or per top-level message where the magic is 0 or 1. */
  readonly batches: Buffer[];

  /** How many of `batches` have magic 0 or 1, and so a message's header, not a batch's. */
  readonly legacyCount: number;

  /**
   * Bytes of a last batch that was cut short. Normal: a broker cuts at the byte limit. Only when
   * `batches` is empty does it mean that the fetch limit is smaller than the next batch.
   */
  readonly truncatedBytes: number;
}

/**
 * Splits the `records` of a Fetch response into views; copies nothing. A length that no batch can
 * have is an error, since everything after it would be read out of step.
 *
 * With limits to coalesce by, small neighbours become one batch where they lie, which rewrites `records`.
 */
export function splitBatches(records: Buffer, coalesce?: CoalesceLimits): SplitRecords {
  const batches: Buffer[] = [];
  let coalesceFrom = 0;
  const end = records.length;
  let position = 0;
  let legacyCount = 0;
  while (end - position > MAGIC_OFFSET) {
    const length = records.readInt32BE(position + BATCH_LENGTH_OFFSET);
    const magic = records.readInt8(position + MAGIC_OFFSET);
    if (magic < 0 || magic > 2) throw corrupt(records, position, `unknown magic ${magic}`);
    if (length < (magic === 2 ? BATCH_LENGTH_MIN : LEGACY_LENGTH_MIN)) {
      throw corrupt(records, position, `its length is ${length}`);
    }
    const next = position + BATCH_OVERHEAD + length;
    if (next > end) break;
    if (magic === 2) checkCounts(records, position);
    else legacyCount++;
    if (coalesce !== undefined && position >= coalesceFrom && next < end) {
      const coalesced = coalesceInPlace(records, position, coalesce);
      coalesceFrom = coalesced.lookedTo;
      if (coalesced.batch !== undefined) {
        batches.push(coalesced.batch);
        position = coalesced.next;
        continue;
      }
    }
    batches.push(records.subarray(position, next));
    position = next;
  }
  return { batches, legacyCount, truncatedBytes: end - position };
}

/** All bookkeeping counts by these two fields, so a contradiction must not get past this point. */
function checkCounts(records: Buffer, position: number): void {
  const lastOffsetDelta = records.readInt32BE(position + LAST_OFFSET_DELTA_OFFSET);
  const recordCount = records.readInt32BE(position + RECORD_COUNT_OFFSET);
  if (lastOffsetDelta < 0 || recordCount < 0 || recordCount > lastOffsetDelta + 1) {
    const reason = `it claims ${recordCount} records and a last offset delta of ${lastOffsetDelta}`;
    throw corrupt(records, position, reason);
  }
}

function corrupt(records: Buffer, position: number, reason: string): CorruptBatchError {
  return new CorruptBatchError(records.readBigInt64BE(position), reason);
}
