import { areNeighbours, coalesceBatches, isCoalescible } from '../../kafka/records/coalesce.js';
import { CorruptBatchError, DecompressionLimitError } from '../../kafka/records/errors.js';
import {
  COALESCE_BELOW_BYTES,
  COALESCED_BATCHES_MAX,
  COALESCED_BYTES_MAX,
  PLAIN_BYTES_MAX,
} from './limits.js';
import type { PreparedBatch, SourceRun } from './prepared-batch.js';

export interface CoalescedPrefix {
  prepared: PreparedBatch;
  /** Batches of the queue that went into it. */
  taken: number;
  /** Their bytes in the queue. */
  bytes: number;
}

/**
 * The next batch to send from a queue that is not empty: its head, or, when small neighbours are
 * waiting behind a small head, all of them as one. Nothing waits for company: at a low rate every
 * batch leaves as it came, and only a backlog is coalesced.
 *
 * What cannot be coalesced, because one is corrupt or all would decompress to too much, leaves as it
 * came: the target refuses a wrong CRC. `batchBytesMax` is what the target takes, as far as known.
 */
export function coalescePrefix(
  queue: readonly PreparedBatch[],
  batchBytesMax = Number.POSITIVE_INFINITY,
): CoalescedPrefix {
  // Rewritten varints may be wider, and another compressor may compress less: half leaves room.
  const bytesMax = Math.min(COALESCED_BYTES_MAX, Math.floor(batchBytesMax / 2));
  let taken = prefixLength(queue, bytesMax);
  for (; taken > 1; taken >>>= 1) {
    const prefix = coalesce(queue.slice(0, taken));
    if (prefix !== undefined) return prefix;
  }
  const head = queue[0]!;
  return { prepared: head, taken: 1, bytes: head.batch.length };
}

function coalesce(members: readonly PreparedBatch[]): CoalescedPrefix | undefined {
  let bytes = 0;
  let count = 0;
  let { maxTimestamp } = members[0]!;
  const runs: SourceRun[] = [];
  for (const member of members) {
    bytes += member.batch.length;
    count += member.count;
    if (member.maxTimestamp > maxTimestamp) maxTimestamp = member.maxTimestamp;
    for (const run of member.runs) appendRun(runs, run);
  }
  const batch = tryCoalesce(members.map((member) => member.batch));
  if (batch === undefined) return undefined;
  for (const { frame } of members) frame?.release(); // all of it was copied
  const { sourceNext } = members.at(-1)!;
  return {
    prepared: { batch, count, runs, sourceNext, maxTimestamp },
    taken: members.length,
    bytes,
  };
}

function tryCoalesce(batches: readonly Buffer[]): Buffer | undefined {
  try {
    return coalesceBatches(batches, PLAIN_BYTES_MAX);
  } catch (error) {
    if (error instanceof CorruptBatchError || error instanceof DecompressionLimitError) {
      return undefined;
    }
    throw error;
  }
}

function prefixLength(queue: readonly PreparedBatch[], bytesMax: number): number {
  let previous = queue[0]!.batch;
  let bytes = previous.length;
  if (bytes >= COALESCE_BELOW_BYTES || queue.length === 1 || !isCoalescible(previous)) return 1;
  const lengthMax = Math.min(queue.length, COALESCED_BATCHES_MAX);
  for (let index = 1; index < lengthMax; index += 1) {
    const next = queue[index]!.batch;
    bytes += next.length;
    const joins =
      next.length < COALESCE_BELOW_BYTES &&
      bytes <= bytesMax &&
      isCoalescible(next) &&
      areNeighbours(previous, next);
    if (!joins) return index;
    previous = next;
  }
  return lengthMax;
}

function appendRun(runs: SourceRun[], run: SourceRun): void {
  const last = runs.at(-1);
  if (last && last.sourceStart + BigInt(last.count) === run.sourceStart) last.count += run.count;
  else runs.push({ ...run });
}
