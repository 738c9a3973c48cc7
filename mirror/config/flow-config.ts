import { quoted, type ProblemCollector } from '../../common/config/problems.js';
import type { Property } from '../../common/config/properties.js';
import { splitList } from '../../common/config/values.js';
import { formatFlowId, type FlowSides } from '../flow.js';
import { parseOffsetReset, parseStartOffset, type StartOffset } from '../start-offset.js';
import { NameFilter } from '../policy/name-filter.js';
import {
  DefaultReplicationPolicy,
  IdentityReplicationPolicy,
  type ReplicationPolicy,
} from '../policy/replication-policy.js';
import { SECURITY_KEYS, type ClientRole } from './client-keys.js';
import type { KeyIndex, ScopedProperties } from './key-index.js';
import type { ClientProperties, FlowConfig } from './mirror-config.js';
import type { FlowOptionReader, OptionReader } from './option-reader.js';

export interface FlowBuilderOptions {
  readonly index: KeyIndex;
  readonly reader: OptionReader;
  readonly problems: ProblemCollector;
}

const EMPTY: ScopedProperties = new Map();

/** What MM2 allows between alias and topic: nothing, or characters of topic names. */
const SEPARATOR = /^[a-zA-Z0-9._-]{0,16}$/;

export function buildFlow(sides: FlowSides, options: FlowBuilderOptions): FlowConfig {
  const { source, target } = sides;
  const id = formatFlowId(source, target);
  const reader = options.reader.forFlow(options.index.byFlow.get(id) ?? EMPTY);
  const sourceConsumer = roleProperties(sides, 'source', {
    role: 'consumer',
    index: options.index,
  });
  // Named for the error only: these filters cannot be replaced.
  reader.classChoice('topic.filter.class');
  reader.classChoice('group.filter.class');
  reader.classChoice('config.property.filter.class');
  reader.choice('exactly.once.support'); // both choices come to the same: always exactly-once
  checkMetricNames(reader, options.problems);
  return Object.freeze({
    id,
    source,
    target,
    enabled: reader.boolean('enabled'),
    policy: buildPolicy(reader, options.problems),
    topicFilter: new NameFilter(reader.patterns('topics'), reader.patterns('topics.exclude')),
    groupFilter: new NameFilter(reader.patterns('groups'), reader.patterns('groups.exclude')),
    configPropertiesExclude: reader.patterns('config.properties.exclude'),
    useDefaultsFrom: reader.choice('use.defaults.from'),
    replicationFactor: reader.integer('replication.factor'),
    offsetSyncsTopicReplicationFactor: reader.integer('offset-syncs.topic.replication.factor'),
    checkpointsTopicReplicationFactor: reader.integer('checkpoints.topic.replication.factor'),
    heartbeatsTopicReplicationFactor: reader.integer('heartbeats.topic.replication.factor'),
    ...readIntervals(reader),
    syncTopicAclsScope: reader.choice('sync.topic.acls.scope'),
    topicDeletionPolicy: reader.choice('topic.deletion.policy'),
    topicDeletionQuarantineMs: reader.integer('topic.deletion.quarantine.ms'),
    heartbeatsReplicationEnabled: reader.boolean('heartbeats.replication.enabled'),
    emitOffsetSyncsEnabled: reader.boolean('emit.offset-syncs.enabled'),
    offsetLagMax: reader.integer('offset.lag.max'),
    offsetSyncsTopicLocation: reader.choice('offset-syncs.topic.location'),
    startOffset: readStartOffset(reader, sourceConsumer, options),
    bandwidthBytesPerSecond: reader.integer('bandwidth.bytes.per.second'),
    adminTimeoutMs: reader.integer('admin.timeout.ms'),
    consumerPollTimeoutMs: reader.integer('consumer.poll.timeout.ms'),
    connectOffsetsTopic: connectOffsetsTopic(sides, options.index),
    connectGroup: connectGroup(sides, options.index),
    sourceConsumer: valuesOf(sourceConsumer),
    sourceAdmin: valuesOf(roleProperties(sides, 'source', { role: 'admin', index: options.index })),
    targetProducer: valuesOf(
      roleProperties(sides, 'target', { role: 'producer', index: options.index }),
    ),
    targetAdmin: valuesOf(roleProperties(sides, 'target', { role: 'admin', index: options.index })),
  });
}

/** KIP-1280: Kafka 4.3 can name its metrics anew. Boards know the names from before. */
function checkMetricNames(reader: FlowOptionReader, problems: ProblemCollector): void {
  reader.read('metric.names.formats', (property) => {
    const formats = splitList(property.value.toLowerCase());
    const known = formats.every((format) => ['legacy', 'new'].includes(format));
    if (formats.length === 0 || !known) {
      problems.error(property, `${quoted(property.key)} must be legacy, new, or both`);
    } else if (formats.includes('new')) {
      problems.warn(
        property,
        `${quoted(property.key)} has no effect, because metrics are served under their legacy ` +
          'names, as the JMX exporter renders them',
      );
    }
  });
}

/** Each repeated task is off if its switch is, or if its interval is negative. */
function readIntervals(reader: FlowOptionReader) {
  const refreshTopics = reader.seconds('refresh.topics.interval.seconds');
  const refreshGroups = reader.seconds('refresh.groups.interval.seconds');
  const syncTopicConfigs = reader.seconds('sync.topic.configs.interval.seconds');
  const syncTopicAcls = reader.seconds('sync.topic.acls.interval.seconds');
  const syncGroupOffsets = reader.seconds('sync.group.offsets.interval.seconds');
  const emitCheckpoints = reader.seconds('emit.checkpoints.interval.seconds');
  const emitHeartbeats = reader.seconds('emit.heartbeats.interval.seconds');
  return {
    refreshTopicsEnabled: reader.boolean('refresh.topics.enabled') && refreshTopics.enabled,
    refreshTopicsIntervalMs: refreshTopics.intervalMs,
    refreshGroupsEnabled: reader.boolean('refresh.groups.enabled') && refreshGroups.enabled,
    refreshGroupsIntervalMs: refreshGroups.intervalMs,
    syncTopicConfigsEnabled:
      reader.boolean('sync.topic.configs.enabled') && syncTopicConfigs.enabled,
    syncTopicConfigsIntervalMs: syncTopicConfigs.intervalMs,
    syncTopicAclsEnabled: reader.boolean('sync.topic.acls.enabled') && syncTopicAcls.enabled,
    syncTopicAclsIntervalMs: syncTopicAcls.intervalMs,
    syncGroupOffsetsEnabled:
      reader.boolean('sync.group.offsets.enabled') && syncGroupOffsets.enabled,
    syncGroupOffsetsIntervalMs: syncGroupOffsets.intervalMs,
    emitCheckpointsEnabled: reader.boolean('emit.checkpoints.enabled') && emitCheckpoints.enabled,
    emitCheckpointsIntervalMs: emitCheckpoints.intervalMs,
    emitHeartbeatsEnabled: reader.boolean('emit.heartbeats.enabled') && emitHeartbeats.enabled,
    emitHeartbeatsIntervalMs: emitHeartbeats.intervalMs,
  };
}

function buildPolicy(reader: FlowOptionReader, problems: ProblemCollector): ReplicationPolicy {
  const policyOptions = {
    separator: reader.read('replication.policy.separator', (property) => {
      if (!SEPARATOR.test(property.value)) {
        problems.error(
          property,
          `${quoted(property.key)} must have characters of topic names only, and 16 at most`,
        );
      }
      return property.value;
    }),
    internalTopicSeparatorEnabled: reader.boolean(
      'replication.policy.internal.topic.separator.enabled',
    ),
  };
  return reader.classChoice('replication.policy.class') === 'identity'
    ? new IdentityReplicationPolicy(policyOptions)
    : new DefaultReplicationPolicy(policyOptions);
}

interface RoleOptions {
  readonly role: ClientRole;
  readonly index: KeyIndex;
}

/**
 * The options of one client of a flow, the more specific over the less. The order is that of MM2
 * (tried with its 4.3), odd as it is that a cluster's option wins over the flow's without a side:
 * `A->B.source.consumer.x`, `A.consumer.x`, then of security `A.x` and `x`, then `A->B.consumer.x`.
 */
export function roleProperties(
  sides: FlowSides,
  side: 'source' | 'target',
  options: RoleOptions,
): Map<string, Property> {
  const { role, index } = options;
  const flow = index.byFlow.get(formatFlowId(sides.source, sides.target)) ?? EMPTY;
  const cluster = index.byCluster.get(sides[side]) ?? EMPTY;
  const result = new Map<string, Property>();
  const layPrefixed = (scope: ScopedProperties, prefix: string): void => {
    for (const [name, property] of scope) {
      if (name.startsWith(prefix)) result.set(name.slice(prefix.length), property);
    }
  };
  layPrefixed(flow, `${role}.`);
  for (const scope of [index.global, cluster]) {
    for (const [name, property] of scope) {
      if (SECURITY_KEYS.has(name)) result.set(name, property);
    }
  }
  layPrefixed(cluster, `${role}.`);
  layPrefixed(flow, `${side}.${role}.`);
  return result;
}

/** Our own key wins over the consumer's, which MM2 heeds and which knows no timestamp. */
function readStartOffset(
  reader: FlowOptionReader,
  consumer: ReadonlyMap<string, Property>,
  options: FlowBuilderOptions,
): StartOffset {
  const own = reader.read('start.offset', (property) => {
    if (property.value === '') return undefined;
    const start = parseStartOffset(property.value);
    if (start !== undefined) return start;
    options.problems.error(
      property,
      `${quoted(property.key)} must be earliest, latest or timestamp:<time>`,
      'a time is like 2026-01-31T12:00:00Z, or milliseconds since 1970',
    );
    return undefined;
  });
  const reset = consumer.get('auto.offset.reset');
  if (own !== undefined || reset === undefined) return own ?? 'earliest';
  return options.reader.parse(reset, (property) => {
    const start = parseOffsetReset(property.value);
    if (start === undefined) {
      const text = `${quoted(property.key)} must be earliest or latest, or by_duration:<PT1H>`;
      options.problems.error(property, text);
    }
    return start ?? 'earliest';
  });
}

/** Of the worker of MM2, for which the key of the whole file wins (tried with its 4.3). */
function connectOffsetsTopic(sides: FlowSides, index: KeyIndex): string {
  const key = 'offset.storage.topic';
  const own = index.global.get(key) ?? index.byCluster.get(sides.target)?.get(key);
  return own?.value ?? `mm2-offsets.${sides.source}.internal`;
}

/** Likewise; a `group.id` of the whole file it does not heed. */
function connectGroup({ source, target }: FlowSides, index: KeyIndex): string {
  return index.byCluster.get(target)?.get('group.id')?.value ?? `${source}-mm2`;
}

function valuesOf(properties: ReadonlyMap<string, Property>): ClientProperties {
  const values = [...properties].map(([name, property]) => [name, property.value] as const);
  return Object.freeze(Object.fromEntries(values));
}
