import type { IntegerRange } from '../../common/config/values.js';
import { BANDWIDTH } from './service-options.js';

interface OptionBase {
  /** As MirrorMaker 2 documents it, in the form that a file would have. */
  readonly default: string;

  /** Other spellings: old names, and names that well-known examples use. */
  readonly aliases?: readonly string[];
}

interface BooleanOption extends OptionBase {
  readonly type: 'boolean';
}
interface IntegerOption extends OptionBase {
  readonly type: 'integer';
  readonly range: IntegerRange;

  /** For ranges that begin below zero because -1 has a meaning of its own. */
  readonly nonZero?: true;
}
/** Written in seconds, kept in milliseconds. A negative one disables, as it does in MM2. */
interface SecondsOption extends OptionBase {
  readonly type: 'seconds';
}
interface ChoiceOption extends OptionBase {
  readonly type: 'choice';
  readonly choices: readonly string[];
}
/** Regular expressions separated by commas. */
interface PatternsOption extends OptionBase {
  readonly type: 'patterns';
}
interface TextOption extends OptionBase {
  readonly type: 'text';
}

/** The name of a Java class, of which only those that are built in can be offered here. */
interface ClassOption extends OptionBase {
  readonly type: 'class';

  /** Simple class name -> what it stands for here. */
  readonly classes: Readonly<Record<string, string>>;
}

export type FlowOption =
  | BooleanOption
  | IntegerOption
  | SecondsOption
  | ChoiceOption
  | PatternsOption
  | TextOption
  | ClassOption;

const INT32_MAX = 2_147_483_647;
const REPLICATION_FACTOR: IntegerRange = { min: -1, max: 32_767 }; // -1: the broker's default
const TIMEOUT_MS: IntegerRange = { min: 1, max: INT32_MAX }; // the longest a Node timer can wait
const internalFactor = (topic: string) =>
  ({
    type: 'integer',
    default: '3',
    range: REPLICATION_FACTOR,
    nonZero: true,
    aliases: [`${topic}.internal.replication.factor`],
  }) as const;
const MIRROR_PACKAGE = 'org.apache.kafka.connect.mirror';

/** Every option of MirrorMaker 2's three connectors, with the defaults of the 4.x line. */
export const FLOW_OPTIONS = {
  // All three connectors.
  enabled: { type: 'boolean', default: 'false' }, // false unless set, in dedicated mode
  'admin.timeout.ms': { type: 'integer', default: '60000', range: TIMEOUT_MS },
  'replication.policy.class': {
    type: 'class',
    default: `${MIRROR_PACKAGE}.DefaultReplicationPolicy`,
    // Strimzi's images carry a class of the same simple name and meaning.
    classes: { DefaultReplicationPolicy: 'default', IdentityReplicationPolicy: 'identity' },
  },
  'replication.policy.separator': { type: 'text', default: '.' },
  'replication.policy.internal.topic.separator.enabled': { type: 'boolean', default: 'true' },
  'metric.names.formats': { type: 'text', default: 'legacy' },

  // MirrorSourceConnector.
  topics: { type: 'patterns', default: '.*' },
  'topics.exclude': {
    type: 'patterns',
    default: 'mm2.*\\.internal, .*\\.replica, __.*', // KIP-1074
    aliases: ['topics.blacklist'],
  },
  'topic.filter.class': {
    type: 'class',
    default: `${MIRROR_PACKAGE}.DefaultTopicFilter`,
    classes: { DefaultTopicFilter: 'default' },
  },
  'config.properties.exclude': {
    type: 'patterns',
    default:
      'follower\\.replication\\.throttled\\.replicas, ' +
      'leader\\.replication\\.throttled\\.replicas, ' +
      'message\\.timestamp\\.difference\\.max\\.ms, ' +
      'log\\.message\\.timestamp\\.before\\.max\\.ms, ' +
      'log\\.message\\.timestamp\\.after\\.max\\.ms, message\\.timestamp\\.type, ' +
      'unclean\\.leader\\.election\\.enable, min\\.insync\\.replicas',
    aliases: ['config.properties.blacklist'],
  },
  'config.property.filter.class': {
    type: 'class',
    default: `${MIRROR_PACKAGE}.DefaultConfigPropertyFilter`,
    classes: { DefaultConfigPropertyFilter: 'default' },
  },
  'use.defaults.from': { type: 'choice', default: 'target', choices: ['target', 'source'] },
  'replication.factor': {
    type: 'integer',
    default: '2',
    range: REPLICATION_FACTOR,
    nonZero: true,
  },
  'refresh.topics.enabled': { type: 'boolean', default: 'true', aliases: ['refresh.topics'] },
  'refresh.topics.interval.seconds': { type: 'seconds', default: '600' },
  'sync.topic.configs.enabled': {
    type: 'boolean',
    default: 'true',
    aliases: ['sync.topic.configs'],
  },
  'sync.topic.configs.interval.seconds': { type: 'seconds', default: '600' },
  'sync.topic.acls.enabled': { type: 'boolean', default: 'true', aliases: ['sync.topic.acls'] },
  'sync.topic.acls.interval.seconds': { type: 'seconds', default: '600' },
  // Ours: what MM2 copies, or the ACLs on prefixes, on all topics and on groups as well.
  'sync.topic.acls.scope': { type: 'choice', default: 'literal', choices: ['literal', 'all'] },
  // Ours: what becomes of the copy when the source topic is deleted, and how long it is kept first.
  'topic.deletion.policy': { type: 'choice', default: 'keep', choices: ['keep', 'delete'] },
  'topic.deletion.quarantine.ms': {
    type: 'integer',
    default: '604800000', // a week
    range: { min: 0, max: 315_576_000_000 }, // ten years
  },
  // Ours: what one agent may fetch for the flow; zero is no limit.
  'bandwidth.bytes.per.second': { type: 'integer', default: '0', range: BANDWIDTH },
  'start.offset': { type: 'text', default: '' }, // ours; unset: what auto.offset.reset says
  // Below zero: as zero, which is each record; MM2 takes it.
  'offset.lag.max': { type: 'integer', default: '100', range: { min: -INT32_MAX, max: INT32_MAX } },
  'consumer.poll.timeout.ms': { type: 'integer', default: '1000', range: TIMEOUT_MS },
  'offset-syncs.topic.replication.factor': internalFactor('offset-syncs'),
  'offset-syncs.topic.location': {
    type: 'choice',
    default: 'source',
    choices: ['source', 'target'], // KIP-716
  },
  'emit.offset-syncs.enabled': { type: 'boolean', default: 'true', aliases: ['emit.offset-syncs'] },
  'heartbeats.replication.enabled': { type: 'boolean', default: 'true' }, // KIP-1089
  'exactly.once.support': {
    type: 'choice',
    default: 'requested',
    choices: ['requested', 'required'], // KIP-618
  },

  // MirrorCheckpointConnector.
  groups: { type: 'patterns', default: '.*' },
  'groups.exclude': {
    type: 'patterns',
    default: 'console-consumer-.*, connect-.*, __.*',
    aliases: ['groups.blacklist'],
  },
  'group.filter.class': {
    type: 'class',
    default: `${MIRROR_PACKAGE}.DefaultGroupFilter`,
    classes: { DefaultGroupFilter: 'default' },
  },
  'refresh.groups.enabled': { type: 'boolean', default: 'true', aliases: ['refresh.groups'] },
  'refresh.groups.interval.seconds': { type: 'seconds', default: '600' },
  'emit.checkpoints.enabled': { type: 'boolean', default: 'true', aliases: ['emit.checkpoints'] },
  'emit.checkpoints.interval.seconds': { type: 'seconds', default: '60' },
  'sync.group.offsets.enabled': {
    type: 'boolean',
    default: 'false', // KIP-545
    aliases: ['sync.group.offsets'],
  },
  'sync.group.offsets.interval.seconds': { type: 'seconds', default: '60' },
  'checkpoints.topic.replication.factor': internalFactor('checkpoints'),

  // MirrorHeartbeatConnector.
  'emit.heartbeats.enabled': { type: 'boolean', default: 'true', aliases: ['emit.heartbeats'] },
  'emit.heartbeats.interval.seconds': { type: 'seconds', default: '1' },
  'heartbeats.topic.replication.factor': internalFactor('heartbeats'),
} as const satisfies Record<string, FlowOption>;

export type FlowOptionKey = keyof typeof FLOW_OPTIONS;

/** The options of one type, so that a reader of the table cannot ask for the wrong one. */
export type FlowOptionKeyOf<T extends FlowOption['type']> = {
  [K in FlowOptionKey]: (typeof FLOW_OPTIONS)[K] extends { readonly type: T } ? K : never;
}[FlowOptionKey];

/** Every spelling -> the option's own name. */
export const FLOW_OPTION_SPELLINGS: ReadonlyMap<string, FlowOptionKey> = new Map(
  flowOptionKeys().flatMap((key) => spellingsOf(key).map((spelling) => [spelling, key] as const)),
);

/** The current name first, then the others. */
export function spellingsOf(key: FlowOptionKey): readonly string[] {
  const option: FlowOption = FLOW_OPTIONS[key];
  return [key, ...(option.aliases ?? [])];
}

export function flowOptionKeys(): readonly FlowOptionKey[] {
  return Object.keys(FLOW_OPTIONS) as FlowOptionKey[];
}
