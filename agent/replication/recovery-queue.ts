import type { Clock } from '../../common/clock.js';
import { ClosedError, describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { ClusterMetadata, KafkaCluster } from '../../kafka/client/index.js';
import { HaltError } from './halt.js';
import {
  backoffMs,
  RECOVERY_BATCH_MAX,
  RECOVERY_SCANS_MAX,
  RECOVERY_SCANS_PER_LANE_MAX,
  RETRY_BACKOFF_MAX_MS,
  TROUBLE_LENGTH_MAX,
} from './limits.js';
import type { PartitionCopier } from './partition-copier.js';
import type { PositionRecovery } from './position-recovery.js';
import { sourceTopicHalt, targetTopicHalt } from './topic-check.js';
import { Wakeup } from '../../common/wakeup.js';

const NO_LEADER = -1;

export interface RecoveryQueueOptions {
  source: KafkaCluster;
  target: KafkaCluster;
  recovery: PositionRecovery;
  clock: Clock;
  log: Logger;
}

/**
 * Derives positions, many partitions in one round trip. A partition that fails waits longer each
 * time and holds up no other; nor does a broker that does not answer hold up those of others. So what
 * has the same leaders, on source and target, is a lane: one batch of it is under way at a time. Nor does
 * one whose records must be compared, which takes long: it leaves its lane for that.
 */
export class RecoveryQueue {
  readonly #options: RecoveryQueueOptions;
  /** When each copier may be tried, by the monotonic clock. */
  readonly #dueAtMs = new Map<PartitionCopier, number>();
  /** Lanes with a batch under way, and who is due meanwhile: behind it, whatever comes of it. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #behind = new Map<string, Set<PartitionCopier>>();
  /** For each copier whose position is being derived: ends that. */
  readonly #stops = new Map<PartitionCopier, AbortController>();
  /** Outside of the lanes, since they take long. */
  readonly #alignments = new Set<Promise<void>>();
  readonly #wakeup = new Wakeup();

  constructor(options: RecoveryQueueOptions) {
    this.#options = options;
  }

  add(copier: PartitionCopier): void {
    const wait = copier.failures === 0 ? 0 : backoffMs(copier.failures);
    this.#dueAtMs.set(copier, this.#options.clock.nowMs() + wait);
    this.#wakeup.wake();
  }

  remove(copier: PartitionCopier): void {
    this.#dueAtMs.delete(copier);
    for (const waiting of this.#behind.values()) waiting.delete(copier);
    this.#stops.get(copier)?.abort(new ClosedError('recovery'));
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const due = this.#takeDue();
      if (due.length > 0) await this.#dispatch(due, signal);
      else await this.#waitForDue(signal);
    }
    await Promise.all(this.#busy.values());
    await Promise.all(this.#alignments);
  }

  /** Those whose lane is free, as far as is known without asking anybody. */
  #takeDue(): PartitionCopier[] {
    const due = this.#takeBehind();
    const now = this.#options.clock.nowMs();
    for (const [copier, dueAtMs] of this.#dueAtMs) {
      if (due.length >= RECOVERY_BATCH_MAX) break;
      if (dueAtMs > now) continue;
      this.#dueAtMs.delete(copier);
      const lane = this.#laneOf(copier);
      if (this.#busy.has(lane)) this.#putBehind(lane, copier);
      else due.push(copier);
    }
    return due;
  }

  #takeBehind(): PartitionCopier[] {
    const due: PartitionCopier[] = [];
    for (const [lane, waiting] of this.#behind) {
      if (this.#busy.has(lane)) continue;
      for (const copier of waiting) {
        if (due.length >= RECOVERY_BATCH_MAX) return due;
        waiting.delete(copier);
        due.push(copier);
      }
      this.#behind.delete(lane);
    }
    return due;
  }

  #putBehind(lane: string, copier: PartitionCopier): void {
    const waiting = this.#behind.get(lane);
    if (waiting === undefined) this.#behind.set(lane, new Set([copier]));
    else waiting.add(copier);
  }

  #laneOf({ assignment: { topic, targetTopic, partition } }: PartitionCopier): string {
    const { source, target } = this.#options;
    const from = source.leaderOf(topic, partition)?.nodeId ?? NO_LEADER;
    const to = target.leaderOf(targetTopic, partition)?.nodeId ?? NO_LEADER;
    return `${from}>${to}`;
  }

  async #waitForDue(signal: AbortSignal): Promise<void> {
    if (this.#dueAtMs.size === 0) {
      await this.#wakeup.wait(signal);
      return;
    }
    let earliest = Infinity;
    for (const dueAtMs of this.#dueAtMs.values()) earliest = Math.min(earliest, dueAtMs);
    const wait = Math.min(RETRY_BACKOFF_MAX_MS, earliest - this.#options.clock.nowMs());
    const cut = new AbortController();
    const stop = AbortSignal.any([signal, cut.signal]);
    await Promise.race([
      this.#options.clock.sleep(Math.max(1, wait), stop).catch(() => undefined),
      this.#wakeup.wait(stop),
    ]);
    cut.abort();
  }

  /** Looks at where their leaders are now, and starts a batch of each lane that is free. */
  async #dispatch(copiers: readonly PartitionCopier[], signal: AbortSignal): Promise<void> {
    const { source, target } = this.#options;
    try {
      const [sourceTopics, targetTopics] = await Promise.all([
        source.metadata(unique(copiers.map(({ assignment }) => assignment.topic)), { signal }),
        target.metadata(unique(copiers.map(({ assignment }) => assignment.targetTopic)), {
          signal,
        }),
      ]);
      for (const copier of copiers) haltIfTopicIsUnusable(copier, sourceTopics, targetTopics);
    } catch (error) {
      if (signal.aborted) return;
      for (const copier of copiers) this.#again(copier, error);
      return;
    }
    const batches = new Map<string, PartitionCopier[]>();
    for (const copier of copiers) {
      if (copier.state !== 'recovering') continue;
      const lane = this.#laneOf(copier);
      const batch = batches.get(lane);
      if (this.#busy.has(lane)) this.#putBehind(lane, copier);
      else if (batch === undefined) batches.set(lane, [copier]);
      else batch.push(copier);
    }
    for (const [lane, batch] of batches) {
      const done = this.#recoverAll(batch, signal).finally(() => {
        this.#busy.delete(lane);
        this.#wakeup.wake();
      });
      this.#busy.set(lane, done);
    }
  }

  async #recoverAll(copiers: readonly PartitionCopier[], signal: AbortSignal): Promise<void> {
    const waiting = [...copiers];
    try {
      const { ends, reasons } = await this.#options.recovery.targetEnds(waiting, signal);
      const workers = Array.from({ length: this.#scansMax }, async () => {
        for (let copier = waiting.pop(); copier !== undefined; copier = waiting.pop()) {
          const end = ends.get(copier);
          if (end !== undefined) await this.#recoverOne(copier, end, signal);
          else this.#again(copier, new Error(noEnd(copier, reasons.get(copier))));
        }
      });
      await Promise.all(workers);
    } catch (error) {
      if (signal.aborted) return;
      for (const copier of copiers) this.#again(copier, error);
    }
  }

  /** Of one lane, so that all together are few, and none has to wait for another. */
  get #scansMax(): number {
    const share = Math.floor(RECOVERY_SCANS_MAX / this.#busy.size);
    return Math.max(1, Math.min(RECOVERY_SCANS_PER_LANE_MAX, share));
  }

  async #recoverOne(
    copier: PartitionCopier,
    targetEnd: bigint,
    signal: AbortSignal,
  ): Promise<void> {
    if (copier.state !== 'recovering') return;
    const { recovery } = this.#options;
    // An accepted halt may have begun anew what is still under way.
    this.#stops.get(copier)?.abort(new ClosedError('recovery'));
    const stop = new AbortController();
    this.#stops.set(copier, stop);
    const ended = (): void => {
      if (this.#stops.get(copier) === stop) this.#stops.delete(copier);
    };
    const until = AbortSignal.any([signal, stop.signal]);
    const align = await this.#attempt(copier, until, () =>
      recovery.recover(copier, targetEnd, until),
    );
    if (align === undefined) return ended();
    const done = this.#attempt(copier, until, () => align(until)).finally(() => {
      ended();
      this.#alignments.delete(done);
    });
    this.#alignments.add(done);
  }

  async #attempt<T>(
    copier: PartitionCopier,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) return undefined;
      if (error instanceof HaltError) copier.haltWith(error);
      else this.#again(copier, error);
      return undefined;
    }
  }

  #again(copier: PartitionCopier, error: unknown): void {
    if (copier.state !== 'recovering') return;
    copier.failures += 1;
    copier.trouble = describeError(error).slice(0, TROUBLE_LENGTH_MAX);
    const { topic, partition } = copier.assignment;
    this.#options.log.warn(
      { topic, partition, failures: copier.failures, error: copier.trouble },
      'position not found yet',
    );
    this.add(copier);
  }
}

/** Without this a position that cannot be asked for would be asked for again for ever. */
function haltIfTopicIsUnusable(
  copier: PartitionCopier,
  source: ClusterMetadata,
  target: ClusterMetadata,
): void {
  const { topic, targetTopic } = copier.assignment;
  if (copier.state !== 'recovering' || copier.wayOut !== undefined) return;
  const halt =
    sourceTopicHalt(copier, source.topics.get(topic)) ??
    targetTopicHalt(copier, target.topics.get(targetTopic));
  if (halt !== undefined) copier.haltWith(halt);
}

/** One text for all partitions with the same trouble, which `status` then tells together. */
function noEnd({ assignment: { targetTopic } }: PartitionCopier, reason = 'no answer'): string {
  return `the target does not tell where ${targetTopic} ends: ${reason}`;
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
