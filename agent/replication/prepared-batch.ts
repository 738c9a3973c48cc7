import {
  attributes,
  baseOffset,
  CONTROL_FLAG,
  isTransactional,
  lastOffset,
  lastOffsetDelta,
  magic,
  maxTimestamp,
  partitionLeaderEpoch,
  producerId,
  recordCount,
} from '../../kafka/records/batch-header.js';
import { ensureBatchCrc } from '../../kafka/records/crc32c.js';
import { CorruptBatchError, DecompressionLimitError } from '../../kafka/records/errors.js';
import { splitFetched, type FetchedRecords } from '../../kafka/records/fetched-batches.js';
import { convertLegacyMessages } from '../../kafka/records/legacy-messages.js';
import { reencodeBatch, type ReencodedBatch } from '../../kafka/records/reencode.js';
import { isPatchable } from '../../kafka/records/rewrite-header.js';
import {
  AbortedTransactions,
  type AbortedTransaction,
} from '../../kafka/records/aborted-transactions.js';
import type { FrameLease } from './frame-lease.js';
import {
  COALESCE_BELOW_BYTES,
  COALESCED_BATCHES_MAX,
  COALESCED_BYTES_MAX,
  PLAIN_BYTES_MAX,
} from './limits.js';

/** Consecutive records of the source that follow each other without a gap. */
export interface SourceRun {
  sourceStart: bigint;
  count: number;
}

/** A batch that may be appended to the target as soon as its header is patched. */
export interface PreparedBatch {
  batch: Buffer;
  /** Records in the batch; the target's offsets advance by this much. */
  count: number;
  /** Where its records came from: one run unless the source batch had gaps. */
  runs: readonly SourceRun[];
  /** The source offset to go on from once this batch is appended. */
  sourceNext: bigint;
  maxTimestamp: bigint;
  /** The fetch answer that `batch` lies in; undefined when its memory is its own. */
  frame?: FrameLease | undefined;
}

/** Records before the fetch offset are left out: a broker answers with whole batches. */
export interface Fetched extends FetchedRecords {
  /** Null where there are none. */
  abortedTransactions: readonly AbortedTransaction[] | null;
}

export interface Prepared {
  batches: PreparedBatch[];
  /** Where to fetch next: after the last complete batch, copied or dropped. */
  sourceNext: bigint;
  /** Leader epoch of the last complete batch; -1 if there was none. */
  leaderEpoch: number;
}

/**
 * Turns the bytes of a read-committed fetch into what may be appended: aborted and control batches
 * are dropped; gapped, broker-stamped and partly wanted ones are re-encoded; messages of format 0 and
 * 1 are converted; small plain neighbours become one batch where they lie; all others, and that is nearly
 * all, are passed through as they lie in the fetch buffer, which belongs to this function from here on.
 *
 * Throws CorruptBatchError when the first batch is corrupt. When a later one is, returns what lies
 * before it, so that the next fetch begins with it.
 */
export function prepareFetched(fetched: Fetched): Prepared {
  const batches = splitFetched(fetched, {
    belowBytes: COALESCE_BELOW_BYTES,
    bytesMax: COALESCED_BYTES_MAX,
    batchesMax: COALESCED_BATCHES_MAX,
    fromOffset: fetched.fetchOffset,
    toOffset: fetched.endOffset,
  });
  const prepared = { batches: [], sourceNext: fetched.fetchOffset, leaderEpoch: -1 };
  const hasMessages = batches.some((batch) => magic(batch) < 2);
  try {
    prepareAll(hasMessages ? converted(batches) : batches, fetched, prepared);
  } catch (error) {
    const nothing = prepared.sourceNext === fetched.fetchOffset;
    if (nothing || !(error instanceof CorruptBatchError)) throw error;
  }
  return prepared;
}

function prepareAll(source: Iterable<Buffer>, fetched: Fetched, prepared: Prepared): void {
  const { fetchOffset } = fetched;
  const aborted = new AbortedTransactions(fetched.abortedTransactions ?? []);
  for (const batch of source) {
    const last = lastOffset(batch);
    const ready = isDropped(batch, aborted) ? undefined : prepare(batch, fetchOffset);
    prepared.sourceNext = last + 1n;
    prepared.leaderEpoch = partitionLeaderEpoch(batch);
    const previous = prepared.batches.at(-1);
    if (ready !== undefined) prepared.batches.push(ready);
    else if (previous !== undefined) previous.sourceNext = prepared.sourceNext;
  }
}

/** Stretches of format 0 and 1 as v2 batches; where one begins is where it is looked at. */
function* converted(batches: readonly Buffer[]): Generator<Buffer> {
  let next = 0n;
  for (let index = 0; index < batches.length;) {
    const start = index;
    while (index < batches.length && magic(batches[index]!) < 2) index += 1;
    for (const batch of convertLegacyMessages(batches.slice(start, index), PLAIN_BYTES_MAX)) {
      // Where a compressed set begins is known only now.
      const first = baseOffset(batch);
      if (first < next) throw new CorruptBatchError(first, `it lies before offset ${next}`);
      next = lastOffset(batch) + 1n;
      yield batch;
    }
    if (index < batches.length) yield batches[index++]!;
  }
}

function isDropped(batch: Buffer, aborted: AbortedTransactions): boolean {
  const isMarker = (attributes(batch) & CONTROL_FLAG) !== 0;
  const dropped =
    isMarker ||
    recordCount(batch) === 0 || // compaction keeps these, to remember their producer's sequence
    (isTransactional(batch) && aborted.covers(producerId(batch), lastOffset(batch)));
  // A flipped bit in a header must not turn records into something that is left out.
  if (dropped) ensureBatchCrc(batch);
  if (isMarker) aborted.passMarker(batch);
  return dropped;
}

function prepare(batch: Buffer, fetchOffset: bigint): PreparedBatch | undefined {
  const first = baseOffset(batch);
  if (isPatchable(batch) && first >= fetchOffset) {
    const count = lastOffsetDelta(batch) + 1;
    return {
      batch,
      count,
      runs: [{ sourceStart: first, count }],
      sourceNext: first + BigInt(count),
      maxTimestamp: maxTimestamp(batch),
    };
  }
  const sourceNext = lastOffset(batch) + 1n;
  const rebuilt = reencode(batch, fetchOffset);
  if (rebuilt === undefined) return undefined;
  return {
    batch: rebuilt.batch,
    count: recordCount(rebuilt.batch),
    runs: rebuilt.sourceOffsets.map(({ firstOffset, count }) => ({
      sourceStart: firstOffset,
      count,
    })),
    sourceNext,
    maxTimestamp: maxTimestamp(rebuilt.batch),
  };
}

/** A batch that decompresses to too much is no better than a corrupt one: what lies before it goes on. */
function reencode(batch: Buffer, fromOffset: bigint): ReencodedBatch | undefined {
  try {
    return reencodeBatch(batch, { fromOffset, plainBytesMax: PLAIN_BYTES_MAX });
  } catch (cause) {
    if (!(cause instanceof DecompressionLimitError)) throw cause;
    throw new CorruptBatchError(baseOffset(batch), cause.message, { cause });
  }
}

/** Ties the batches that lie in a frame to it. */
export function holdFrame(prepared: Prepared, frame: FrameLease): void {
  for (const ready of prepared.batches) {
    if (ready.batch.buffer !== frame.memory) continue;
    frame.retain();
    ready.frame = frame;
  }
}
