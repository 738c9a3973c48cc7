import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import type { FetchPartitionResponse } from '../../kafka/messages/fetch.js';
import { IsolationLevel } from '../../kafka/messages/isolation-level.js';
import { TIMESTAMP_EARLIEST, TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { HaltError } from './halt.js';
import { SCAN_EMPTY_READS_MAX } from './limits.js';
import type { TargetSegment } from './own-records.js';
import type { CopierAssignment } from './copier-assignment.js';
import { prepareFetched, type Prepared } from './prepared-batch.js';
import { FetchRetryError, logBound, readPartition } from './read-partition.js';
import type { Run } from './run-tail.js';

export interface SourceScanOptions {
  cluster: KafkaCluster;
  assignment: CopierAssignment;
  /** The source offset that follows the last record before the first segment. */
  from: bigint;
  segments: readonly TargetSegment[];
  /** Ends early once there are so many, which may be in the midst of a segment; or a fetch more. */
  runsMax?: number;
}

/** The two questions that a scan asks of the source's leader. */
export interface SourceReads {
  /** What a consumer of committed records would get from this offset on. */
  fetch: (offset: bigint) => Promise<FetchPartitionResponse>;
  /** The last stable offset; fails while a new leader does not know it yet (KIP-207). */
  stableEnd: () => Promise<bigint>;
  logStart: () => Promise<bigint>;
}

export interface SourceScan {
  /** The source offset that follows the last record of the runs. */
  sourceNext: bigint;
  /** Which source records fill the segments; the last one ends where they do, unless there are too many. */
  runs: Run[];
}

/**
 * Which source records fill a stretch of the target's log: counts the records that would have been
 * copied, by the very code that copies them, from a known position on.
 */
export function scanSource(options: SourceScanOptions, signal: AbortSignal): Promise<SourceScan> {
  const { cluster, assignment } = options;
  const { topic, sourceTopicId: topicId, partition } = assignment;
  return countSource(options, {
    fetch: (fetchOffset) =>
      readPartition(
        { cluster, topic, topicId, partition, fetchOffset, readCommitted: true },
        signal,
      ),
    stableEnd: () => {
      const isolationLevel = IsolationLevel.readCommitted;
      return logBound({ cluster, topic, partition }, TIMESTAMP_LATEST, { isolationLevel, signal });
    },
    logStart: () => logBound({ cluster, topic, partition }, TIMESTAMP_EARLIEST, { signal }),
  });
}

/** `scanSource` without its connections. */
export async function countSource(
  options: Omit<SourceScanOptions, 'cluster'>,
  reads: SourceReads,
): Promise<SourceScan> {
  const filling = new Filling(options.segments);
  let sourceNext = options.from;
  const { runsMax = Infinity } = options;
  while (!filling.full && filling.runs.length < runsMax) {
    const reached = { sourceNext, missing: filling.missing };
    const prepared = await readPrepared(options.assignment, reached, reads);
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
      this.#note({ sourceStart: sourceStart + taken, targetStart, length });
      taken += length;
      segment.targetStart += length;
      segment.length -= length;
      if (segment.length === 0n) this.#segments.shift();
    }
    return taken;
  }

  /** Batches that follow each other are one run: of these there are few, of batches very many. */
  #note(run: Run): void {
    const last = this.runs.at(-1);
    const follows =
      last !== undefined &&
      last.sourceStart + last.length === run.sourceStart &&
      last.targetStart + last.length === run.targetStart;
    if (follows) last.length += run.length;
    else this.runs.push(run);
  }
}

interface Reached {
  sourceNext: bigint;
  /** Records on the target that have no source offset yet. */
  missing: bigint;
}

async function readPrepared(
  assignment: CopierAssignment,
  reached: Reached,
  reads: SourceReads,
): Promise<Prepared> {
  const { topic, partition } = assignment;
  const { sourceNext } = reached;
  // A new leader gives out less than the old one did until it knows what is replicated.
  for (let attempt = 1; attempt <= SCAN_EMPTY_READS_MAX; attempt += 1) {
    const answer = await reads.fetch(sourceNext);
    if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      const end = await reads.stableEnd();
      if (end < sourceNext) throw truncated(assignment, { sourceNext, end });
      throw lostStart(assignment, reached, await reads.logStart());
    }
    if (answer.errorCode !== ErrorCode.NONE) throw new FetchRetryError(topic, partition, answer);
    if (answer.records !== null && answer.records.length > 0) {
      return prepareFetched({
        records: answer.records,
        abortedTransactions: answer.abortedTransactions,
        fetchOffset: sourceNext,
        endOffset: answer.lastStableOffset,
      });
    }
    const end = await reads.stableEnd();
    if (end <= sourceNext) throw lostTail(assignment, reached);
  }
  throw new FetchRetryError(topic, partition);
}

function truncated(
  { topic, partition }: CopierAssignment,
  { sourceNext, end }: { sourceNext: bigint; end: bigint },
): HaltError {
  return new HaltError(
    'source-truncated',
    `${topic}-${partition}: the source ends at offset ${end}, but what was before offset ` +
      `${sourceNext} was copied; the source lost its tail`,
    { wayOut: { kind: 'cut', sourceNext: end } },
  );
}

function lostStart(
  { topic, partition }: CopierAssignment,
  { sourceNext, missing }: Reached,
  logStart: bigint,
): HaltError {
  return new HaltError(
    'source-data-lost',
    `${topic}-${partition}: the target holds ${missing} records more than the offset map ` +
      `knows, and the source, which begins at offset ${logStart}, no longer has offset ` +
      `${sourceNext} to tell which; to go on from its beginning may repeat as many`,
    { wayOut: { kind: 'go-on', sourceNext: logStart } },
  );
}

function lostTail(assignment: CopierAssignment, { sourceNext, missing }: Reached): HaltError {
  const { targetTopic, partition } = assignment;
  return new HaltError(
    'target-diverged',
    `${targetTopic}-${partition} holds ${missing} records more than the source has up to ` +
      `offset ${sourceNext}; something else wrote to the target, or the source lost its tail`,
  );
}
