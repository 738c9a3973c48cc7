import { areNeighbours, coalesceBatches, isCoalescible } from '../../kafka/records/coalesce.js';
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
 */
export function coalescePrefix(queue: readonly PreparedBatch[]): CoalescedPrefix {
  const head = queue[0]!;
  const taken = prefixLength(queue);
  if (taken === 1) return { prepared: head, taken, bytes: head.batch.length };
  const members = queue.slice(0, taken);
  const last = members.at(-1)!;
  let bytes = 0;
  let count = 0;
  let maxTimestamp = head.maxTimestamp;
  const runs: SourceRun[] = [];
  for (const member of members) {
    bytes += member.batch.length;
    count += member.count;
    if (member.maxTimestamp > maxTimestamp) maxTimestamp = member.maxTimestamp;
    for (const run of member.runs) appendRun(runs, run);
  }
  const batch = coalesceBatches(
    members.map((member) => member.batch),
    PLAIN_BYTES_MAX,
  );
  return {
    prepared: { batch, count, runs, sourceNext: last.sourceNext, maxTimestamp },
    taken,
    bytes,
  };
}

function prefixLength(queue: readonly PreparedBatch[]): number {
  let previous = queue[0]!.batch;
  let bytes = previous.length;
  if (bytes >= COALESCE_BELOW_BYTES || queue.length === 1 || !isCoalescible(previous)) return 1;
  const lengthMax = Math.min(queue.length, COALESCED_BATCHES_MAX);
  for (let index = 1; index < lengthMax; index += 1) {
    const next = queue[index]!.batch;
    bytes += next.length;
    const joins =
      next.length < COALESCE_BELOW_BYTES &&
      bytes <= COALESCED_BYTES_MAX &&
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
