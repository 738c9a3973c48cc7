import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { RECOVERY_BATCH_MAX, TARGET_LOOK_INTERVAL_MS } from './limits.js';
import type { PartitionCopier } from './partition-copier.js';
import type { PositionRecovery } from './position-recovery.js';

export interface TargetWatchOptions {
  copiers: ReadonlySet<PartitionCopier>;
  recovery: Pick<PositionRecovery, 'targetEnds'>;
  clock: Clock;
  log: Logger;
}

/**
 * Looks whether the target still has what quiet partitions copied. The next append would notice that
 * an unclean election cost it its tail, or that the topic was deleted; where the source is quiet there
 * is none, and the records would be missing until there is.
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
      const { ends, missing } = await this.#options.recovery.targetEnds(asked, signal);
      for (const [copier, end] of ends) if (end < acknowledged.get(copier)!) copier.restart();
      for (const copier of missing) copier.restart(); // which finds out whether it is there
    }
  }
}
