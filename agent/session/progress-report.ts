import type { Clock } from '../../common/clock.js';
import { PartitionState } from '../../proto/gen/mirror/v1/common.js';
import type { PartitionProgress, StandingPartitions } from '../../proto/gen/mirror/v1/agent.js';
import type { CopierState, PartitionCopier } from '../replication/partition-copier.js';
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
const HELD_PER_MS = 50;
const RUNS_PER_MS = 4;

export function reportIntervalMs(held: number, said: readonly PartitionProgress[]): number {
  const runs = said.reduce((sum, partition) => sum + 1 + partition.runs.length, 0);
  const costMs = held / HELD_PER_MS + runs / RUNS_PER_MS;
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
  state: CopierState;
  targetNext: bigint;
  sourceNext: bigint;
  sourceEnd: bigint;
  trouble: string;
  atMs: number;
  unchangedSinceMs: number;
  standing: boolean;
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
  #takesStanding = false;
  #stoodAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** News since the last call. */
  collect(partitions: Iterable<ReportedPartition>): News {
    const nowMs = this.#clock.nowMs();
    const refreshMs = Math.max(REFRESH_MIN_MS, this.#reported.size * REFRESH_MS_PER_PARTITION);
    const news: PartitionProgress[] = [];
    const ages = new Map<string, number>();
    for (const partition of partitions) {
      const { copier, flow } = partition;
      const last = this.#reported.get(copier);
      const hasNews =
        last === undefined || !isUnchanged(copier, last) || this.#isOld(copier, last, refreshMs);
      if (hasNews) news.push(this.report(partition));
      if (this.#reported.get(copier)?.standing === true)
        ages.set(flow, Math.max(ages.get(flow) ?? 0, sourceEndAgeMs(copier, nowMs)));
    }
    // What is said of all must be true of one that stands from now on.
    const isDue = nowMs - this.#stoodAtMs >= REFRESH_MIN_MS || news.some((each) => each.standing);
    if (!isDue) return { partitions: news, standing: [] };
    this.#stoodAtMs = nowMs;
    const standing = [...ages].map(([flow, ageMs]) => ({ flow, sourceEndAgeMs: BigInt(ageMs) }));
    return { partitions: news, standing };
  }

  report({ flow, leaseEpoch, copier }: ReportedPartition): PartitionProgress {
    const nowMs = this.#clock.nowMs();
    const { assignment, acked, sourceEnd, state, trouble } = copier;
    const last = this.#reported.get(copier);
    const unchangedSinceMs =
      last !== undefined && isUnchanged(copier, last) ? last.unchangedSinceMs : nowMs;
    const runs = copier.tail.unacknowledged();
    const standing =
      this.#takesStanding &&
      state === 'running' &&
      runs.length === 0 &&
      nowMs - unchangedSinceMs >= STANDING_AFTER_MS &&
      isFresh(copier, nowMs);
    const said = { state, ...acked, sourceEnd, trouble, atMs: nowMs };
    this.#reported.set(copier, { ...said, unchangedSinceMs, standing });
    const truncatedTo = copier.truncatedTo;
    const mapped = copier.tail.end?.sourceNext ?? -1n;
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
  }

  /** A new session knows nothing: everything is news. */
  begin(takesStanding: boolean): void {
    this.#reported.clear();
    this.#takesStanding = takesStanding;
    this.#stoodAtMs = -Infinity;
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

function isUnchanged(copier: PartitionCopier, last: Reported): boolean {
  return (
    last.state === copier.state &&
    last.targetNext === copier.acked.targetNext &&
    last.sourceNext === copier.acked.sourceNext &&
    last.sourceEnd === copier.sourceEnd &&
    last.trouble === copier.trouble
  );
}
