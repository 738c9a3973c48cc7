import type { KafkaCluster } from '../client/index.js';
import { ErrorCode } from '../messages/error-codes.js';
import { ensureSuccess, KafkaApiError } from './errors.js';
import {
  CONFIG_DELETE,
  CONFIG_RESOURCE_TOPIC,
  CONFIG_SET,
  createPartitions,
  createTopics,
  deleteRecords,
  deleteTopics,
  describeConfigs,
  incrementalAlterConfigs,
} from './foreign-api.js';

/** How long the controller may take over one change before it answers REQUEST_TIMED_OUT. */
const CONTROLLER_TIMEOUT_MS = 25_000;

/** Ours is longer, so that the broker's answer, which says more, comes first. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Topics of one DescribeConfigs request: some 40 entries each, so a few MiB an answer. */
const TOPICS_PER_DESCRIBE_MAX = 500;

/** Where Kafka says that a value comes from; the other sources are dynamic values of brokers. */
const CONFIG_SOURCE_TOPIC = 1;
const CONFIG_SOURCE_STATIC_BROKER = 4;
const CONFIG_SOURCE_DEFAULT = 5;

export interface AdminCallOptions {
  signal?: AbortSignal | undefined;
}

export interface NewTopic {
  name: string;
  partitionCount: number;
  /** -1 takes the broker's default. */
  replicationFactor: number;
  configs?: Readonly<Record<string, string>>;
}

export interface TopicConfigEntry {
  name: string;
  /** Null for a sensitive one, which brokers do not tell. */
  value: string | null;
  /** Whether it was set on the topic, and not inherited from a broker or from Kafka's defaults. */
  isOverride: boolean;
  /** Whether it comes from a broker's properties file. */
  isStaticBroker: boolean;
  /** Whether nobody set it: the default that Kafka's code has. */
  isDefault: boolean;
  readOnly: boolean;
  isSensitive: boolean;
}

/** A value to set, or null to go back to the default. */
export type TopicConfigChanges = Readonly<Record<string, string | null>>;

export interface RecordsToDelete {
  topic: string;
  partition: number;
  /** Records below it go; -1 deletes up to the high watermark. */
  beforeOffset: bigint;
}

/** 'exists' says nothing about the existing topic's partitions or configuration. */
export async function createTopic(
  cluster: KafkaCluster,
  topic: NewTopic,
  options: AdminCallOptions = {},
): Promise<'created' | 'exists'> {
  const { name, partitionCount, replicationFactor, configs = {} } = topic;
  const entry = {
    name,
    numPartitions: partitionCount,
    replicationFactor,
    assignments: [],
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  };
  const response = await cluster.request(
    'controller',
    createTopics,
    [[entry], CONTROLLER_TIMEOUT_MS, false],
    { timeoutMs: REQUEST_TIMEOUT_MS, signal: options.signal },
  );
  const result = response.topics[0];
  const errorCode = result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (errorCode === ErrorCode.TOPIC_ALREADY_EXISTS) return 'exists';
  let brokerMessage = result?.errorMessage;
  if (errorCode === ErrorCode.INVALID_REPLICATION_FACTOR) {
    const { brokers } = await cluster.metadata([], options);
    brokerMessage =
      `replication factor ${replicationFactor} asked of a cluster of ${brokers.length} ` +
      `brokers: ${brokerMessage ?? 'refused'}`;
  }
  ensureSuccess({ api: createTopics.name, subject: `topic ${name}`, errorCode, brokerMessage });
  return 'created';
}

/** Adds partitions up to `partitionCount`; 'unchanged' when there are that many or more already. */
export async function growPartitions(
  cluster: KafkaCluster,
  growth: { topic: string; partitionCount: number },
  options: AdminCallOptions = {},
): Promise<'grown' | 'unchanged'> {
  const { topic, partitionCount } = growth;
  const response = await cluster.request(
    'controller',
    createPartitions,
    [[{ name: topic, count: partitionCount, assignments: null }], CONTROLLER_TIMEOUT_MS, false],
    { timeoutMs: REQUEST_TIMEOUT_MS, signal: options.signal },
  );
  const result = response.results[0];
  const errorCode = result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (errorCode === ErrorCode.INVALID_PARTITIONS) {
    // Said of a count that is not larger, and of some others: only the metadata tells which.
    const { topics } = await cluster.metadata([topic], options);
    if ((topics.get(topic)?.partitions.length ?? 0) >= partitionCount) return 'unchanged';
  }
  const brokerMessage = result?.errorMessage;
  const api = createPartitions.name;
  ensureSuccess({ api, subject: `topic ${topic}`, errorCode, brokerMessage });
  return 'grown';
}

export async function deleteTopic(
  cluster: KafkaCluster,
  topic: string,
  options: AdminCallOptions = {},
): Promise<'deleted' | 'absent'> {
  const response = await cluster.request(
    'controller',
    deleteTopics,
    [[{ name: topic }], CONTROLLER_TIMEOUT_MS],
    { timeoutMs: REQUEST_TIMEOUT_MS, signal: options.signal },
  );
  const result = response.responses[0];
  const errorCode = result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return 'absent';
  const brokerMessage = result?.errorMessage;
  ensureSuccess({ api: deleteTopics.name, subject: `topic ${topic}`, errorCode, brokerMessage });
  return 'deleted';
}

/** The configuration of many topics; a topic that the broker refuses has its error instead. */
export async function describeTopicConfigs(
  cluster: KafkaCluster,
  topics: readonly string[],
  options: AdminCallOptions = {},
): Promise<Map<string, TopicConfigEntry[] | KafkaApiError>> {
  const found = new Map<string, TopicConfigEntry[] | KafkaApiError>();
  const api = describeConfigs.name;
  for (let start = 0; start < topics.length; start += TOPICS_PER_DESCRIBE_MAX) {
    const chunk = topics.slice(start, start + TOPICS_PER_DESCRIBE_MAX);
    const resources = chunk.map((resourceName) => ({
      resourceType: CONFIG_RESOURCE_TOPIC,
      resourceName,
      configurationKeys: null,
    }));
    const response = await cluster.request('any', describeConfigs, [resources, false, false], {
      signal: options.signal,
    });
    for (const { resourceName, errorCode, errorMessage, configs } of response.results) {
      const subject = `topic ${resourceName}`;
      const failure = { api, subject, errorCode, brokerMessage: errorMessage };
      const entries = configs.map(toConfigEntry);
      found.set(resourceName, errorCode === 0 ? entries : new KafkaApiError(failure));
    }
    for (const topic of chunk) {
      if (found.has(topic)) continue;
      const errorCode = ErrorCode.UNKNOWN_SERVER_ERROR;
      const brokerMessage = 'the answer leaves it out';
      const failure = { api, subject: `topic ${topic}`, errorCode, brokerMessage };
      found.set(topic, new KafkaApiError(failure));
    }
  }
  return found;
}

function toConfigEntry(entry: {
  name: string;
  value?: string | null | undefined;
  configSource: number;
  readOnly: boolean;
  isSensitive: boolean;
}): TopicConfigEntry {
  return {
    name: entry.name,
    value: entry.value ?? null,
    isOverride: entry.configSource === CONFIG_SOURCE_TOPIC,
    isStaticBroker: entry.configSource === CONFIG_SOURCE_STATIC_BROKER,
    isDefault: entry.configSource === CONFIG_SOURCE_DEFAULT,
    readOnly: entry.readOnly,
    isSensitive: entry.isSensitive,
  };
}

/** Changes the named entries and leaves all others alone; all or none. */
export async function alterTopicConfigs(
  cluster: KafkaCluster,
  alteration: { topic: string; changes: TopicConfigChanges },
  options: AdminCallOptions = {},
): Promise<void> {
  const { topic, changes } = alteration;
  const configs = Object.entries(changes).map(([name, value]) =>
    value === null
      ? { name, configOperation: CONFIG_DELETE }
      : { name, configOperation: CONFIG_SET, value },
  );
  if (configs.length === 0) return;
  const resource = { resourceType: CONFIG_RESOURCE_TOPIC, resourceName: topic, configs };
  const response = await cluster.request(
    'controller',
    incrementalAlterConfigs,
    [[resource], false],
    { signal: options.signal },
  );
  const result = response.responses[0];
  ensureSuccess({
    api: incrementalAlterConfigs.name,
    subject: `topic ${topic}`,
    errorCode: result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR,
    brokerMessage: result?.errorMessage,
  });
}

/** Moves the log start; returns the new one by `topic-partition`. */
export async function deleteRecordsBefore(
  cluster: KafkaCluster,
  deletions: readonly RecordsToDelete[],
  options: AdminCallOptions = {},
): Promise<Map<string, bigint>> {
  await cluster.metadata([...new Set(deletions.map(({ topic }) => topic))], options);
  const byLeader = new Map<number, RecordsToDelete[]>();
  for (const deletion of deletions) {
    const leader = cluster.leaderOf(deletion.topic, deletion.partition);
    if (leader === undefined) {
      const subject = `${deletion.topic}-${deletion.partition}`;
      const errorCode = ErrorCode.LEADER_NOT_AVAILABLE;
      throw new KafkaApiError({ api: deleteRecords.name, subject, errorCode });
    }
    const group = byLeader.get(leader.nodeId);
    if (group) group.push(deletion);
    else byLeader.set(leader.nodeId, [deletion]);
  }
  const lowWatermarks = new Map<string, bigint>();
  for (const [nodeId, group] of byLeader) {
    const topics = group.map(({ topic, partition, beforeOffset }) => ({
      name: topic,
      partitions: [{ partitionIndex: partition, offset: beforeOffset }],
    }));
    const response = await cluster.request(
      { nodeId },
      deleteRecords,
      [topics, CONTROLLER_TIMEOUT_MS],
      { timeoutMs: REQUEST_TIMEOUT_MS, signal: options.signal },
    );
    for (const { name, partitions } of response.topics) {
      for (const { partitionIndex, lowWatermark, errorCode } of partitions) {
        const subject = `${name}-${partitionIndex}`;
        ensureSuccess({ api: deleteRecords.name, subject, errorCode });
        lowWatermarks.set(subject, lowWatermark);
      }
    }
  }
  return lowWatermarks;
}
