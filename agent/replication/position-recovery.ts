import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { describeErrorCode, ErrorCode } from '../../kafka/messages/error-codes.js';
import { IsolationLevel } from '../../kafka/messages/isolation-level.js';
import { TIMESTAMP_EARLIEST, TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { alignSource, endsAlike, type AlignmentOptions } from './align-source.js';
import { learnBatchLimit } from './batch-limit.js';
import { goBehind, writtenByOthers } from './behind-others.js';
import type { StartOffset } from '../../mirror/start-offset.js';
import type { Mm2Takeover } from '../takeover/mm2-takeover.js';
import { HaltError } from './halt.js';
import type { PartitionCopier } from './partition-copier.js';
import { logBound } from './read-partition.js';
import type { KnownPosition, Position, Run } from './run-tail.js';
import { explainEpoch } from './source-fault.js';
import { scanSource, type SourceScan } from './source-scan.js';
import { scanTarget } from './target-scan.js';
import { fittingSequenceBase, takeWayOut } from './way-out.js';

export interface PositionRecoveryOptions {
  source: KafkaCluster;
  target: KafkaCluster;
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

  /** Derives the position and gives it to the copier; throws HaltError, or what can be retried. */
  async recover(copier: PartitionCopier, targetEnd: bigint, signal: AbortSignal): Promise<void> {
    await this.#learnLimit(copier, signal);
    const { tail, wayOut } = copier;
    if (wayOut !== undefined && wayOut.kind !== 'behind-others') {
      const firstSourceOffset = (): Promise<bigint> => this.#firstSourceOffset(copier, signal);
      const { target } = this.#options;
      await takeWayOut({ copier, wayOut, target, targetEnd, firstSourceOffset }, signal);
    }
    this.#checkTargetTopic(copier);
    if (tail.end === undefined) {
      if (await this.#isForeign(copier, targetEnd, signal)) return;
      const sourceNext = await this.#firstSourceOffset(copier, signal);
      const position = { sourceNext, targetNext: targetEnd };
      tail.start(position);
      copier.resumeAt(position);
      return;
    }
    if (tail.end.targetNext > targetEnd) {
      await this.#shorten(copier, targetEnd, signal);
    }
    await this.#checkSource(copier, targetEnd, signal);
    const from = tail.floor(targetEnd);
    if (from === undefined) throw this.#unknownTarget(copier, targetEnd);
    try {
      const position = await this.#countFrom(copier, { from, targetEnd }, signal);
      if (position === undefined) return;
      if (copier.landed !== undefined) throw copier.landed;
      copier.wayOut = undefined;
      copier.resumeAt(position);
    } catch (error) {
      const isUnclear = error instanceof HaltError && error.haltCode === 'target-diverged';
      const isLooked = isUnclear && error.wayOut?.kind === 'behind-others';
      if (!isUnclear || isLooked || !(await this.#takeOver(copier, targetEnd, signal))) throw error;
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

  /** From the last exactly known position to the target's end; undefined once it is taken over. */
  async #countFrom(
    copier: PartitionCopier,
    { from, targetEnd }: { from: KnownPosition; targetEnd: bigint },
    signal: AbortSignal,
  ): Promise<Position | undefined> {
    const { source, target } = this.#options;
    const { assignment, sequenceBase, tail } = copier;
    // Inside a run one offset further back: the batch there, too, must be one of this flow.
    const checkFrom = from.inRun ? from.targetNext - 1n : from.targetNext;
    if (checkFrom === targetEnd) return from;
    const stretch = await scanTarget(
      {
        ...{ cluster: target, assignment, sequenceBase },
        ...{ from: checkFrom, known: from.targetNext, to: targetEnd },
      },
      signal,
    );
    const isAccepted = copier.wayOut?.kind === 'behind-others';
    const isForeign = stretch.foreign !== undefined;
    if (isForeign && !isAccepted && (await this.#takeOver(copier, targetEnd, signal))) return;
    let own = await countOwn({ source, target, assignment, from, ...stretch }, signal);
    if (!isForeign) {
      for (const run of own.runs) tail.extend(run);
      return { sourceNext: own.sourceNext, targetNext: targetEnd };
    }
    if (stretch.lost > 0n) {
      const cutAt = from.targetNext - stretch.lost;
      await this.#shorten(copier, cutAt, signal);
      own = { sourceNext: tail.floor(cutAt)!.sourceNext, runs: [] };
    }
    const among = { copier, stretch, own };
    if (!isAccepted) throw writtenByOthers(among);
    return goBehind(among);
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

/** Which source records fill the flow's part of a stretch. */
async function countOwn(place: AlignmentOptions, signal: AbortSignal): Promise<SourceScan> {
  if (place.segments.length === 0) return { sourceNext: place.from.sourceNext, runs: [] };
  return (await count(place, signal)) ?? (await alignSource(place, signal));
}

/** Undefined when it does not come out right. */
async function count(
  place: AlignmentOptions,
  signal: AbortSignal,
): Promise<SourceScan | undefined> {
  const { source: cluster, assignment, segments } = place;
  const from = place.from.sourceNext;
  let counted: SourceScan;
  try {
    counted = await scanSource({ cluster, assignment, from, segments }, signal);
  } catch (error) {
    if (error instanceof HaltError && error.haltCode === 'target-diverged') return undefined;
    throw error;
  }
  const { targetStart, length } = segments.at(-1)!;
  const last = { sourceLast: counted.sourceNext - 1n, targetLast: targetStart + length - 1n };
  return (await endsAlike(place, last, signal)) ? counted : undefined;
}
