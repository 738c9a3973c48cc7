import type { Clock } from '../../common/clock.js';
import { PartitionState } from '../../proto/gen/mirror/v1/common.js';
import type { PartitionProgress } from '../../proto/gen/mirror/v1/agent.js';
import type { CopierState, PartitionCopier } from '../replication/partition-copier.js';
import { partitionItem } from './work-key.js';

/** A partition without news is reported this often all the same, so that its age is known. */
const REFRESH_MIN_MS = 1_000;

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
}

/** Decides which partitions have news, and puts it into words. */
export class ProgressReport {
  readonly #clock: Clock;
  readonly #reported = new Map<PartitionCopier, Reported>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** News since the last call. */
  collect(partitions: Iterable<ReportedPartition>): PartitionProgress[] {
    const nowMs = this.#clock.nowMs();
    const refreshMs = Math.max(REFRESH_MIN_MS, this.#reported.size * REFRESH_MS_PER_PARTITION);
    const news: PartitionProgress[] = [];
    for (const partition of partitions) {
      const { copier } = partition;
      const last = this.#reported.get(copier);
      const silent =
        last !== undefined &&
        last.state === copier.state &&
        last.targetNext === copier.acked.targetNext &&
        last.sourceNext === copier.acked.sourceNext &&
        last.sourceEnd === copier.sourceEnd &&
        last.trouble === copier.trouble &&
        nowMs - last.atMs < refreshMs;
      if (!silent) news.push(this.report(partition));
    }
    return news;
  }

  report({ flow, leaseEpoch, copier }: ReportedPartition): PartitionProgress {
    const nowMs = this.#clock.nowMs();
    const { assignment, acked, sourceEnd, state, trouble } = copier;
    this.#reported.set(copier, { state, ...acked, sourceEnd, trouble, atMs: nowMs });
    const truncatedTo = copier.truncatedTo;
    const mapped = copier.tail.end?.sourceNext ?? -1n;
    return {
      item: partitionItem(flow, assignment.topic, assignment.partition),
      leaseEpoch,
      state: STATES[state],
      halt: copier.halt && { code: copier.halt.haltCode, message: copier.halt.message },
      runs: copier.tail.unacknowledged(),
      ...(truncatedTo === undefined ? {} : { truncatedTo }),
      sourceNext: acked.sourceNext,
      targetNext: acked.targetNext,
      sourceEnd,
      sourceEndAgeMs: BigInt(
        Math.round(copier.sourceEndAtMs < 0 ? -1 : nowMs - copier.sourceEndAtMs),
      ),
      records: BigInt(copier.records),
      bytes: BigInt(copier.bytes),
      lastTimestampMs: copier.lastTimestamp,
      mapRestarted: copier.mapRestarted,
      sequenceBase: copier.sequenceBase,
      trouble,
      sourceEpoch: copier.epochs.at(mapped, acked.sourceNext),
    };
  }

  forget(copier: PartitionCopier): void {
    this.#reported.delete(copier);
  }

  /** A new session knows nothing: everything is news. */
  forgetAll(): void {
    this.#reported.clear();
  }
}
