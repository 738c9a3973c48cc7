import type { Clock } from '../../common/clock.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { topicExclusion } from '../../mirror/policy/topic-selection.js';
import type { MissingTopics } from '../../proto/gen/mirror/v1/agent.js';

/** How often topics that are missing are asked for by name, and reported. */
const LOOK_INTERVAL_MS = 5_000;

/** Names of one Metadata request. */
const NAMES_PER_REQUEST_MAX = 500;

/** The topic that a pattern names: `orders`, `my.orders` (a dot matches itself) or `my\\.orders`. */
function topicNamedBy(pattern: string): string | undefined {
  const name = pattern.replaceAll(/\\([.-])/g, '$1');
  return /^[a-zA-Z0-9._-]+$/.test(name) ? name : undefined;
}

export interface MissingTopicsLookOptions {
  flow: FlowConfig;
  source: KafkaCluster;
  clock: Clock;
  /** Source topics that the flow has a copy of. */
  mirrored: readonly string[];
  send: (missing: MissingTopics) => boolean;
}

/**
 * Finds out what became of topics that are no longer listed. A listing leaves out what its reader
 * may not see, so a topic is only gone when the source says so to its very name.
 */
export class MissingTopicsLook {
  readonly #options: MissingTopicsLookOptions;
  readonly #expected = new Set<string>();
  #reportedAny = false;
  #dueMs = 0;

  constructor(options: MissingTopicsLookOptions) {
    this.#options = options;
    const { flow, mirrored } = options;
    const named = flow.topicFilter.include.patterns.map(topicNamedBy);
    for (const topic of [...mirrored, ...named]) if (topic !== undefined) this.#expected.add(topic);
  }

  repeatAll(): void {
    this.#dueMs = 0;
    this.#reportedAny = true;
  }

  async look(listed: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { flow, clock, send } = this.#options;
    for (const topic of listed) this.#expected.add(topic);
    const nowMs = clock.nowMs();
    if (nowMs < this.#dueMs) return;
    this.#dueMs = nowMs + LOOK_INTERVAL_MS;
    const missing = [...this.#expected].filter(
      (topic) => !listed.has(topic) && topicExclusion(flow, topic) === null,
    );
    if (missing.length === 0 && !this.#reportedAny) return;
    const { gone, hidden } = await this.#ask(missing, signal);
    if (send({ flow: flow.id, gone, hidden })) this.#reportedAny = missing.length > 0;
  }

  async #ask(
    topics: readonly string[],
    signal: AbortSignal,
  ): Promise<{ gone: string[]; hidden: string[] }> {
    const gone: string[] = [];
    const hidden: string[] = [];
    for (let start = 0; start < topics.length; start += NAMES_PER_REQUEST_MAX) {
      const names = topics.slice(start, start + NAMES_PER_REQUEST_MAX);
      const metadata = await this.#options.source.metadata(names, { signal });
      for (const topic of names) {
        const errorCode = metadata.topics.get(topic)?.errorCode;
        if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) gone.push(topic);
        if (errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED) hidden.push(topic);
      }
    }
    return { gone, hidden };
  }
}
