import {
  attributes,
  baseOffset,
  CONTROL_FLAG,
  isTransactional,
  lastOffset,
  lastOffsetDelta,
  maxTimestamp,
  partitionLeaderEpoch,
  producerId,
  recordCount,
} from '../../kafka/records/batch-header.js';
import { splitBatches } from '../../kafka/records/batch-splitter.js';
import { reencodeBatch } from '../../kafka/records/reencode.js';
import { isPatchable } from '../../kafka/records/rewrite-header.js';
import { AbortedTransactions, type AbortedTransaction } from './aborted-transactions.js';
import { HaltError } from './halt.js';
import { PLAIN_BYTES_MAX } from './limits.js';

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
}

export interface Fetched {
  records: Buffer;
  abortedTransactions: readonly AbortedTransaction[];
  /** Records before this offset are left out: a broker answers with whole batches. */
  fetchOffset: bigint;
}

export interface Prepared {
  batches: PreparedBatch[];
  /** Where to fetch next: after the last complete batch, copied or dropped. */
  sourceNext: bigint;
  /** Leader epoch of the last complete batch; -1 if there was none. */
  leaderEpoch: number;
  /** True when the answer held only a part of a batch: the fetch limit is too small for it. */
  tooSmall: boolean;
}

/**
 * Turns the bytes of a read-committed fetch into what may be appended: aborted and control batches
 * are dropped; gapped, broker-stamped and partly wanted ones are re-encoded; all others, and that is
 * nearly all, are passed through as they lie in the fetch buffer.
 */
export function prepareFetched(fetched: Fetched): Prepared {
  const split = splitBatches(fetched.records);
  if (split.legacyCount > 0) {
    throw new HaltError('unsupported-magic', 'the source log holds messages of format 0 or 1');
  }
  const aborted = new AbortedTransactions(fetched.abortedTransactions);
  const batches: PreparedBatch[] = [];
  let sourceNext = fetched.fetchOffset;
  let leaderEpoch = -1;
  for (const batch of split.batches) {
    const last = lastOffset(batch);
    if (last < fetched.fetchOffset) continue;
    sourceNext = last + 1n;
    leaderEpoch = partitionLeaderEpoch(batch);
    if (isDropped(batch, aborted)) {
      const previous = batches.at(-1);
      if (previous !== undefined) previous.sourceNext = sourceNext;
      continue;
    }
    const prepared = prepare(batch, fetched.fetchOffset);
    if (prepared !== undefined) batches.push(prepared);
  }
  const tooSmall = split.batches.length === 0 && split.truncatedBytes > 0;
  return { batches, sourceNext, leaderEpoch, tooSmall };
}

function isDropped(batch: Buffer, aborted: AbortedTransactions): boolean {
  if ((attributes(batch) & CONTROL_FLAG) !== 0) {
    aborted.passMarker(batch);
    return true;
  }
  // Compaction keeps empty batches, to remember their producer's last sequence.
  if (recordCount(batch) === 0) return true;
  return isTransactional(batch) && aborted.covers(producerId(batch), lastOffset(batch));
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
  const rebuilt = reencodeBatch(batch, { fromOffset: fetchOffset, plainBytesMax: PLAIN_BYTES_MAX });
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
