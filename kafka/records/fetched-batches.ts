import { PAYLOAD_OFFSET, baseOffset, batchBytes, lastOffset, magic } from './batch-header.js';
import { splitBatches } from './batch-splitter.js';
import type { CoalesceLimits } from './coalesce-in-place.js';
import { CorruptBatchError } from './errors.js';

/** One partition's part of a fetch answer. */
export interface FetchedRecords {
  /** Null or empty where there is nothing new. */
  readonly records: Buffer | null;
  readonly fetchOffset: bigint;
  /**
   * Exclusive: where the answer says that its reader's log ends: the last stable offset for committed
   * records, else the high watermark.
   */
  readonly endOffset: bigint;
}

const BASE_OFFSET_BYTES = 8;

/**
 * The batches of a fetch answer, in the order of the log. No CRC covers a batch's offset or length, so
 * what is told of them is held against the rest of the answer, once per batch. A broker answers with
 *
 *   - nothing, or one whole batch at least (KIP-74);
 *   - first the batch that contains the offset asked for, or the next one where compaction took that;
 *   - then those behind it, each of which ends before the next begins; the last may be cut short;
 *   - nothing behind the end that it has for this reader. It notes that end before it reads, so a batch
 *     that came just then may lie behind what the answer says: the next answer tells.
 *
 * Throws CorruptBatchError when the first batch is not so. When a later one is not, or nothing tells whether
 * it is, returns those before it, so that the next fetch begins with it.
 */
export function splitFetched(fetched: FetchedRecords, coalesce?: CoalesceLimits): Buffer[] {
  const { records, fetchOffset } = fetched;
  if (records === null || records.length === 0) return [];
  const { batches, truncatedBytes } = splitBatches(records, coalesce);
  if (batches.length === 0) {
    throw new CorruptBatchError(fetchOffset, `${records.length} bytes are no whole batch`);
  }
  const cutAt = records.length - truncatedBytes;
  const cutOffset = truncatedBytes < BASE_OFFSET_BYTES ? undefined : records.readBigInt64BE(cutAt);
  const fault = firstFault(batches, fetched, cutOffset);
  if (fault === undefined) return batches;
  if (fault.index === 0) throw new CorruptBatchError(baseOffset(batches[0]!), fault.reason);
  return batches.slice(0, fault.index);
}

interface Fault {
  readonly index: number;
  readonly reason: string;
}

/** `cutOffset` is where the batch that was cut short begins. */
function firstFault(
  batches: readonly Buffer[],
  { fetchOffset, endOffset }: FetchedRecords,
  cutOffset: bigint | undefined,
): Fault | undefined {
  let next = fetchOffset;
  for (let index = 0; index < batches.length; index++) {
    const batch = batches[index]!;
    const last = lastOffsetOf(batch);
    const follows = index + 1 < batches.length ? baseOffset(batches[index + 1]!) : cutOffset;
    if (last < next) return { index, reason: `it lies before offset ${next}` };
    if (last >= endOffset) return { index, reason: `it reaches over the log's end, ${endOffset}` };
    if (follows !== undefined && follows <= last) {
      // One of both is wrong. What joins what lies before it is not.
      const joins = baseOffset(batch) <= next;
      if (!joins) return { index, reason: `it reaches over offset ${follows}, which follows` };
      return { index: index + 1, reason: `it lies before offset ${last + 1n}` };
    }
    if (index > 0 && follows === undefined && baseOffset(batch) > next && last + 1n < endOffset) {
      return { index, reason: 'it lies behind a gap, and nothing bears that out' };
    }
    next = last + 1n;
  }
  return undefined;
}

/**
 * The offset of the first batch where it alone says how far the answer goes: the batch begins before the
 * offset asked for, or lies behind a gap with nothing behind it, not even the log's end. A changed bit
 * would show in nothing but a second answer. Messages of format 0 and 1 do not tell where they begin.
 */
export function doubtfulOffset({
  records,
  fetchOffset,
  endOffset,
}: FetchedRecords): bigint | undefined {
  if (records === null || records.length < PAYLOAD_OFFSET || magic(records) < 2) return undefined;
  const first = baseOffset(records);
  if (first === fetchOffset) return undefined;
  const isAlone = batchBytes(records) + BASE_OFFSET_BYTES > records.length;
  const isBorneOut = !isAlone || lastOffset(records) + 1n >= endOffset;
  return first > fetchOffset && isBorneOut ? undefined : first;
}

/** The one offset of a message of format 0 or 1 is that of its last record. */
function lastOffsetOf(batch: Buffer): bigint {
  return magic(batch) < 2 ? baseOffset(batch) : lastOffset(batch);
}
