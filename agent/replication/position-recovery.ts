import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { describeErrorCode, ErrorCode } from '../../kafka/messages/error-codes.js';
import { IsolationLevel } from '../../kafka/messages/isolation-level.js';
import { TIMESTAMP_EARLIEST, TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { alignSource, endsAlike } from './align-source.js';
import { learnBatchLimit } from './batch-limit.js';
import { goBehind, sequenceBaseAt, writtenByOthers } from './behind-others.js';
import type { StartOffset } from '../../mirror/start-offset.js';
import type { Mm2Takeover } from '../takeover/mm2-takeover.js';
import { HaltError } from './halt.js';
import { ALIGNMENT_BYTES, COUNTED_RUNS_MAX } from './limits.js';
import type { MemoryBudget } from './memory-budget.js';
import { segmentsFrom, type TargetSegment } from './own-records.js';
import type { PartitionCopier } from './partition-copier.js';
import { logBound } from './read-partition.js';
import type { KnownPosition, Position, Run } from './run-tail.js';
import { explainEpoch } from './source-fault.js';
import { scanSource, type SourceScan } from './source-scan.js';
import { scanTarget, type TargetStretch } from './target-scan.js';
import { fittingSequenceBase, takeWayOut } from './way-out.js';

export interface PositionRecoveryOptions {
  source: KafkaCluster;
  target: KafkaCluster;
  memory: MemoryBudget;
  clock: Clock;
  log: Logger;
  /** Where the first copy of a topic starts. */
  start: StartOffset;
  /** Goes on where MirrorMaker 2 stopped; without it, what it wrote is foreign. */
  takeover?: Mm2Takeover | undefined;
  /** Asks the coordinator for older runs of the map; empty if it knows none. */
  findMapEntry: (
    copier: PartitionCopier,
    targetOffset: bigint,
    signal: AbortSignal,
  ) => Promise<readonly Run[]>;
}

export interface TargetEnds {
  ends: ReadonlyMap<PartitionCopier, bigint>;
  /** Which the target says it does not have: a new topic, a deleted one, or no right to see it. */
  missing: readonly PartitionCopier[];
  /** Why the others have no end, in Kafka's words. */
  reasons: ReadonlyMap<PartitionCopier, string>;
}

/** What is left to do where counting does not come out right: takes long, and one at a time. */
export type Alignment = (signal: AbortSignal) => Promise<void>;

interface CountPlace {
  copier: PartitionCopier;
  /** The last exactly known position. */
  from: KnownPosition;
  targetEnd: bigint;
  /** What is on the target behind it. */
  stretch: TargetStretch;
  /** False where others wrote and nobody accepted it: what is found is only to be told of. */
  isKept: boolean;
  /** Behind the last record that was found on the source. */
  sourceNext: bigint;
  /** What of the stretch, behind that one, is still to be found. */
  segments: readonly TargetSegment[];
}

/**
 * Where to go on copying, from the one thing that is certain: the target's end offset T. The offset
 * map says which source offset follows T; what it does not know yet is counted on the source.
 */
export class PositionRecovery {
  readonly #options: PositionRecoveryOptions;

  constructor(options: PositionRecoveryOptions) {
    this.#options = options;
  }

  /** The target's end offsets; partitions whose leader does not answer are left out. */
  async targetEnds(copiers: readonly PartitionCopier[], signal: AbortSignal): Promise<TargetEnds> {
    const { target } = this.#options;
    const offsets = await target.listOffsets(
      copiers.map(({ assignment: { targetTopic: topic, partition } }) => ({ topic, partition })),
      TIMESTAMP_LATEST,
      { isolationLevel: 0, signal },
    );
    const ends = new Map<PartitionCopier, bigint>();
    const missing: PartitionCopier[] = [];
    const reasons = new Map<PartitionCopier, string>();
    for (const copier of copiers) {
      const { targetTopic, partition } = copier.assignment;
      const answer = offsets.get(`${targetTopic}:${partition}`);
      if (answer?.errorCode === ErrorCode.NONE) ends.set(copier, answer.offset);
      else if (answer?.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) missing.push(copier);
      if (answer !== undefined && answer.errorCode !== ErrorCode.NONE)
        reasons.set(copier, describeErrorCode(answer.errorCode).name);
    }
    return { ends, missing, reasons };
  }

  /**
   * Derives the position and gives it to the copier, or says what is left to do for it; throws
   * HaltError, or what can be retried.
   */
  async recover(
    copier: PartitionCopier,
    targetEnd: bigint,
    signal: AbortSignal,
  ): Promise<Alignment | undefined> {
    await this.#learnLimit(copier, signal);
    const { tail, wayOut } = copier;
    if (wayOut !== undefined && wayOut.kind !== 'behind-others') {
      const firstSourceOffset = (): Promise<bigint> => this.#firstSourceOffset(copier, signal);
      const { target } = this.#options;
      await takeWayOut({ copier, wayOut, target, targetEnd, firstSourceOffset }, signal);
    }
    this.#checkTargetTopic(copier);
    if (tail.end === undefined) {
      if (await this.#isForeign(copier, targetEnd, signal)) return undefined;
      const sourceNext = await this.#firstSourceOffset(copier, signal);
      const position = { sourceNext, targetNext: targetEnd };
      tail.start(position);
      copier.resumeAt(position);
      return undefined;
    }
    if (tail.end.targetNext > targetEnd) {
      await this.#shorten(copier, targetEnd, signal);
    }
    await this.#checkSource(copier, targetEnd, signal);
    const from = tail.floor(targetEnd);
    if (from === undefined) throw this.#unknownTarget(copier, targetEnd);
    const derive = (): Promise<Alignment | undefined> =>
      this.#countFrom(copier, { from, targetEnd }, signal);
    return this.#orTakeOver({ copier, targetEnd, derive }, signal);
  }

  /** What is on the target, and not this flow's, may be MirrorMaker 2's. */
  async #orTakeOver<T>(
    at: { copier: PartitionCopier; targetEnd: bigint; derive: () => Promise<T> },
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const { copier, targetEnd, derive } = at;
    try {
      return await derive();
    } catch (error) {
      const isUnclear = error instanceof HaltError && error.haltCode === 'target-diverged';
      const isLooked = isUnclear && error.wayOut?.kind === 'behind-others';
      if (!isUnclear || isLooked || !(await this.#takeOver(copier, targetEnd, signal))) throw error;
      return undefined;
    }
  }

  /** Where the next fetch does not compare epochs itself, or where something is to be counted first. */
  async #checkSource(
    copier: PartitionCopier,
    targetEnd: bigint,
    signal: AbortSignal,
  ): Promise<void> {
    const { tail, epochs } = copier;
    const { end } = tail;
    if (end?.targetNext === targetEnd && epochs.before(end.sourceNext) >= 0) return;
    const halt = await explainEpoch(this.#options.source, copier, signal);
    if (halt !== undefined) throw halt;
  }

  /** What to do about a batch that was too large is decided here, where there is time to ask. */
  async #learnLimit(copier: PartitionCopier, signal: AbortSignal): Promise<void> {
    const { refused } = copier;
    if (refused === undefined) return;
    copier.refused = undefined;
    copier.batchBytesMax = await learnBatchLimit(this.#options, { copier, refused }, signal);
  }

  /** From the last exactly known position to the target's end. */
  async #countFrom(
    copier: PartitionCopier,
    { from, targetEnd }: { from: KnownPosition; targetEnd: bigint },
    signal: AbortSignal,
  ): Promise<Alignment | undefined> {
    const { target: cluster } = this.#options;
    const { assignment, sequenceBase } = copier;
    const { sourceNext, targetNext: known } = from;
    // Inside a run one offset further back: the batch there, too, must be one of this flow.
    const checkFrom = from.inRun ? known - 1n : known;
    if (checkFrom === targetEnd) {
      resume(copier, from);
      return undefined;
    }
    const stretch = await scanTarget(
      { cluster, assignment, sequenceBase, from: checkFrom, known, to: targetEnd },
      signal,
    );
    const isAccepted = copier.wayOut?.kind === 'behind-others';
    const isForeign = stretch.foreign !== undefined;
    if (isForeign && !isAccepted && (await this.#takeOver(copier, targetEnd, signal)))
      return undefined;
    const { segments } = stretch;
    const isKept = !isForeign || isAccepted;
    return this.#countOwn(
      { copier, from, targetEnd, stretch, isKept, sourceNext, segments },
      signal,
    );
  }

  /** Which source records fill the flow's part of a stretch. */
  async #countOwn(place: CountPlace, signal: AbortSignal): Promise<Alignment | undefined> {
    let { sourceNext, segments } = place;
    while (segments.length > 0) {
      const rest = { ...place, sourceNext, segments };
      const counted = await this.#count(rest, signal);
      if (counted === undefined) return (until) => this.#align(rest, until);
      await this.#found(place, counted.runs, signal);
      ({ sourceNext } = counted);
      const { targetStart, length } = counted.runs.at(-1)!;
      segments = segmentsFrom(segments, targetStart + length);
    }
    await this.#goOn(place, sourceNext, signal);
    return undefined;
  }

  /** A part, or all of it: as many runs as may be held. Undefined when it does not come out right. */
  async #count(place: CountPlace, signal: AbortSignal): Promise<SourceScan | undefined> {
    const { source, target } = this.#options;
    const { segments, copier, sourceNext: from } = place;
    const { assignment } = copier;
    let counted: SourceScan;
    try {
      const scan = { cluster: source, assignment, from, segments };
      counted = await scanSource({ ...scan, runsMax: COUNTED_RUNS_MAX }, signal);
    } catch (error) {
      if (error instanceof HaltError && error.haltCode === 'target-diverged') return undefined;
      throw error;
    }
    const { sourceStart, targetStart, length } = counted.runs.at(-1)!;
    const last = { sourceLast: sourceStart + length - 1n, targetLast: targetStart + length - 1n };
    return (await endsAlike({ source, target, assignment }, last, signal)) ? counted : undefined;
  }

  /** One partition of the agent at a time: its memory is a part of the budget. */
  #align(place: CountPlace, signal: AbortSignal): Promise<void> {
    const { source, target, memory } = this.#options;
    const { copier, from, targetEnd, isKept, sourceNext, segments } = place;
    copier.trouble = 'waits for its turn to be compared with the source, record by record';
    const derive = async (): Promise<void> => {
      copier.trouble = 'is compared with the source, record by record, to find what was copied';
      const found = (runs: Iterable<Run>): Promise<void> => this.#found(place, runs, signal);
      const { assignment } = copier;
      const goOnFrom = isKept ? undefined : from.sourceNext;
      const logs = { source, target, assignment };
      const aligned = { ...logs, sourceNext, segments, goOnFrom, found };
      await this.#goOn(place, await alignSource(aligned, signal), signal);
    };
    return memory.alone(
      ALIGNMENT_BYTES,
      () => this.#orTakeOver({ copier, targetEnd, derive }, signal),
      signal,
    );
  }

  /** What is known from now on; waits while a coordinator has to take the map before there is room. */
  async #found(place: CountPlace, runs: Iterable<Run>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { copier, stretch, isKept } = place;
    if (!isKept) return;
    const { tail } = copier;
    for (const run of runs) tail.extend(run);
    const end = tail.end!;
    if (stretch.foreign !== undefined)
      copier.sequenceBase = sequenceBaseAt(stretch, end.targetNext);
    // So that what of it becomes durable is heeded, and a later attempt goes on from there.
    copier.acked = end;
    await this.#options.memory.untilFree(signal);
  }

  /** All of the stretch that is this flow's was found. */
  async #goOn(place: CountPlace, found: bigint, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { copier, from, targetEnd, stretch, isKept } = place;
    let sourceNext = found;
    if (stretch.foreign === undefined) {
      // Beyond, if more of this flow's arrived since it was asked for.
      const end = copier.tail.end!.targetNext;
      resume(copier, { sourceNext, targetNext: end > targetEnd ? end : targetEnd });
      return;
    }
    if (stretch.lost > 0n) {
      const cutAt = from.targetNext - stretch.lost;
      await this.#shorten(copier, cutAt, signal);
      sourceNext = copier.tail.floor(cutAt)!.sourceNext;
    }
    const among = { copier, stretch, sourceNext };
    if (!isKept) throw writtenByOthers(among);
    resume(copier, goBehind(among));
  }

  /**
   * A partition that was never copied must be empty on the target, or be MirrorMaker 2's: then true,
   * and the copier has its position.
   */
  async #isForeign(
    copier: PartitionCopier,
    targetEnd: bigint,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (targetEnd === 0n || targetEnd === copier.assignment.sequenceBase) return false;
    if (await this.#takeOver(copier, targetEnd, signal)) return true;
    throw this.#unknownTarget(copier, targetEnd);
  }

  /** Whether MirrorMaker 2 wrote what is on the target; then the copier goes on behind it. */
  async #takeOver(
    copier: PartitionCopier,
    targetEnd: bigint,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { takeover, target } = this.#options;
    const { assignment, tail } = copier;
    const firstSourceOffset = (): Promise<bigint> => this.#firstSourceOffset(copier, signal);
    const request = { assignment, targetEnd, known: tail.end, firstSourceOffset };
    const taken = await takeover?.find(request, signal);
    if (taken === undefined) return false;
    copier.sequenceBase = await fittingSequenceBase({ copier, target, targetEnd }, signal);
    for (const run of taken.runs) tail.extend(run);
    tail.start(taken.position);
    copier.resumeAt(taken.position);
    return true;
  }

  async #firstSourceOffset(copier: PartitionCopier, signal: AbortSignal): Promise<bigint> {
    const timestamp = startTimestamp(this.#options.start, this.#options.clock);
    const found = await this.#sourceOffset(copier, timestamp, signal);
    // No record is that late: the first one to come is.
    return found >= 0n ? found : this.#sourceOffset(copier, TIMESTAMP_LATEST, signal);
  }

  #sourceOffset(copier: PartitionCopier, timestamp: bigint, signal: AbortSignal): Promise<bigint> {
    const { topic, partition } = copier.assignment;
    const at = { cluster: this.#options.source, topic, partition };
    return logBound(at, timestamp, { isolationLevel: IsolationLevel.readCommitted, signal });
  }

  /** The target lost its tail; older runs come from the coordinator if the agent has none. */
  async #shorten(copier: PartitionCopier, targetEnd: bigint, signal: AbortSignal): Promise<void> {
    if (copier.tail.floor(targetEnd) === undefined) {
      const runs = await this.#options.findMapEntry(copier, targetEnd, signal);
      if (runs.length === 0) throw this.#unknownTarget(copier, targetEnd);
      copier.tail.replace(runs);
    }
    copier.cutMap(targetEnd);
  }

  #checkTargetTopic(copier: PartitionCopier): void {
    const { targetTopic, targetTopicId } = copier.assignment;
    const found = this.#options.target.topicIdOf(targetTopic);
    if (found === undefined || found === targetTopicId) return;
    throw new HaltError(
      'target-recreated',
      `${targetTopic} on the target has topic id ${found}; the copy was made to ${targetTopicId}`,
      { wayOut: { kind: 'restart' } },
    );
  }

  #unknownTarget(copier: PartitionCopier, targetEnd: bigint): HaltError {
    const { targetTopic, partition } = copier.assignment;
    return new HaltError(
      'target-not-empty',
      `${targetTopic}-${partition} ends at offset ${targetEnd}, and the offset map does not know ` +
        'its records; nothing is appended to a topic that this flow did not write',
      { wayOut: { kind: 'restart' } },
    );
  }
}

function startTimestamp(start: StartOffset, clock: Clock): bigint {
  if (start === 'earliest') return TIMESTAMP_EARLIEST;
  if (start === 'latest') return TIMESTAMP_LATEST;
  if ('timestampMs' in start) return BigInt(start.timestampMs);
  return BigInt(Math.max(0, Math.floor(clock.wallMs() - start.durationMs)));
}

/** Unless a batch landed elsewhere than meant, though nobody else wrote: that is for an operator. */
function resume(copier: PartitionCopier, position: Position): void {
  if (copier.landed !== undefined) throw copier.landed;
  copier.wayOut = undefined;
  copier.resumeAt(position);
}
