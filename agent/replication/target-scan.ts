import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_EARLIEST } from '../../kafka/messages/list-offsets.js';
import { baseOffset, isControl, lastOffset, producerId } from '../../kafka/records/batch-header.js';
import { splitFetched } from '../../kafka/records/fetched-batches.js';
import { HaltError } from './halt.js';
import type { CopierAssignment } from './partition-copier.js';
import { FetchRetryError, logBound, readPartition } from './read-partition.js';

/** A stretch of target offsets that hold mirrored records. */
export interface TargetSegment {
  targetStart: bigint;
  length: bigint;
}

export interface TargetScanOptions {
  cluster: KafkaCluster;
  assignment: CopierAssignment;
  /** Inclusive. */
  from: bigint;
  /** Exclusive. */
  to: bigint;
  /** The source offset after the last record that is certainly copied: where an operator may go on. */
  sourceNext: bigint;
}

/**
 * Which target offsets between two bounds hold records of this flow: all of them but the markers
 * that a fence leaves, since compaction and retention remove records, never offsets. A batch of any
 * other producer means that something else writes to the topic, and nothing can be derived from it.
 */
export async function scanTarget(
  options: TargetScanOptions,
  signal: AbortSignal,
): Promise<TargetSegment[]> {
  const { to } = options;
  const segments: TargetSegment[] = [];
  let start = options.from;
  let next = options.from;
  while (next < to) {
    const batches = await readBatches(options, next, signal);
    if (batches.length === 0) break; // the rest was removed by retention or compaction
    for (const batch of batches) {
      const first = baseOffset(batch);
      if (first >= to) break;
      next = lastOffset(batch) + 1n;
      if (!isControl(batch)) checkProducer(batch, options);
      else {
        if (first > start) segments.push({ targetStart: start, length: first - start });
        start = next;
      }
    }
    if (baseOffset(batches.at(-1)!) >= to) break;
  }
  if (start < to) segments.push({ targetStart: start, length: to - start });
  return segments;
}

async function readBatches(
  options: TargetScanOptions,
  fetchOffset: bigint,
  signal: AbortSignal,
): Promise<Buffer[]> {
  const { targetTopic: topic, targetTopicId: topicId, partition } = options.assignment;
  const answer = await readPartition(
    { cluster: options.cluster, topic, topicId, partition, fetchOffset, readCommitted: false },
    signal,
  );
  if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
    // Retention removed the beginning: what is left of the stretch can still be looked at.
    const at = { cluster: options.cluster, topic, partition };
    const logStart = await logBound(at, TIMESTAMP_EARLIEST, { signal });
    if (logStart > fetchOffset && logStart < options.to) {
      return readBatches(options, logStart, signal);
    }
    return [];
  }
  if (answer.errorCode !== ErrorCode.NONE) throw new FetchRetryError(topic, partition, answer);
  const { records, highWatermark: endOffset } = answer;
  return splitFetched({ records, fetchOffset, endOffset });
}

function checkProducer(batch: Buffer, options: TargetScanOptions): void {
  const { targetTopic, partition, producerId: ours } = options.assignment;
  const theirs = producerId(batch);
  if (theirs === ours) return;
  throw new HaltError(
    'target-diverged',
    `${targetTopic}-${partition}: the batch at offset ${baseOffset(batch)} was written by ` +
      `producer ${theirs}, not by this flow (${ours}); something else writes to this topic`,
    { wayOut: { kind: 'go-on', sourceNext: options.sourceNext } },
  );
}
