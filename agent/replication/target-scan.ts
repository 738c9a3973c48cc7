import { MirrorError } from '../../common/errors.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_EARLIEST, TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { baseOffset } from '../../kafka/records/batch-header.js';
import { splitFetched } from '../../kafka/records/fetched-batches.js';
import { lastSequenceOf } from './last-sequence.js';
import { OwnRecords, type ForeignBatch, type TargetSegment } from './own-records.js';
import type { CopierAssignment } from './copier-assignment.js';
import { FetchRetryError, logBound, readPartition } from './read-partition.js';

export interface TargetScanOptions {
  cluster: KafkaCluster;
  assignment: CopierAssignment;
  /** Sequence = (target offset - base) mod 2^31, where the map ends. */
  sequenceBase: bigint;
  /** Inclusive; `known` or one offset before, which must be this flow's, too. */
  from: bigint;
  /** What is before this is in the map. */
  known: bigint;
  /** Exclusive. */
  to: bigint;
}

/** What a stretch of the target's log holds of this flow. */
export interface TargetStretch {
  segments: readonly TargetSegment[];
  /** The first that something else wrote; undefined if nothing did. */
  foreign: ForeignBatch | undefined;
  /** Where the stretch ends: where others write, later than was asked. */
  to: bigint;
  /** What the next batch must carry for the broker to take it, wherever the log then ends. */
  nextSequence: number;
  /** Removed offsets of which nobody knows whose they were: taken for others'. */
  unknown: bigint;
  /** Records before the stretch that the target lost before others wrote to it. */
  lost: bigint;
}

/** Batches of this flow still arrive: what is counted now would not be all. */
export class UnsettledTargetError extends MirrorError {
  readonly code = 'MIRROR_UNSETTLED_TARGET';
  readonly retriable = true;
}

/**
 * Which target offsets between two bounds hold records of this flow: all of them but the markers
 * that a fence leaves, since compaction and retention remove records, never offsets. Where something
 * else wrote as well, or nothing is left that shows who wrote, the broker is asked for this flow's
 * last sequence number: then it is certain that all of its records were met.
 */
export async function scanTarget(
  options: TargetScanOptions,
  signal: AbortSignal,
): Promise<TargetStretch> {
  const { assignment, known, sequenceBase, from } = options;
  const sequence = Number(BigInt.asUintN(31, known - sequenceBase));
  const own = new OwnRecords({ assignment, known, sequence });
  const isForeign = (): boolean => own.foreign !== undefined;
  await readOwn(options, { own, from, to: options.to, isEnough: isForeign }, signal);
  const { segments } = own;
  if (!own.isOpen(options.to)) {
    const { nextSequence } = own;
    return { segments, foreign: undefined, to: options.to, nextSequence, unknown: 0n, lost: 0n };
  }
  const { to, lastSequence } = await endOf(options, signal);
  const isAll = (): boolean => own.endsWith(lastSequence);
  if (!isAll()) await readOwn(options, { own, from: own.next, to, isEnough: isAll }, signal);
  const end = own.end(to, lastSequence);
  if (end.kind === 'unsettled' || to < own.next) throw unsettled(assignment);
  const unknown = end.kind === 'unknown' ? end.offsets : 0n;
  const lost = end.kind === 'lost' ? end.records : 0n;
  return { segments, foreign: own.foreign, to, nextSequence: own.nextSequence, unknown, lost };
}

interface Reading {
  own: OwnRecords;
  from: bigint;
  to: bigint;
  isEnough: () => boolean;
}

async function readOwn(
  options: TargetScanOptions,
  { own, from, to, isEnough }: Reading,
  signal: AbortSignal,
): Promise<void> {
  for (let next = from; next < to && !isEnough(); next = own.next) {
    const batches = await readBatches({ ...options, to }, next, signal);
    if (batches.length === 0) return; // the rest was removed by retention or compaction
    for (const batch of batches) {
      if (baseOffset(batch) >= to) return;
      own.add(batch);
    }
  }
}

/** The number is asked for last: what it tells of is either before the end or still arriving. */
async function endOf(
  { cluster, assignment }: TargetScanOptions,
  signal: AbortSignal,
): Promise<{ to: bigint; lastSequence: number | undefined }> {
  const { targetTopic: topic, partition } = assignment;
  const to = await logBound({ cluster, topic, partition }, TIMESTAMP_LATEST, { signal });
  return { to, lastSequence: await lastSequenceOf(assignment, cluster, signal) };
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

function unsettled({ targetTopic, partition }: CopierAssignment): UnsettledTargetError {
  return new UnsettledTargetError(
    `${targetTopic}-${partition}: others write to it, and what this flow appended last is not readable yet`,
  );
}
