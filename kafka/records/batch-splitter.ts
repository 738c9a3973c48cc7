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

  /** Bytes behind them: of a last batch that was cut short, or from a corrupt one on. */
  readonly truncatedBytes: number;
}

/**
 * Splits a row of batches into views; copies nothing. Throws CorruptBatchError for a first batch with a
 * length that no batch can have, or the like. A later one of that kind ends the row, since everything
 * after it would be read out of step. `splitFetched` is for what a fetch brings.
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
    const next = position + BATCH_OVERHEAD + length;
    const fault = faultAt(records, { position, next });
    if (fault !== undefined) {
      if (position === 0) throw new CorruptBatchError(records.readBigInt64BE(0), fault);
      break;
    }
    if (next > end) break;
    if (magic < 2) legacyCount++;
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

/** Why what begins here cannot be a batch; undefined if it can. */
function faultAt(
  records: Buffer,
  { position, next }: { position: number; next: number },
): string | undefined {
  const length = next - position - BATCH_OVERHEAD;
  const magic = records.readInt8(position + MAGIC_OFFSET);
  if (magic < 0 || magic > 2) return `unknown magic ${magic}`;
  if (length < (magic === 2 ? BATCH_LENGTH_MIN : LEGACY_LENGTH_MIN))
    return `its length is ${length}`;
  if (magic < 2 || next > records.length) return undefined;
  // All bookkeeping counts by these two fields, so a contradiction must not get past this point.
  const lastOffsetDelta = records.readInt32BE(position + LAST_OFFSET_DELTA_OFFSET);
  const recordCount = records.readInt32BE(position + RECORD_COUNT_OFFSET);
  if (lastOffsetDelta >= 0 && recordCount >= 0 && recordCount <= lastOffsetDelta + 1) {
    return undefined;
  }
  return `it claims ${recordCount} records and a last offset delta of ${lastOffsetDelta}`;
}
