import type { Clock } from '../../common/clock.js';
import { describeError, type MirrorError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { syncAcls } from './acl-sync.js';
import type { Belongings } from './belongings.js';
import { syncConfigs } from './config-sync.js';
import { followDeletions } from './deleted-topics.js';
import { WriterFencedError } from './errors.js';
import { LIFE_SIGN_INTERVAL_MS } from './limits.js';
import type { MappedPosition } from './flow-positions.js';
import type { FlowPromotions } from './flow-promotions.js';
import type { OffsetMapStore } from './offset-map-store.js';
import { runPeriodically } from './run-periodically.js';
import type { SourceFacts } from './source-facts.js';

/** How soon news of the source is acted upon. */
const BEAT_MS = 250;

/** Topics whose configuration is compared at a time. */
const TOPICS_PER_STEP_MAX = 500;

export interface ReconcilerParts {
  readonly flow: FlowConfig;
  readonly facts: SourceFacts;
  readonly admin: AdminClient;
  readonly cluster: KafkaCluster;
  readonly maps: OffsetMapStore;
  readonly belongings: Belongings;
  readonly promotions: FlowPromotions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly mapped: () => MappedPosition[];
  readonly onFenced: (error: WriterFencedError) => void;
  readonly showLife: (signal: AbortSignal) => Promise<void>;
}

/** What the single tasks of a reconciler need. */
export interface ReconcilerOptions extends ReconcilerParts {
  readonly targetTopic: (topic: string) => string;
  /** From a promotion of the topic on, the target is its own master. */
  readonly isPromoted: (topic: string) => boolean;
}

/**
 * Makes configurations, ACLs and deletions on the target follow what the source's agent reports. It
 * acts on reports only, and never on their absence.
 */
export class TargetReconciler {
  readonly #options: ReconcilerOptions;

  constructor(parts: ReconcilerParts) {
    const { flow, promotions } = parts;
    this.#options = {
      ...parts,
      targetTopic: (topic) => flow.policy.formatRemoteTopic(flow.source, topic),
      isPromoted: (topic) => promotions.phaseOf(topic) !== 'running',
    };
  }

  /** Until the signal aborts, or another coordinator has taken over. */
  run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    return runPeriodically({
      tasks: [
        { intervalMs: LIFE_SIGN_INTERVAL_MS, run: (each) => this.#options.showLife(each) },
        { intervalMs: BEAT_MS, run: (each) => this.step(each) },
      ],
      clock,
      signal,
      onSuccess: () => {},
      onFailure: (error) => this.#failed(error),
    });
  }

  /** Everything that is due; what fails is due again. */
  async step(signal: AbortSignal): Promise<void> {
    const { facts, flow, promotions } = this.#options;
    if (promotions.whole !== undefined) return;
    if (facts.takeGoneDue()) await followDeletions(this.#options, signal);
    if (flow.syncTopicConfigsEnabled) await this.#syncConfigs(signal);
    if (!flow.syncTopicAclsEnabled || !facts.takeAclsDue()) return;
    try {
      await syncAcls(this.#options, signal);
    } catch (error) {
      facts.aclsDue();
      throw error;
    }
  }

  async #syncConfigs(signal: AbortSignal): Promise<void> {
    const { facts } = this.#options;
    for (;;) {
      const topics = facts.dueConfigs(TOPICS_PER_STEP_MAX);
      if (topics.length === 0) return;
      try {
        await syncConfigs(this.#options, topics, signal);
      } catch (error) {
        facts.configsAgain(topics);
        throw error;
      }
    }
  }

  #failed(error: MirrorError): 'go on' | 'stop' {
    const { flow, log, onFenced } = this.#options;
    if (error instanceof WriterFencedError) {
      onFenced(error);
      return 'stop';
    }
    log.warn({ flow: flow.id, problem: describeError(error) }, 'the target is not reconciled yet');
    return 'go on';
  }
}
