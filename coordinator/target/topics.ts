import type { AdminClient } from '../../kafka/admin/admin-client.js';
import { KafkaApiError } from '../../kafka/admin/errors.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { FlowBlockedError, TopicProblem } from './errors.js';
import { topicRightOf } from './missing-right.js';

export interface TopicsOnTarget {
  admin: AdminClient;
  cluster: KafkaCluster;
}

export interface WantedTopic {
  /** As on the source; for messages. */
  topic: string;
  targetTopic: string;
  /** The source's. */
  partitionCount: number;
  /** -1 takes the broker's default. */
  replicationFactor: number;
  /** Of a topic that is created; throws TopicProblem where they are not known. */
  configs: () => Readonly<Record<string, string>>;
  /** Any topic that the target has already: what properties topics have there is seen by it. */
  anyTopic: string;
  /** Told what a topic that was created does not have, since this target does not know it. */
  leftOut: (names: readonly string[]) => void;
  /** Whether a copy was begun there: then the topic is ours to change. */
  isOurs: boolean;
  /** Whether an operator accepted that the target has more partitions. */
  mayBeWider: boolean;
}

export interface EnsuredTopic {
  targetTopicId: string;
  partitionCount: number;
}

/** Kafka's limit on names of topics. */
const TOPIC_LENGTH_MAX = 249;

/** A fresh topic is known to every broker within this many looks, a quarter of a second apart. */
const LOOKS_MAX = 40;
const LOOK_INTERVAL_MS = 250;

/**
 * Makes sure that the target has the topic with the source's partition count: creates it, or grows
 * it. It is never shrunk, and unless an operator accepted it never has more partitions than the source:
 * keys would lie elsewhere.
 */
export async function ensureMirrorTopic(
  on: TopicsOnTarget,
  wanted: WantedTopic,
  options: { sleep: (ms: number) => Promise<void>; signal?: AbortSignal | undefined },
): Promise<EnsuredTopic> {
  const { targetTopic, partitionCount } = wanted;
  const { signal } = options;
  if (targetTopic.length > TOPIC_LENGTH_MAX) {
    const message =
      `topic ${wanted.topic} would have a name of ${targetTopic.length} characters on the target, and ` +
      `${TOPIC_LENGTH_MAX} are the most: exclude it, or let the flow keep names`;
    throw new TopicProblem({ problem: 'topic-refused', topic: wanted.topic }, message);
  }
  try {
    let found = await look(on, targetTopic, signal);
    if (found === undefined) {
      await createCopy(on.admin, wanted, signal);
    } else if (found.partitionCount < partitionCount) {
      if (!wanted.isOurs)
        await refuseUnrelated(on, { ...wanted, foundCount: found.partitionCount }, signal);
      await on.admin.growPartitions(targetTopic, partitionCount, { signal });
    }
    // What is there counts, not what we asked for: somebody may have been faster.
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      found = await look(on, targetTopic, signal);
      if (found !== undefined && found.partitionCount >= partitionCount) break;
      await options.sleep(LOOK_INTERVAL_MS);
    }
    if (found === undefined || found.partitionCount < partitionCount) {
      const message = `topic ${targetTopic} does not appear on the target with ${partitionCount} partitions`;
      throw new TopicProblem({ problem: 'topic-refused', topic: wanted.topic }, message);
    }
    if (found.partitionCount === partitionCount || wanted.mayBeWider) return found;
    throw new TopicProblem(
      { problem: 'partition-count-shrunk', topic: wanted.topic },
      `topic ${targetTopic} has ${found.partitionCount} partitions on the target, but the source ` +
        `has ${partitionCount}: records with a key would lie in other partitions`,
    );
  } catch (error) {
    throw topicProblem(error, wanted);
  }
}

/**
 * With the source's configuration, but for properties that only the source knows: Kafka 4 has some no
 * more that topics of Kafka 3 still have.
 */
async function createCopy(
  admin: AdminClient,
  { targetTopic: name, partitionCount, replicationFactor, ...wanted }: WantedTopic,
  signal: AbortSignal | undefined,
): Promise<void> {
  const configs = wanted.configs();
  const topic = { name, partitionCount, replicationFactor, configs };
  try {
    await admin.createTopic(topic, { signal });
  } catch (error) {
    if (!(error instanceof KafkaApiError) || error.errorCode !== ErrorCode.INVALID_CONFIG)
      throw error;
    const entries = await admin.describeTopicConfigs(wanted.anyTopic, { signal });
    const known = new Set(entries.map((entry) => entry.name));
    const unknown = Object.keys(configs).filter((key) => !known.has(key));
    if (unknown.length === 0) throw error; // a value is refused
    const rest = Object.entries(configs).filter(([key]) => known.has(key));
    await admin.createTopic({ ...topic, configs: Object.fromEntries(rest) }, { signal });
    wanted.leftOut(unknown);
  }
}

/** A topic that somebody filled is not changed for a copy that could not go there anyway. */
async function refuseUnrelated(
  { cluster }: TopicsOnTarget,
  { topic, targetTopic, partitionCount, foundCount }: WantedTopic & { foundCount: number },
  signal: AbortSignal | undefined,
): Promise<void> {
  const partitions = Array.from({ length: foundCount }, (_, partition) => ({
    topic: targetTopic,
    partition,
  }));
  const ends = await cluster.listOffsets(partitions, TIMESTAMP_LATEST, { signal });
  if ([...ends.values()].every(({ offset }) => offset === 0n)) return;
  const message =
    `topic ${targetTopic} exists on the target, holds records that this flow did not write and has ` +
    `${foundCount} partitions, not ${partitionCount}: rename, delete or exclude it, or give it ` +
    'the partitions';
  throw new TopicProblem({ problem: 'target-not-empty', topic }, message);
}

async function look(
  { cluster }: TopicsOnTarget,
  topic: string,
  signal: AbortSignal | undefined,
): Promise<EnsuredTopic | undefined> {
  const { topics } = await cluster.metadata([topic], { signal });
  const found = topics.get(topic);
  if (found === undefined || found.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
    return undefined;
  }
  if (found.errorCode !== ErrorCode.NONE && found.errorCode !== ErrorCode.LEADER_NOT_AVAILABLE) {
    const { errorCode } = found;
    throw new KafkaApiError({ api: 'Metadata', subject: `topic ${topic}`, errorCode });
  }
  return { targetTopicId: found.topicId, partitionCount: found.partitions.length };
}

/** What an operator must mend becomes a problem of the topic; what passes is thrown as it came. */
function topicProblem(
  error: unknown,
  { topic, targetTopic, replicationFactor }: WantedTopic,
): unknown {
  if (!(error instanceof KafkaApiError) || error.retriable) return error;
  if (error.errorCode === ErrorCode.INVALID_REPLICATION_FACTOR) {
    const message =
      `the target cannot keep ${replicationFactor} replicas of topic ${topic}: lower ` +
      'replication.factor, or add brokers';
    return new TopicProblem({ problem: 'replication-factor', topic }, message, error);
  }
  const isRight = isAuthorization(error);
  const hint = isRight ? `; grant ${topicRightOf(error.api)} on ${targetTopic}` : '';
  const message = `the target refuses topic ${topic}${hint}`;
  const problem = isRight ? 'not-authorized' : 'topic-refused';
  return new TopicProblem({ problem, topic }, message, error);
}

function isAuthorization({ errorCode }: KafkaApiError): boolean {
  return (
    errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED ||
    errorCode === ErrorCode.CLUSTER_AUTHORIZATION_FAILED
  );
}

export interface WantedInternalTopic {
  name: string;
  /** -1 takes the broker's default. */
  replicationFactor: number;
  /** The configuration key that sets the factor, for messages. */
  replicationFactorKey: string;
}

/** Creates a compacted topic with one partition, or makes sure that the existing one is such. */
export async function ensureInternalTopic(
  on: TopicsOnTarget,
  wanted: WantedInternalTopic,
  options: { sleep: (ms: number) => Promise<void>; signal: AbortSignal },
): Promise<void> {
  const { name, replicationFactor, replicationFactorKey } = wanted;
  const { signal } = options;
  try {
    const configs = { 'cleanup.policy': 'compact' };
    const topic = { name, partitionCount: 1, replicationFactor, configs };
    await on.admin.createTopic(topic, { signal });
  } catch (error) {
    if (!(error instanceof KafkaApiError) || error.retriable) throw error;
    if (error.errorCode === ErrorCode.INVALID_REPLICATION_FACTOR) {
      const message =
        `the target cannot keep ${replicationFactor} replicas of the internal topic ${name}: ` +
        `lower ${replicationFactorKey}, or add brokers`;
      throw new FlowBlockedError(message, { cause: error });
    }
    // Rights to write may come without the right to create: then it must be there already.
    const found = await look(on, name, signal);
    if (found === undefined) {
      const message = `the target refuses the internal topic ${name}`;
      throw new FlowBlockedError(message, { cause: error });
    }
  }
  for (let looks = 0; ; looks += 1) {
    const found = await look(on, name, signal);
    if (found?.partitionCount === 1 && on.cluster.leaderOf(name, 0) !== undefined) break;
    if (found !== undefined && found.partitionCount > 1) {
      const message = `internal topic ${name} has ${found.partitionCount} partitions, not one`;
      throw new FlowBlockedError(message);
    }
    if (looks === LOOKS_MAX) throw new FlowBlockedError(`internal topic ${name} has no leader`);
    await options.sleep(LOOK_INTERVAL_MS);
  }
  await requireCompaction(on, name, signal);
}

/** Retention by time would forget what a partition's map began with. */
async function requireCompaction(
  { admin }: TopicsOnTarget,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const configs = await admin.describeTopicConfigs(name, { signal });
  const policy = configs.find((config) => config.name === 'cleanup.policy')?.value;
  if (policy === 'compact') return;
  const message =
    `internal topic ${name} has cleanup.policy=${policy ?? 'unknown'}, which forgets old records: ` +
    'set it to compact';
  throw new FlowBlockedError(message);
}
