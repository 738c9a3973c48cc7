/** The settings of both copiers, as the lines of one mm2.properties. */
export interface CopierPlace {
  /** Fresh for every run, so that a copier finds nothing of the one before. */
  readonly sourceAlias: string;
  readonly targetAlias: string;
  readonly sourceBootstrap: string;
  readonly targetBootstrap: string;
  readonly topic: string;
}

export type Settings = Readonly<Record<string, string>>;

/**
 * What makes MirrorMaker 2 fast, and what its users are told to set. Connect's producer has one
 * request in flight, for order, and it stays so. The idempotent producer with five was tried, and
 * got stuck on a new topic of 1,000 partitions: its first batch was refused (NOT_LEADER), the next
 * one was appended, and the first was then out of order for ever (OUT_OF_ORDER_SEQUENCE_NUMBER).
 */
export const MM2_TUNING: Settings = {
  'tasks.max': '4',
  'consumer.max.poll.records': '5000',
  'consumer.max.partition.fetch.bytes': String(4 * 1024 * 1024),
  'consumer.fetch.max.bytes': String(64 * 1024 * 1024),
  'producer.batch.size': String(128 * 1024),
  'producer.linger.ms': '20',
  'producer.buffer.memory': String(64 * 1024 * 1024),
  'producer.max.request.size': String(4 * 1024 * 1024),
  // These let it start sooner, and cost nothing.
  'refresh.topics.interval.seconds': '5',
  'scheduled.rebalance.max.delay.ms': '0',
};

/** As bin/connect-mirror-maker.sh starts it, with a heap that it does not fill. */
export const MM2_JAVA_OPTIONS: readonly string[] = [
  '-server',
  '-Xms256m',
  '-Xmx1g',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-Djava.awt.headless=true',
];

const FACTORS = [
  'replication.factor',
  'checkpoints.topic.replication.factor',
  'heartbeats.topic.replication.factor',
  'offset-syncs.topic.replication.factor',
];

/** Topics of Connect, which only MirrorMaker 2 has. */
const CONNECT_FACTORS = [
  'config.storage.replication.factor',
  'offset.storage.replication.factor',
  'status.storage.replication.factor',
];

export function targetTopicOf(place: CopierPlace): string {
  return `${place.sourceAlias}.${place.topic}`;
}

function commonSettings(place: CopierPlace): Settings {
  const { sourceAlias: source, targetAlias: target } = place;
  return {
    clusters: `${source}, ${target}`,
    [`${source}.bootstrap.servers`]: place.sourceBootstrap,
    [`${target}.bootstrap.servers`]: place.targetBootstrap,
    [`${source}->${target}.enabled`]: 'true',
    [`${source}->${target}.topics`]: place.topic,
    [`${target}->${source}.enabled`]: 'false',
    ...Object.fromEntries(FACTORS.map((key) => [key, '1'])),
  };
}

export function agentProperties(place: CopierPlace): string {
  return propertiesText({
    ...commonSettings(place),
    'coordinator.listen': '127.0.0.1:0',
    'coordinator.http.listen': '127.0.0.1:0',
  });
}

/** MirrorMaker 2 compresses anew, with the codec that the source has: else it would copy more. */
export function mm2Properties(
  place: CopierPlace,
  options: { readonly codec: string; readonly extra: Settings },
): string {
  const { sourceAlias: source, targetAlias: target } = place;
  const tuning = mm2Settings(options);
  const clientOf: Settings = { consumer: source, producer: target };
  const named = Object.entries(tuning).map(([key, value]) => {
    const cluster = clientOf[key.split('.')[0] ?? ''];
    return [cluster === undefined ? key : `${cluster}.${key}`, value];
  });
  return propertiesText({
    ...commonSettings(place),
    ...Object.fromEntries(CONNECT_FACTORS.map((key) => [key, '1'])),
    // Without this it runs a second worker, for heartbeats in the other direction.
    [`${target}->${source}.emit.heartbeats.enabled`]: 'false',
    ...(Object.fromEntries(named) as Settings),
  });
}

/** As they are shown: a client's settings without the alias in front. */
export function mm2Settings(options: {
  readonly codec: string;
  readonly extra: Settings;
}): Settings {
  return { ...MM2_TUNING, 'producer.compression.type': options.codec, ...options.extra };
}

function propertiesText(settings: Settings): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');
}
