/**
 * Options of the Connect runtime, which is not there. Files that work today carry them, so they
 * are accepted, and each group is reported once with the reason why it does nothing.
 */
export interface ConnectGroup {
  readonly keys: readonly string[];
  readonly prefixes: readonly string[];
  readonly reason: string;
}

export const CONNECT_GROUPS: readonly ConnectGroup[] = [
  {
    keys: [],
    prefixes: ['config.storage.', 'offset.storage.', 'status.storage.'],
    reason:
      'progress is the end of the target partitions, and nothing is kept in topics of Connect; ' +
      'the offsets topic is only read, to take over from MirrorMaker 2',
  },
  {
    keys: ['tasks.max', 'tasks.max.enforce', 'name', 'connector.class'],
    prefixes: ['task.', 'task.shutdown.', 'worker.'],
    reason: 'work is spread by partition over all agents, not by a number of tasks',
  },
  {
    keys: [
      'key.converter',
      'value.converter',
      'header.converter',
      'internal.key.converter',
      'internal.value.converter',
    ],
    prefixes: ['key.converter.', 'value.converter.', 'header.converter.', 'internal.'],
    reason: 'records are copied byte for byte and never converted',
  },
  {
    keys: [
      'group.id',
      'session.timeout.ms',
      'heartbeat.interval.ms',
      'rebalance.timeout.ms',
      'scheduled.rebalance.max.delay.ms',
      'connect.protocol',
      'worker.sync.timeout.ms',
      'worker.unsync.backoff.ms',
      'inter.worker.key.generation.algorithm',
      'inter.worker.key.size',
      'inter.worker.key.ttl.ms',
      'inter.worker.signature.algorithm',
      'inter.worker.verification.algorithms',
    ],
    prefixes: [],
    reason: 'agents hold leases (coordinator.lease.ttl.ms) and do not rebalance as a group',
  },
  {
    keys: [
      'dedicated.mode.enable.internal.rest',
      'listeners',
      'rest.port',
      'rest.host.name',
      'rest.advertised.host.name',
      'rest.advertised.port',
      'rest.advertised.listener',
      'rest.extension.classes',
      'response.http.headers.config',
      'access.control.allow.origin',
      'access.control.allow.methods',
    ],
    prefixes: ['admin.listeners', 'listeners.'],
    reason: 'there is no REST interface of Connect; agents reach the coordinator over gRPC',
  },
  {
    keys: ['offset.flush.interval.ms', 'offset.flush.timeout.ms'],
    prefixes: [],
    reason: 'no offsets are flushed: a record is durable on the target or was not copied',
  },
  {
    keys: [
      'exactly.once.source.support',
      'transaction.boundary',
      'transaction.boundary.interval.ms',
    ],
    prefixes: [],
    reason: 'every copy is exactly-once',
  },
  {
    keys: [
      'plugin.path',
      'plugin.discovery',
      'connector.plugin.version',
      'connector.client.config.override.policy',
      'config.action.reload',
      'topic.creation.enable',
      'topic.creation.groups',
      'topic.tracking.enable',
      'topic.tracking.allow.reset',
    ],
    prefixes: ['topic.creation.'],
    reason: 'no plugins of Connect are loaded',
  },
  {
    keys: [],
    prefixes: ['errors.'],
    reason: 'no record is ever skipped: a partition that cannot go on halts and says why',
  },
  {
    keys: ['metric.reporters', 'auto.include.jmx.reporter', 'add.source.alias.to.metrics'],
    prefixes: ['metrics.'],
    reason: 'metrics are served to Prometheus on /metrics',
  },
  {
    keys: ['use.incremental.alter.configs', 'forwarding.admin.class'],
    prefixes: ['forwarding.admin.'],
    reason: 'topic configurations are always changed incrementally, by the clients built in',
  },
  {
    keys: ['source.cluster.alias', 'target.cluster.alias'],
    prefixes: ['source.cluster.', 'target.cluster.'],
    reason: 'clusters are named by `clusters` and configured by `<alias>.*`',
  },
];

/** Options that would change or drop records in Connect: to ignore them would be a silent loss. */
const TRANSFORM_KEY = /^(transforms|predicates)(\.|$)/;

export function isTransformKey(key: string): boolean {
  return TRANSFORM_KEY.test(key);
}

export function connectGroupOf(key: string): ConnectGroup | null {
  const match = CONNECT_GROUPS.find(
    (group) => group.keys.includes(key) || group.prefixes.some((prefix) => key.startsWith(prefix)),
  );
  return match ?? null;
}

/** For suggestions. */
export const CONNECT_KEYS: readonly string[] = [
  ...CONNECT_GROUPS.flatMap((group) => group.keys),
  ...['config', 'offset', 'status'].flatMap((store) => [
    `${store}.storage.topic`,
    `${store}.storage.replication.factor`,
  ]),
];
