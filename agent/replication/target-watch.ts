import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { RECOVERY_BATCH_MAX, TARGET_LOOK_INTERVAL_MS } from './limits.js';
import type { PartitionCopier } from './partition-copier.js';

export interface TargetWatchOptions {
  copiers: ReadonlySet<PartitionCopier>;
  /** The target's end offsets; partitions whose leader does not answer are left out. */
  targetEnds: (
    copiers: readonly PartitionCopier[],
    signal: AbortSignal,
  ) => Promise<ReadonlyMap<PartitionCopier, bigint>>;
  clock: Clock;
  log: Logger;
}

/**
 * Looks whether the target still has what quiet partitions copied. The next append would notice that
 * an unclean election cost it its tail; where the source is quiet there is none, and the records
 * would be missing until there is.
 */
export class TargetWatch {
  readonly #options: TargetWatchOptions;

  constructor(options: TargetWatchOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      try {
        await clock.sleep(TARGET_LOOK_INTERVAL_MS, signal);
        await this.look(signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ error: describeError(error) }, 'cannot ask the target for its ends');
      }
    }
  }

  async look(signal: AbortSignal): Promise<void> {
    const quiet = [...this.#options.copiers].filter((copier) => copier.quiet);
    for (let from = 0; from < quiet.length; from += RECOVERY_BATCH_MAX) {
      const asked = quiet.slice(from, from + RECOVERY_BATCH_MAX);
      const acknowledged = new Map(asked.map((copier) => [copier, copier.acked.targetNext]));
      for (const [copier, end] of await this.#options.targetEnds(asked, signal)) {
        copier.noteTargetEnd(end, acknowledged.get(copier)!);
      }
    }
  }
}
