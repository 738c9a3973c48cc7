import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError } from '../../common/errors.js';
import type { OffsetRun } from '../../mirror/offset-map-run.js';
import { SiteTaskFailedError } from '../service/site-task-errors.js';
import type { ComparedRange, CompareSegment, RangeDifference } from '../service/site-task-kinds.js';
import type { SiteTasks } from '../service/site-tasks.js';
import { compareSegments, type VerifiedPosition } from './compare-segments.js';
import type { UnprovenPartition } from './unproven.js';
import type { PartitionTally, VerificationStore } from './verification-store.js';

/** Segments in one task: keeps its message near a hundred kibibytes. */
export const SEGMENTS_PER_TASK_MAX = 2_000;

/** Bytes read of both clusters together, unless told. */
export const BYTES_PER_SECOND_DEFAULT = 16n * 1024n * 1024n;

/** Failures without any progress between them, after which an operator has to look. */
export const FAILURES_MAX = 5;

/** Partitions given up one after the other, after which it is no matter of a partition. */
export const GIVEN_UP_IN_A_ROW_MAX = 3;

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 5_000;

/** How often the position is made durable, and how often progress is told. */
const SAVE_INTERVAL_MS = 1_000;
const PROGRESS_INTERVAL_MS = 1_000;

/** One partition to verify: what the map knew of it at the beginning. */
export interface VerifiablePartition {
  readonly topic: string;
  readonly targetTopic: string;
  readonly partition: number;
  readonly sourceTopicId: string;
  readonly targetTopicId: string;
  readonly runs: readonly OffsetRun[];
  /** Where the map ends: behind the runs, or where a copy is about to begin. */
  readonly end: VerifiedPosition;
}

export interface VerifiedPartition extends PartitionTally {
  readonly topic: string;
  readonly targetTopic: string;
  readonly partition: number;
  readonly difference: RangeDifference | undefined;
}

export interface VerificationProgress {
  readonly partitionsDone: number;
  readonly partitionsTotal: number;
  readonly offsetsDone: bigint;
  readonly offsetsTotal: bigint;
  readonly bytes: bigint;
  readonly elapsedMs: number;
  readonly topic: string;
  readonly partition: number;
  readonly problem: string;
}

export interface VerificationListener {
  onRange(partition: VerifiablePartition, range: ComparedRange): void;
  onProgress(progress: VerificationProgress): void;
}

export interface VerificationOptions {
  readonly flow: string;
  readonly partitions: readonly VerifiablePartition[];
  readonly store: VerificationStore;
  readonly siteTasks: SiteTasks;
  readonly bytesPerSecond: bigint;
  /** The flow's producer, to look for foreign records behind what was copied. */
  readonly producerId: bigint;
  /** Once a topic is promoted, others write to it as they should. */
  readonly isPromoted: (topic: string) => boolean;
  readonly clock: Clock;
  readonly listener: VerificationListener;
}

/** Compares partition after partition by tasks of agents; keeps where it stands. */
export class Verification {
  readonly #options: VerificationOptions;
  readonly #startedAtMs: number;
  #partitionsDone = 0;
  #offsetsDone = 0n;
  #offsetsTotal = 0n;
  #bytes = 0n;
  #savedAtMs = 0;
  #toldAtMs = 0;
  /** Failures since the last range that was compared. */
  #failures = 0;
  #givenUpInARow = 0;
  /** Partitions that the agent cannot compare, or not to their end, and what it says. */
  readonly givenUp: UnprovenPartition[] = [];

  constructor(options: VerificationOptions) {
    this.#options = options;
    this.#startedAtMs = options.clock.nowMs();
    for (const each of options.partitions) {
      const from = options.store.find(each);
      for (const { sourceFrom, sourceTo } of compareSegments(each.runs, from))
        this.#offsetsTotal += sourceTo - sourceFrom;
    }
  }

  /** Rejects with what stopped it; what was compared by then is kept. */
  async run(signal: AbortSignal): Promise<VerifiedPartition[]> {
    const { partitions, store } = this.#options;
    const verified: VerifiedPartition[] = [];
    try {
      for (const each of partitions) {
        signal.throwIfAborted();
        const difference = await this.#verify(each, signal);
        const isGivenUp =
          this.givenUp.at(-1)?.topic === each.topic &&
          this.givenUp.at(-1)?.partition === each.partition;
        const nothing = isGivenUp ? startOf(each) : { ...NOTHING, ...each.end };
        const tally = store.find(each) ?? nothing;
        const { topic, targetTopic, partition } = each;
        verified.push({ topic, targetTopic, partition, ...tally, difference });
        this.#partitionsDone += 1;
      }
    } finally {
      await store.save();
    }
    return verified;
  }

  async #verify(
    each: VerifiablePartition,
    signal: AbortSignal,
  ): Promise<RangeDifference | undefined> {
    const { store, isPromoted } = this.#options;
    for (;;) {
      const from = store.find(each);
      const left = compareSegments(each.runs, from);
      const segments = left.slice(0, SEGMENTS_PER_TASK_MAX);
      const isLast = segments.length === left.length;
      // Where nothing is left to compare, the target's tail still is.
      if (left.length === 0 && isPromoted(each.topic)) return undefined;
      if (left.length === 0) segments.push(emptySegment(each.end));
      const withTail =
        isLast && !isPromoted(each.topic) && segments.at(-1)?.targetTo === each.end.targetNext;
      const outcome = await this.#attempt(each, { segments, withTail }, signal);
      if (outcome === 'again') continue;
      if (outcome === 'given up') return undefined;
      if (outcome.difference !== undefined || isLast) return outcome.difference;
    }
  }

  async #attempt(
    each: VerifiablePartition,
    part: { segments: readonly CompareSegment[]; withTail: boolean },
    signal: AbortSignal,
  ): Promise<{ difference: RangeDifference | undefined } | 'again' | 'given up'> {
    const { flow, siteTasks, bytesPerSecond, producerId } = this.#options;
    const { topic, targetTopic, partition, sourceTopicId, targetTopicId } = each;
    const value = {
      ...{ topic, targetTopic, partition, sourceTopicId, targetTopicId, bytesPerSecond },
      segments: part.segments,
      tailProducerId: part.withTail ? producerId : undefined,
    };
    const onPiece = (range: ComparedRange): Promise<void> => this.#take(each, range);
    try {
      const task = { $case: 'compareRanges', value } as const;
      const result = await siteTasks.run(flow, task, { onPiece, signal });
      this.#succeeded();
      return result;
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof SiteTaskFailedError && error.agentCode === 'MIRROR_TOPIC_CHANGED')
        return { difference: { what: 'topic-recreated', detail: error.message } };
      return this.#mayTryAgain(each, error, signal);
    }
  }

  async #mayTryAgain(
    each: VerifiablePartition,
    error: unknown,
    signal: AbortSignal,
  ): Promise<'again' | 'given up'> {
    this.#failures += 1;
    const again = error instanceof MirrorError && error.retriable;
    if (!again || this.#failures >= FAILURES_MAX) return this.#giveUp(each, error);
    this.#tell(each, describeError(error));
    const waitMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.#failures);
    await this.#options.clock.sleep(waitMs, signal);
    return 'again';
  }

  /** Throws what is no matter of this partition: then nothing can be compared at present. */
  #giveUp({ topic, targetTopic, partition }: VerifiablePartition, error: unknown): 'given up' {
    this.#givenUpInARow += 1;
    const isItsOwn = error instanceof SiteTaskFailedError;
    if (!isItsOwn || this.#givenUpInARow >= GIVEN_UP_IN_A_ROW_MAX) throw error;
    this.#failures = 0;
    this.givenUp.push({ topic, targetTopic, partition, reason: error.message });
    return 'given up';
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#givenUpInARow = 0;
  }

  async #take(each: VerifiablePartition, range: ComparedRange): Promise<void> {
    const { store, listener, clock } = this.#options;
    const before = store.find(each) ?? NOTHING;
    store.set(each, {
      sourceNext: range.sourceTo,
      targetNext: range.targetTo,
      equalRecords: before.equalRecords + range.equalRecords,
      deletedOnSource: before.deletedOnSource + range.deletedOnSource,
      deletedOnTarget: before.deletedOnTarget + range.deletedOnTarget,
      compacted: before.compacted + range.compacted,
    });
    this.#succeeded();
    this.#offsetsDone += range.sourceTo - range.sourceFrom;
    this.#bytes += range.bytes;
    listener.onRange(each, range);
    const nowMs = clock.nowMs();
    if (nowMs - this.#toldAtMs >= PROGRESS_INTERVAL_MS) this.#tell(each, '');
    if (nowMs - this.#savedAtMs < SAVE_INTERVAL_MS) return;
    this.#savedAtMs = nowMs;
    await store.save();
  }

  #tell({ topic, partition }: VerifiablePartition, problem: string): void {
    const { clock, listener, partitions } = this.#options;
    this.#toldAtMs = clock.nowMs();
    listener.onProgress({
      ...{ topic, partition, problem, bytes: this.#bytes },
      partitionsDone: this.#partitionsDone,
      partitionsTotal: partitions.length,
      offsetsDone: this.#offsetsDone,
      offsetsTotal: this.#offsetsTotal,
      elapsedMs: Math.round(this.#toldAtMs - this.#startedAtMs),
    });
  }
}

const NOTHING: PartitionTally = {
  ...{ sourceNext: 0n, targetNext: 0n, equalRecords: 0n },
  ...{ deletedOnSource: 0n, deletedOnTarget: 0n, compacted: 0n },
};

function startOf({ runs, end }: VerifiablePartition): PartitionTally {
  const [first] = runs;
  if (first === undefined) return { ...NOTHING, ...end };
  return { ...NOTHING, sourceNext: first.sourceStart, targetNext: first.targetStart };
}

function emptySegment({ sourceNext, targetNext }: VerifiedPosition): CompareSegment {
  const source = { sourceFrom: sourceNext, sourceTo: sourceNext };
  return { ...source, targetFrom: targetNext, targetTo: targetNext, exact: true };
}
