import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { HaltError } from './halt.js';
import type { CopierAssignment } from './partition-copier.js';
import { prepareFetched, type Prepared } from './prepared-batch.js';
import { FetchRetryError, readPartition } from './read-partition.js';
import type { Run } from './run-tail.js';
import type { TargetSegment } from './target-scan.js';

export interface SourceScanOptions {
  cluster: KafkaCluster;
  assignment: CopierAssignment;
  /** The source offset that follows the last record before the first segment. */
  from: bigint;
  segments: readonly TargetSegment[];
}

export interface SourceScan {
  /** The source offset that follows the last record of the last segment. */
  sourceNext: bigint;
  /** Which source records fill the segments. */
  runs: Run[];
}

/**
 * Which source records fill a stretch of the target's log: counts the records that would have been
 * copied, by the very code that copies them, from a known position on.
 */
export async function scanSource(
  options: SourceScanOptions,
  signal: AbortSignal,
): Promise<SourceScan> {
  const filling = new Filling(options.segments);
  let sourceNext = options.from;
  while (!filling.full) {
    const prepared = await readPrepared(options, { sourceNext, missing: filling.missing }, signal);
    for (const batch of prepared.batches) {
      for (const run of batch.runs) {
        const taken = filling.take(run.sourceStart, BigInt(run.count));
        if (taken > 0n) sourceNext = run.sourceStart + taken;
      }
    }
    if (!filling.full) sourceNext = prepared.sourceNext;
  }
  return { sourceNext, runs: filling.runs };
}

/** Lays source records into target segments, in order. */
class Filling {
  readonly runs: Run[] = [];
  readonly #segments: TargetSegment[];

  constructor(segments: readonly TargetSegment[]) {
    this.#segments = segments.map((segment) => ({ ...segment }));
  }

  get full(): boolean {
    return this.#segments.length === 0;
  }

  get missing(): bigint {
    return this.#segments.reduce((sum, { length }) => sum + length, 0n);
  }

  /** Returns how many of the records found a place. */
  take(sourceStart: bigint, count: bigint): bigint {
    let taken = 0n;
    for (let segment = this.#segments[0]; segment && taken < count; segment = this.#segments[0]) {
      const length = segment.length < count - taken ? segment.length : count - taken;
      const { targetStart } = segment;
      this.runs.push({ sourceStart: sourceStart + taken, targetStart, length });
      taken += length;
      segment.targetStart += length;
      segment.length -= length;
      if (segment.length === 0n) this.#segments.shift();
    }
    return taken;
  }
}

async function readPrepared(
  options: SourceScanOptions,
  reached: { sourceNext: bigint; missing: bigint },
  signal: AbortSignal,
): Promise<Prepared> {
  const { topic, sourceTopicId: topicId, partition, targetTopic } = options.assignment;
  const { sourceNext, missing } = reached;
  const { cluster } = options;
  const answer = await readPartition(
    { cluster, topic, topicId, partition, fetchOffset: sourceNext, readCommitted: true },
    signal,
  );
  if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
    throw new HaltError(
      'source-data-lost',
      `${topic}-${partition}: the target holds ${missing} records more than the offset map ` +
        `knows, and the source no longer has offset ${sourceNext} to tell which`,
    );
  }
  if (answer.errorCode !== ErrorCode.NONE) throw new FetchRetryError(topic, partition, answer);
  if (answer.records === null || answer.records.length === 0) {
    throw new HaltError(
      'target-diverged',
      `${targetTopic}-${partition} holds ${missing} records more than the source has up to ` +
        `offset ${sourceNext}; something else wrote to the target, or the source lost its tail`,
    );
  }
  return prepareFetched({
    records: answer.records,
    abortedTransactions: answer.abortedTransactions ?? [],
    fetchOffset: sourceNext,
  });
}
