import { KafkaApiError } from '../../kafka/admin/errors.js';
import type { TopicConfigEntry } from '../../kafka/admin/topic-admin.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { configDrift } from './config-changes.js';
import { isBegun } from './flow-positions.js';
import { createConfigs, type SourceFacts, type TopicConfigFacts } from './source-facts.js';
import type { ReconcilerOptions } from './target-reconciler.js';
import type { WantedTopic } from './topics.js';

const REFUSED = 'configs-refused';
const UNKNOWN = 'config-unknown-on-target';

/**
 * Corrects what differs on the target, topic by topic. An unrelated topic under the name of a copy that
 * was never begun is left alone. Throws what may pass; the rest is a notice.
 */
export async function syncConfigs(
  options: ReconcilerOptions,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { admin, facts, maps, isPromoted, targetTopic } = options;
  const ours = topics.filter((topic) => isBegun(maps, topic) && !isPromoted(topic));
  const described = await admin.describeConfigsOfTopics(ours.map(targetTopic), { signal });
  for (const topic of ours) {
    const wanted = facts.configsOf(topic);
    const found = described.get(targetTopic(topic));
    if (wanted === undefined || wanted.problem !== undefined || found === undefined) continue;
    try {
      if (found instanceof KafkaApiError) throw found;
      await correct(options, { topic, wanted, found }, signal);
      facts.clear(topic, REFUSED);
    } catch (error) {
      if (!(error instanceof KafkaApiError)) throw error;
      // Whoever copies the topic notices that it is gone.
      if (error.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) continue;
      if (error.retriable) throw error;
      refused(options, topic, error);
    }
  }
}

interface Correction {
  topic: string;
  wanted: TopicConfigFacts;
  found: readonly TopicConfigEntry[];
}

async function correct(
  { admin, facts, flow, log, targetTopic }: ReconcilerOptions,
  { topic, wanted, found }: Correction,
  signal: AbortSignal,
): Promise<void> {
  const { changes, unknown } = configDrift(wanted, found);
  if (unknown.length === 0) facts.clear(topic, UNKNOWN);
  else noteUnknownConfigs(facts, { topic, target: flow.target, unknown });
  if (Object.keys(changes).length === 0) return;
  await admin.alterTopicConfigs(targetTopic(topic), changes, { signal });
  log.info({ flow: flow.id, topic, changes }, 'topic configuration mirrored');
}

/** The target is older or newer than the source, and does not have some properties. */
function noteUnknownConfigs(
  facts: SourceFacts,
  {
    topic,
    target,
    unknown,
  }: { readonly topic: string; readonly target: string; readonly unknown: readonly string[] },
): void {
  const message =
    `${target} does not know ${unknown.join(', ')} of topic ${topic}; exclude what it ` +
    'cannot have by config.properties.exclude';
  facts.note({ topic, code: UNKNOWN, message, degraded: false });
}

/** How the copy of a topic is made. */
export function newCopy(
  facts: SourceFacts,
  flow: FlowConfig,
  topic: string,
): Pick<WantedTopic, 'topic' | 'replicationFactor' | 'configs' | 'anyTopic' | 'leftOut'> {
  return {
    topic,
    replicationFactor: flow.replicationFactor,
    configs: () => createConfigs(facts, topic),
    anyTopic: flow.policy.offsetMapTopic(flow.source),
    leftOut: (unknown) => noteUnknownConfigs(facts, { topic, target: flow.target, unknown }),
  };
}

function refused(
  { facts, flow, log, targetTopic }: ReconcilerOptions,
  topic: string,
  error: KafkaApiError,
): void {
  const isRight = error.errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED;
  const hint = isRight ? 'grant DescribeConfigs and AlterConfigs on it; ' : '';
  const message =
    `the configuration of ${targetTopic(topic)} on ${flow.target} is not kept equal; ${hint}` +
    error.message;
  if (facts.note({ topic, code: REFUSED, message, degraded: true }))
    log.warn({ flow: flow.id, topic, problem: message }, 'topic configuration not mirrored');
}
