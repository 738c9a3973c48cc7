import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** One broker's place in its cluster. */
export interface BrokerPlace {
  readonly nodeId: number;
  readonly ports: Readonly<Record<string, number>>;
  readonly controllerPort: number;
  /** The first also holds the cluster's metadata. */
  readonly logDirs: readonly string[];
}

export interface ClusterPlan {
  /** The address that all its brokers bind and advertise. */
  readonly host: string;
  readonly brokers: readonly BrokerPlace[];
  /** Listener name to security protocol, besides PLAINTEXT. */
  readonly listeners: Readonly<Record<string, string>>;
  /** By listener, one port per broker; where it is missing clients are told the broker's own. */
  readonly advertisedPorts: Readonly<Record<string, readonly number[]>>;
  readonly config: Readonly<Record<string, string>>;
}

/** Of a broker with thousands of partitions. */
export const MANY_PARTITIONS_CONFIG = {
  // Reserved for each partition, twice, and mapped into memory.
  'log.index.size.max.bytes': String(64 * 1024),
  'log.segment.bytes': String(16 * 1024 * 1024),
  // A broker that is busy with so many is not to be taken for dead.
  'broker.session.timeout.ms': '120000',
};

/**
 * Controllers vote, and an even number of voters survives no more losses than one fewer: in a
 * cluster of two, only the first is a controller, and the second can be killed.
 */
export function controllerCount(brokers: number): number {
  return brokers % 2 === 0 ? brokers - 1 : brokers;
}

/** What tests want: quick groups, few internal partitions, no topic by accident, little memory. */
function testDefaults(brokers: number): Record<string, string> {
  const replicas = String(Math.min(brokers, 3));
  return {
    'num.partitions': '1',
    'default.replication.factor': replicas,
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': String(Math.max(1, Number(replicas) - 1)),
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    // The default of 128 MiB is allocated at once, by every broker.
    'log.cleaner.dedupe.buffer.size': String(4 * 1024 * 1024),
    'num.network.threads': '2',
    'num.io.threads': '4',
    'background.threads': '2',
    'num.recovery.threads.per.data.dir': '1',
    'controlled.shutdown.enable': String(brokers > 1),
    // A killed broker is noticed, and may come back, after one session.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'controller.quorum.election.timeout.ms': '500',
    'controller.quorum.fetch.timeout.ms': '1000',
    'controller.quorum.election.backoff.max.ms': '200',
  };
}

/** The server.properties of one broker. */
export function serverProperties(plan: ClusterPlan, place: BrokerPlace): string {
  const voters = plan.brokers.slice(0, controllerCount(plan.brokers.length));
  const isController = voters.includes(place);
  const names = Object.keys(place.ports);
  const addresses = names.map((name) => `${name}://${plan.host}:${place.ports[name]}`);
  const advertised = names.map((name) => {
    const port = plan.advertisedPorts[name]?.[place.nodeId - 1] ?? place.ports[name];
    return `${name}://${plan.host}:${port}`;
  });
  const controller = `CONTROLLER://${plan.host}:${place.controllerPort}`;
  const protocols = { PLAINTEXT: 'PLAINTEXT', CONTROLLER: 'PLAINTEXT', ...plan.listeners };
  const properties: Record<string, string> = {
    'process.roles': isController ? 'broker,controller' : 'broker',
    'node.id': String(place.nodeId),
    'controller.quorum.voters': voters
      .map((voter) => `${voter.nodeId}@${plan.host}:${voter.controllerPort}`)
      .join(','),
    listeners: (isController ? [...addresses, controller] : addresses).join(','),
    'advertised.listeners': advertised.join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': Object.entries(protocols)
      .map(([name, protocol]) => `${name}:${protocol}`)
      .join(','),
    'log.dirs': place.logDirs.join(','),
    'metadata.log.dir': place.logDirs[0]!,
    ...testDefaults(plan.brokers.length),
    ...plan.config,
  };
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

export interface JavaMemory {
  readonly heapMb: number;
  readonly directMb: number;
  readonly metaspaceMb: number;
}

/**
 * The command line of a broker. `start` stops at the first compiler, which starts in two thirds of
 * the time; `throughput` lets the second one work, for benchmarks.
 */
export function brokerArgs(options: {
  readonly kafkaFolder: string;
  readonly memory: JavaMemory;
  readonly tunedFor: 'start' | 'throughput';
  readonly log4jFile: string;
  readonly propertiesFile: string;
}): string[] {
  const { kafkaFolder, memory } = options;
  const libs = join(kafkaFolder, 'libs');
  const jars = readdirSync(libs)
    .filter((name) => name.endsWith('.jar'))
    .sort();
  return [
    `-Xmx${memory.heapMb}m`,
    `-Xms${Math.min(64, memory.heapMb)}m`,
    '-Xss512k',
    `-XX:MaxDirectMemorySize=${memory.directMb}m`,
    `-XX:MaxMetaspaceSize=${memory.metaspaceMb}m`,
    '-XX:ReservedCodeCacheSize=64m',
    '-XX:+UseSerialGC',
    '-XX:+ExitOnOutOfMemoryError',
    '-XX:-UsePerfData',
    ...(options.tunedFor === 'start' ? ['-XX:TieredStopAtLevel=1'] : []),
    // An archive of another Java, or none, is passed over without a word.
    `-XX:SharedArchiveFile=${join(kafkaFolder, 'classes.jsa')}`,
    '-Xshare:auto',
    '-Xlog:disable',
    '-Djava.awt.headless=true',
    `-Dlog4j.configuration=file:${options.log4jFile}`,
    '-cp',
    jars.map((jar) => join(libs, jar)).join(':'),
    'kafka.Kafka',
    options.propertiesFile,
  ];
}

export const LOG4J_PROPERTIES = `log4j.rootLogger=WARN, out
log4j.logger.kafka=INFO
log4j.logger.org.apache.kafka.common.config.AbstractConfig=WARN
log4j.logger.kafka.server.KafkaConfig=WARN
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %p %m (%c{1})%n
`;
