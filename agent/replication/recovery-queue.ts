import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { ClusterMetadata, KafkaCluster } from '../../kafka/client/index.js';
import { HaltError } from './halt.js';
import {
  backoffMs,
  RECOVERY_BATCH_MAX,
  RECOVERY_SCANS_MAX,
  RETRY_BACKOFF_MAX_MS,
} from './limits.js';
import type { PartitionCopier } from './partition-copier.js';
import type { PositionRecovery } from './position-recovery.js';
import { sourceTopicHalt, targetTopicHalt } from './topic-check.js';
import { Wakeup } from '../../common/wakeup.js';

export interface RecoveryQueueOptions {
  source: KafkaCluster;
  target: KafkaCluster;
  recovery: PositionRecovery;
  clock: Clock;
  log: Logger;
}

/**
 * Derives positions, many partitions in one round trip. A partition that fails waits longer each
 * time and holds up no other.
 */
export class RecoveryQueue {
  readonly #options: RecoveryQueueOptions;
  /** When each copier may be tried, by the monotonic clock. */
  readonly #dueAtMs = new Map<PartitionCopier, number>();
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
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const due = this.#takeDue();
      if (due.length > 0) await this.#recoverAll(due, signal);
      else await this.#waitForDue(signal);
    }
  }

  #takeDue(): PartitionCopier[] {
    const now = this.#options.clock.nowMs();
    const due: PartitionCopier[] = [];
    for (const [copier, dueAtMs] of this.#dueAtMs) {
      if (dueAtMs > now) continue;
      due.push(copier);
      if (due.length === RECOVERY_BATCH_MAX) break;
    }
    for (const copier of due) this.#dueAtMs.delete(copier);
    return due;
  }

  async #waitForDue(signal: AbortSignal): Promise<void> {
    if (this.#dueAtMs.size === 0) {
      await this.#wakeup.wait(signal);
      return;
    }
    const earliest = Math.min(...this.#dueAtMs.values());
    const wait = Math.min(RETRY_BACKOFF_MAX_MS, earliest - this.#options.clock.nowMs());
    const cut = new AbortController();
    const stop = AbortSignal.any([signal, cut.signal]);
    await Promise.race([
      this.#options.clock.sleep(Math.max(1, wait), stop).catch(() => undefined),
      this.#wakeup.wait(stop),
    ]);
    cut.abort();
  }

  async #recoverAll(copiers: readonly PartitionCopier[], signal: AbortSignal): Promise<void> {
    const { source, target, recovery } = this.#options;
    try {
      const [sourceTopics, targetTopics] = await Promise.all([
        source.metadata(unique(copiers.map(({ assignment }) => assignment.topic)), { signal }),
        target.metadata(unique(copiers.map(({ assignment }) => assignment.targetTopic)), {
          signal,
        }),
      ]);
      for (const copier of copiers) haltIfTopicIsUnusable(copier, sourceTopics, targetTopics);
      const waiting = copiers.filter(({ state }) => state === 'recovering');
      const ends = await recovery.targetEnds(waiting, signal);
      const workers = Array.from({ length: RECOVERY_SCANS_MAX }, async () => {
        for (let copier = waiting.pop(); copier !== undefined; copier = waiting.pop()) {
          await this.#recoverOne(copier, ends.get(copier), signal);
        }
      });
      await Promise.all(workers);
    } catch (error) {
      if (signal.aborted) return;
      for (const copier of copiers) this.#again(copier, error);
    }
  }

  async #recoverOne(
    copier: PartitionCopier,
    targetEnd: bigint | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (copier.state !== 'recovering') return;
    if (targetEnd === undefined) {
      this.#again(copier, new Error('the target does not tell its end offset'));
      return;
    }
    try {
      await this.#options.recovery.recover(copier, targetEnd, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof HaltError) copier.haltWith(error);
      else this.#again(copier, error);
    }
  }

  #again(copier: PartitionCopier, error: unknown): void {
    if (copier.state !== 'recovering') return;
    copier.failures += 1;
    const { topic, partition } = copier.assignment;
    this.#options.log.warn(
      { topic, partition, failures: copier.failures, error: describeError(error) },
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

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
