import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { ensureSuccess } from '../../kafka/admin/errors.js';
import { findTopic } from '../../kafka/admin/find-topic.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { listOffsets, TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { FlowBlockedError } from '../target/errors.js';
import { LIFE_SIGN_INTERVAL_MS } from '../target/limits.js';

/** Three times what a running coordinator lets pass between two records, and time for a slow answer. */
export const QUIET_MS = 3 * LIFE_SIGN_INTERVAL_MS + 1_000;

/** How often the end of a map is looked at: a tenth of what it tells apart. */
const LOOK_MS = QUIET_MS / 10;

/** Where a flow's map ends on its target, which whoever runs the flow moves on; undefined without one. */
export async function mapEnd(
  { flow, cluster }: { flow: FlowConfig; cluster: KafkaCluster },
  signal: AbortSignal,
): Promise<bigint | undefined> {
  const topic = flow.policy.offsetMapTopic(flow.source);
  if ((await findTopic(cluster, topic, { signal })) === undefined) return undefined;
  const found = await cluster.listOffsets([{ topic, partition: 0 }], TIMESTAMP_LATEST, { signal });
  const { errorCode, offset } = found.get(`${topic}:0`)!;
  ensureSuccess({ api: listOffsets.name, subject: `${topic}-0`, errorCode });
  return offset;
}

export interface StandByOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Several processes with one file and no common store, such as three `mirror-maker`: the one that
 * began last runs a flow, and those that lost it to another wait until that one is silent. Without
 * this they would take it from one another for ever.
 */
export class StandBy {
  readonly #options: StandByOptions;
  /** Flows that another process took, and whether that was said. */
  readonly #lost = new Map<string, { isSaid: boolean }>();

  constructor(options: StandByOptions) {
    this.#options = options;
  }

  /** The target of a flow was opened by another process. */
  lose(flow: string): void {
    this.#lost.set(flow, { isSaid: false });
  }

  /**
   * Resolves once nobody else runs the flow. Throws FlowBlockedError the first time that somebody is
   * seen to do so, for `status` to show; from then on it waits for as long as that takes.
   */
  async turn(
    { flow, end }: { flow: string; end: () => Promise<bigint | undefined> },
    signal: AbortSignal,
  ): Promise<void> {
    const lost = this.#lost.get(flow);
    if (lost === undefined) return;
    const { clock, log } = this.#options;
    let before = await end();
    let movedAtMs = clock.nowMs();
    while (clock.nowMs() - movedAtMs < QUIET_MS) {
      await clock.sleep(LOOK_MS, signal);
      const now = await end();
      if (now === before) continue;
      if (!lost.isSaid) {
        lost.isSaid = true;
        throw new FlowBlockedError(
          `another process mirrors ${flow}: this one stands by, and takes over when that one is silent`,
        );
      }
      before = now;
      movedAtMs = clock.nowMs();
    }
    this.#lost.delete(flow);
    log.warn({ flow, quietMs: QUIET_MS }, 'the process that mirrored it is silent: taking over');
  }
}
