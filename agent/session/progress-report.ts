import type { Clock } from '../../common/clock.js';
import { PartitionState } from '../../proto/gen/mirror/v1/common.js';
import type { PartitionProgress, StandingPartitions } from '../../proto/gen/mirror/v1/agent.js';
import type { CopierState, PartitionCopier } from '../replication/partition-copier.js';
import type { Position, Run } from '../replication/run-tail.js';
import { partitionItem } from './work-key.js';

/** A partition without news is reported this often all the same, so that its age is known. */
const REFRESH_MIN_MS = 1_000;

/** One that stands is spoken of together with the others of its flow, and by itself this often. */
const STANDING_AFTER_MS = 30_000;
const STANDING_REFRESH_MS = 60_000;

/** Whose source says less often that nothing came speaks for itself again. */
const STANDING_AGE_MAX_MS = 5_000;

/** With many partitions less often: one report per partition and second would be most of the load. */
const REFRESH_MS_PER_PARTITION = 1;

/**
 * Between two reports. A few partitions report often: groups that read right behind the copier wait for
 * the map to know what they have read. With much to say or to look through it is seldom.
 */
const REPORT_INTERVAL_MIN_MS = 25;
const REPORT_INTERVAL_MAX_MS = 200;
const AWAKE_PER_MS = 50;
const RUNS_PER_MS = 4;

/** Those that stand are looked at this often, to see that they do, and each not more than 20 times a second. */
const LOOK_INTERVAL_MIN_MS = 250;
const LOOKED_AT_PER_MS = 20;

/**
 * Runs of one partition in one report, and of all in one turn. A source with transactions has a run for
 * each, and a coordinator that was away for hours has as many to hear of: what is left follows once these are
 * acknowledged.
 */
const RUNS_PER_PARTITION_MAX = 5_000;
const RUNS_PER_TURN_MAX = 100_000;

/** A message must stay far below what gRPC takes; runs are some 30 bytes each, halts the most of the rest. */
const PARTITIONS_PER_MESSAGE_MAX = 2_000;
const RUNS_PER_MESSAGE_MAX = 50_000;

/** The same as several messages' worth. */
export function* inMessages(news: News): Generator<News> {
  let partitions: PartitionProgress[] = [];
  let runs = 0;
  for (const each of news.partitions) {
    const isFull =
      partitions.length === PARTITIONS_PER_MESSAGE_MAX ||
      runs + each.runs.length > RUNS_PER_MESSAGE_MAX;
    if (isFull && partitions.length > 0) {
      yield { partitions, standing: [] };
      partitions = [];
      runs = 0;
    }
    partitions.push(each);
    runs += each.runs.length;
  }
  // What is said of all that stand comes behind what says which do.
  if (partitions.length > 0 || news.standing.length > 0) yield { ...news, partitions };
}

/** `awake`: how many were looked at. */
export function reportIntervalMs(awake: number, said: readonly PartitionProgress[]): number {
  const runs = said.reduce((sum, partition) => sum + 1 + partition.runs.length, 0);
  const costMs = awake / AWAKE_PER_MS + runs / RUNS_PER_MS;
  return Math.min(REPORT_INTERVAL_MAX_MS, Math.max(REPORT_INTERVAL_MIN_MS, costMs));
}

const STATES: Readonly<Record<CopierState, PartitionState>> = {
  recovering: PartitionState.RECOVERING,
  starting: PartitionState.RECOVERING,
  running: PartitionState.RUNNING,
  settling: PartitionState.RECOVERING,
  stopping: PartitionState.RUNNING,
  halted: PartitionState.HALTED,
  fenced: PartitionState.PROMOTED,
  stopped: PartitionState.UNHELD,
};

export interface ReportedPartition {
  flow: string;
  leaseEpoch: bigint;
  copier: PartitionCopier;
}

/** What was said last of a partition; compared before anything is built. */
interface Reported {
  readonly partition: ReportedPartition;
  state: CopierState;
  targetNext: bigint;
  sourceNext: bigint;
  sourceEnd: bigint;
  trouble: string;
  atMs: number;
  unchangedSinceMs: number;
  standing: boolean;
  /** Runs were left out: more may be said once the map is durable beyond this target offset. */
  moreBeyond: bigint | undefined;
}

export interface News {
  readonly partitions: PartitionProgress[];
  readonly standing: StandingPartitions[];
}

export const NO_NEWS: News = { partitions: [], standing: [] };

/** Decides which partitions have news, and puts it into words. */
export class ProgressReport {
  readonly #clock: Clock;
  readonly #reported = new Map<PartitionCopier, Reported>();
  /** Those that do not stand, or may do so no more. */
  readonly #awake = new Map<PartitionCopier, ReportedPartition>();
  #takesStanding = false;
  #lookedAtMs = -Infinity;
  #stoodAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many do not stand. */
  get awake(): number {
    return this.#awake.size;
  }

  /** Something may have changed: a partition that stands is looked at with the next call. */
  wake(copier: PartitionCopier): void {
    const last = this.#reported.get(copier);
    if (last?.standing === true) this.#awake.set(copier, last.partition);
  }

  /** News since the last call, of all partitions now and then, else of those that do not stand. */
  collect(all: () => Iterable<ReportedPartition>): News {
    const nowMs = this.#clock.nowMs();
    const lookMs = Math.max(LOOK_INTERVAL_MIN_MS, this.#reported.size / LOOKED_AT_PER_MS);
    if (nowMs - this.#lookedAtMs < lookMs) {
      return { partitions: this.#newsOf([...this.#awake.values()]), standing: [] };
    }
    this.#lookedAtMs = nowMs;
    const partitions = this.#newsOf(all(), this.#takesStanding);
    // What is said of all must be true of one that stands from now on.
    const isDue =
      nowMs - this.#stoodAtMs >= REFRESH_MIN_MS || partitions.some((each) => each.standing);
    return { partitions, standing: isDue ? this.#standing() : [] };
  }

  #newsOf(partitions: Iterable<ReportedPartition>, mayStand = false): PartitionProgress[] {
    const nowMs = this.#clock.nowMs();
    const refreshMs = Math.max(REFRESH_MIN_MS, this.#reported.size * REFRESH_MS_PER_PARTITION);
    const news: PartitionProgress[] = [];
    let runsLeft = RUNS_PER_TURN_MAX;
    for (const partition of partitions) {
      const { copier } = partition;
      const last = this.#reported.get(copier);
      const isNews =
        last === undefined ||
        !isUnchanged(copier, last, nowMs) ||
        this.#isOld(copier, last, refreshMs);
      const stands =
        mayStand && last?.standing === false && this.#canStand(copier, last.unchangedSinceMs);
      if (isNews || stands) {
        const said = this.report(partition, mayStand, runsLeft);
        runsLeft -= said.runs.length;
        news.push(said);
      }
      if (this.#reported.get(copier)?.standing === true) this.#awake.delete(copier);
      else this.#awake.set(copier, partition);
    }
    return news;
  }

  /** Of each flow, when the source was heard of last about all that stand. */
  #standing(): StandingPartitions[] {
    const nowMs = this.#clock.nowMs();
    this.#stoodAtMs = nowMs;
    const ages = new Map<string, number>();
    for (const { partition, standing } of this.#reported.values()) {
      if (!standing) continue;
      const { flow, copier } = partition;
      ages.set(flow, Math.max(ages.get(flow) ?? 0, sourceEndAgeMs(copier, nowMs)));
    }
    return [...ages].map(([flow, ageMs]) => ({ flow, sourceEndAgeMs: BigInt(ageMs) }));
  }

  report(
    partition: ReportedPartition,
    mayStand = false,
    runsMax = RUNS_PER_PARTITION_MAX,
  ): PartitionProgress {
    const { flow, leaseEpoch, copier } = partition;
    const nowMs = this.#clock.nowMs();
    const { assignment, acked, sourceEnd, state } = copier;
    const trouble = troubleOf(copier, nowMs);
    const last = this.#reported.get(copier);
    const unchangedSinceMs =
      last !== undefined && isUnchanged(copier, last, nowMs) ? last.unchangedSinceMs : nowMs;
    const standing = mayStand && this.#canStand(copier, unchangedSinceMs);
    const { tail } = copier;
    const runs = tail.unacknowledged(Math.min(runsMax, RUNS_PER_PARTITION_MAX));
    const toldTo = runs.at(-1);
    const isAll = toldTo === undefined ? tail.isAcknowledged : isEnd(toldTo, tail.end);
    // Nothing of it was said: the next turn may have room.
    const moreBeyond = toldTo === undefined ? -2n : tail.durableTarget;
    const said = { state, ...acked, sourceEnd, trouble, atMs: nowMs };
    this.#reported.set(copier, {
      ...{ partition, ...said, unchangedSinceMs, standing },
      moreBeyond: isAll ? undefined : moreBeyond,
    });
    const truncatedTo = copier.truncatedTo;
    const mapped = tail.end?.sourceNext ?? -1n;
    return {
      item: partitionItem(flow, assignment.topic, assignment.partition),
      leaseEpoch,
      state: STATES[state],
      halt: copier.halt && { code: copier.halt.haltCode, message: copier.halt.message },
      runs,
      ...(truncatedTo === undefined ? {} : { truncatedTo }),
      sourceNext: acked.sourceNext,
      targetNext: acked.targetNext,
      sourceEnd,
      sourceEndAgeMs: BigInt(sourceEndAgeMs(copier, nowMs)),
      records: BigInt(copier.records),
      bytes: BigInt(copier.bytes),
      lastTimestampMs: copier.lastTimestamp,
      mapRestarted: copier.mapRestarted,
      sequenceBase: copier.sequenceBase,
      trouble,
      sourceEpoch: copier.epochs.at(mapped, acked.sourceNext),
      standing,
    };
  }

  forget(copier: PartitionCopier): void {
    this.#reported.delete(copier);
    this.#awake.delete(copier);
  }

  /** A new session knows nothing: everything is news. */
  begin(takesStanding: boolean): void {
    this.#reported.clear();
    this.#awake.clear();
    this.#lookedAtMs = -Infinity;
    this.#takesStanding = takesStanding;
    this.#stoodAtMs = -Infinity;
  }

  #canStand(copier: PartitionCopier, unchangedSinceMs: number): boolean {
    const nowMs = this.#clock.nowMs();
    return (
      copier.state === 'running' &&
      nowMs - unchangedSinceMs >= STANDING_AFTER_MS &&
      isFresh(copier, nowMs) &&
      copier.tail.isAcknowledged
    );
  }

  #isOld(copier: PartitionCopier, last: Reported, refreshMs: number): boolean {
    const nowMs = this.#clock.nowMs();
    if (last.standing) return nowMs - last.atMs >= STANDING_REFRESH_MS || !isFresh(copier, nowMs);
    return nowMs - last.atMs >= refreshMs;
  }
}

/** -1 if the source has not said yet where it ends. */
function sourceEndAgeMs({ sourceEndAtMs }: PartitionCopier, nowMs: number): number {
  return sourceEndAtMs < 0 ? -1 : Math.round(nowMs - sourceEndAtMs);
}

function isFresh(copier: PartitionCopier, nowMs: number): boolean {
  const ageMs = sourceEndAgeMs(copier, nowMs);
  return ageMs >= 0 && ageMs <= STANDING_AGE_MAX_MS;
}

function troubleOf({ trouble, state, acked, openTransaction }: PartitionCopier, nowMs: number) {
  if (state !== 'running') return trouble;
  return openTransaction.trouble(acked.sourceNext, nowMs);
}

function isUnchanged(copier: PartitionCopier, last: Reported, nowMs: number): boolean {
  return (
    last.state === copier.state &&
    last.targetNext === copier.acked.targetNext &&
    last.sourceNext === copier.acked.sourceNext &&
    last.sourceEnd === copier.sourceEnd &&
    last.trouble === troubleOf(copier, nowMs) &&
    (last.moreBeyond === undefined || last.moreBeyond === copier.tail.durableTarget)
  );
}

function isEnd({ sourceStart, targetStart, length }: Run, end: Position | undefined): boolean {
  return sourceStart + length === end?.sourceNext && targetStart + length === end.targetNext;
}
