import { createHash } from 'node:crypto';

import type { Clock } from '../../common/clock.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import { KafkaApiError } from '../../kafka/admin/errors.js';
import type { TopicConfigEntry } from '../../kafka/admin/topic-admin.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import type { TopicConfig, TopicConfigs } from '../../proto/gen/mirror/v1/agent.js';
import { sourceConfigs } from './source-configs.js';

/** A topic that the source would not describe is asked for again this often: a right may be granted. */
const REFUSED_RETRY_MS = 10_000;

/** Topics of one message: some ten kibibytes each at the very most. */
const TOPICS_PER_MESSAGE_MAX = 500;

export interface ConfigLookOptions {
  flow: FlowConfig;
  admin: AdminClient;
  clock: Clock;
  send: (configs: TopicConfigs) => boolean;
}

/** Watches the configurations of the topics that a flow copies, and reports what changes. */
export class ConfigLook {
  readonly #options: ConfigLookOptions;
  /** A digest of what was reported last, by topic. */
  readonly #reported = new Map<string, string>();
  readonly #refused = new Set<string>();
  #wholeLookDueMs: number;
  #retryDueMs = 0;

  constructor(options: ConfigLookOptions) {
    this.#options = options;
    this.#wholeLookDueMs = this.#nextWholeLook();
  }

  repeatAll(): void {
    this.#reported.clear();
    this.#refused.clear();
    this.#wholeLookDueMs = this.#nextWholeLook();
  }

  /**
   * Reports what is new: topics that were never looked at, at once; changes of the others each
   * `sync.topic.configs.interval.seconds`. False if something of it could not be said.
   */
  async look(topics: readonly string[], signal: AbortSignal): Promise<boolean> {
    const { flow, clock } = this.#options;
    const nowMs = clock.nowMs();
    const whole = flow.syncTopicConfigsEnabled && nowMs >= this.#wholeLookDueMs;
    const retry = nowMs >= this.#retryDueMs;
    if (retry) this.#retryDueMs = nowMs + REFUSED_RETRY_MS;
    const due = topics.filter(
      (topic) => whole || !this.#reported.has(topic) || (retry && this.#refused.has(topic)),
    );
    for (let start = 0; start < due.length; start += TOPICS_PER_MESSAGE_MAX) {
      const part = due.slice(start, start + TOPICS_PER_MESSAGE_MAX);
      if (!(await this.#describe(part, signal))) return false;
    }
    if (!whole) return true;
    if (!this.#options.send({ flow: flow.id, names: [], topics: [], wholeLook: true }))
      return false;
    this.#wholeLookDueMs = this.#nextWholeLook();
    this.#forgetExcept(topics);
    return true;
  }

  #nextWholeLook(): number {
    const { flow, clock } = this.#options;
    return clock.nowMs() + flow.syncTopicConfigsIntervalMs;
  }

  #forgetExcept(topics: readonly string[]): void {
    const present = new Set(topics);
    for (const topic of this.#reported.keys()) {
      if (present.has(topic)) continue;
      this.#reported.delete(topic);
      this.#refused.delete(topic);
    }
  }

  async #describe(topics: readonly string[], signal: AbortSignal): Promise<boolean> {
    const { flow, admin, send } = this.#options;
    const described = await admin.describeConfigsOfTopics(topics, { signal });
    const names = new Set<string>();
    const changed: TopicConfig[] = [];
    const digests = new Map<string, string>();
    for (const found of described.values()) {
      if (!(found instanceof KafkaApiError)) for (const { name } of found) names.add(name);
      else if (found.retriable && !isUnknown(found)) throw found;
    }
    for (const [topic, found] of described) {
      // Deleted since it was listed: the next listing says so.
      if (found instanceof KafkaApiError && isUnknown(found)) continue;
      const config = toMessage({ flow, topic, found, names });
      if (config.problem === undefined) this.#refused.delete(topic);
      else this.#refused.add(topic);
      const digest = createHash('sha256').update(JSON.stringify(config)).digest('base64');
      if (this.#reported.get(topic) === digest) continue;
      digests.set(topic, digest);
      changed.push(config);
    }
    if (changed.length === 0) return true;
    const message = { flow: flow.id, names: [...names], topics: changed, wholeLook: false };
    if (!send(message)) return false;
    for (const [topic, digest] of digests) this.#reported.set(topic, digest);
    return true;
  }
}

function isUnknown({ errorCode }: KafkaApiError): boolean {
  return errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}

interface Described {
  flow: FlowConfig;
  topic: string;
  found: TopicConfigEntry[] | KafkaApiError;
  /** Of all topics of the message. */
  names: ReadonlySet<string>;
}

function toMessage({ flow, topic, found, names }: Described): TopicConfig {
  if (found instanceof KafkaApiError) {
    const message =
      `the configuration of topic ${topic} may not be read on ${flow.source}; grant ` +
      `DescribeConfigs on it (${found.message})`;
    const code = isAuthorization(found) ? 'not-authorized' : 'source-configs-unknown';
    return { topic, values: [], kept: [], problem: { code, message } };
  }
  const { values, defaults } = sourceConfigs(flow, found);
  const copied = new Set([...values.keys(), ...defaults]);
  // A name that only other topics have is none of this one's.
  const kept = [...names].filter((name) => !copied.has(name));
  const pairs = [...values].map(([name, value]) => ({ name, value }));
  return { topic, values: pairs, kept, problem: undefined };
}

function isAuthorization({ errorCode }: KafkaApiError): boolean {
  return errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED;
}
