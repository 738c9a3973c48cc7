import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brokersSeenBy } from './api-versions-probe.js';
import { kafkaFolder } from './fetched.js';
import { freePorts } from './free-port.js';
import {
  brokerArgs,
  LOG4J_PROPERTIES,
  serverProperties,
  type BrokerPlace,
  type ClusterPlan,
} from './kafka-config.js';
import { commandAt, HERE, type NetworkPlace } from './network-place.js';
import { ServerProcess } from './server-process.js';
import { temporaryFolder } from './temporary-folder.js';

export const KAFKA_CURRENT = '4.3.0';
export const KAFKA_OLDER = '3.9.2';

const READY_MS_MAX = 90_000;

export interface KafkaOptions {
  /** Names its folder and its errors. */
  readonly name: string;
  readonly version?: string;
  readonly brokers?: number;
  /** Lines for every server.properties; they win over the kit's own. */
  readonly config?: Readonly<Record<string, string>>;
  readonly heapMb?: number;
  /** Directories for the logs of one broker; one unless told. */
  readonly logDirs?: number;
  /** More listeners than PLAINTEXT, by name: `{ SASL: 'SASL_PLAINTEXT' }`. */
  readonly listeners?: Readonly<Record<string, string>>;
  /**
   * By listener, the port that clients are told instead of its own, for a proxy in front of it: one
   * per broker, in the order of their ids.
   */
  readonly advertisedPorts?: Readonly<Record<string, readonly number[]>>;
  /** `throughput` for benchmarks; the default starts faster and runs slower. */
  readonly tunedFor?: 'start' | 'throughput';
  /** All brokers run there; the default is this machine. */
  readonly place?: NetworkPlace;
}

/** One broker: the same ports and the same data however often it is killed and started. */
export interface KafkaBroker {
  readonly nodeId: number;
  /** Of the PLAINTEXT listener. */
  readonly port: number;
  /** Of every listener, by its name. */
  readonly ports: Readonly<Record<string, number>>;
  readonly pid: number;
  readonly running: boolean;
  readonly logFile: string;
  /** Holds the partitions' folders: for tests that damage or fill them while it is stopped. */
  readonly logDir: string;
  /** All of them, if it has more than one. */
  readonly logDirs: readonly string[];
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again and waits until it answers. */
  start(): Promise<void>;
  /** Starts it again, and does not wait. */
  launch(): void;
  /** Controlled shutdown. */
  stop(): Promise<void>;
  waitReady(): Promise<void>;
}

export interface KafkaServers {
  readonly name: string;
  readonly version: string;
  readonly clusterId: string;
  /** The PLAINTEXT addresses of all brokers, with commas between. */
  readonly bootstrapServers: string;
  readonly brokers: readonly KafkaBroker[];
  bootstrapServersOf(listener: string): string;
  /** Kills all brokers and removes their data. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Writes what `kafka-storage format` would, without the second that it takes. */
function format(place: BrokerPlace, clusterId: string, kafka: string): void {
  for (const logDir of place.logDirs) {
    mkdirSync(logDir, { recursive: true });
    const directoryId = randomBytes(16).toString('base64url');
    writeFileSync(
      join(logDir, 'meta.properties'),
      `version=1\ncluster.id=${clusterId}\nnode.id=${place.nodeId}\ndirectory.id=${directoryId}\n`,
    );
  }
  const checkpoint = 'bootstrap.checkpoint';
  copyFileSync(join(kafka, checkpoint), join(place.logDirs[0]!, checkpoint));
}

async function planCluster(options: KafkaOptions, folder: string): Promise<ClusterPlan> {
  const names = ['PLAINTEXT', ...Object.keys(options.listeners ?? {})];
  const brokers: BrokerPlace[] = [];
  for (let nodeId = 1; nodeId <= (options.brokers ?? 1); nodeId++) {
    const [controllerPort = 0, ...ports] = await freePorts(1 + names.length);
    brokers.push({
      nodeId,
      controllerPort,
      ports: Object.fromEntries(names.map((name, index) => [name, ports[index] ?? 0])),
      logDirs: Array.from({ length: options.logDirs ?? 1 }, (_, index) =>
        join(folder, index === 0 ? `broker-${nodeId}` : `broker-${nodeId}-${index + 1}`),
      ),
    });
  }
  return {
    host: (options.place ?? HERE).host,
    brokers,
    listeners: options.listeners ?? {},
    advertisedPorts: options.advertisedPorts ?? {},
    config: options.config ?? {},
  };
}

class Broker implements KafkaBroker {
  readonly #host: string;
  readonly #place: BrokerPlace;
  readonly #server: ServerProcess;

  constructor(host: string, place: BrokerPlace, server: ServerProcess) {
    this.#host = host;
    this.#place = place;
    this.#server = server;
  }

  get nodeId(): number {
    return this.#place.nodeId;
  }

  get port(): number {
    return this.#place.ports['PLAINTEXT'] ?? 0;
  }

  get ports(): Readonly<Record<string, number>> {
    return this.#place.ports;
  }

  get pid(): number {
    return this.#server.pid;
  }

  get running(): boolean {
    return this.#server.running;
  }

  get logFile(): string {
    return this.#server.logFile;
  }

  get logDir(): string {
    return this.#place.logDirs[0]!;
  }

  get logDirs(): readonly string[] {
    return this.#place.logDirs;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#server.kill(signal);
  }

  async start(): Promise<void> {
    this.#server.launch();
    await this.waitReady();
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }

  launch(): void {
    this.#server.launch();
  }

  async waitReady(): Promise<void> {
    await this.waitForPeers([this.nodeId]);
  }

  /** Until it counts these nodes as alive. */
  async waitForPeers(expected: readonly number[]): Promise<void> {
    const seesAll = async (): Promise<boolean> => {
      const seen = await brokersSeenBy(this.port, this.#host);
      return expected.every((nodeId) => seen.includes(nodeId));
    };
    await this.#server.waitUntil(seesAll, READY_MS_MAX);
  }
}

function makeBroker(options: KafkaOptions, plan: ClusterPlan, place: BrokerPlace): Broker {
  const folder = join(place.logDirs[0]!, '..');
  const path = (suffix: string): string => join(folder, `broker-${place.nodeId}.${suffix}`);
  const heapMb = options.heapMb ?? 320;
  writeFileSync(path('properties'), serverProperties(plan, place));
  writeFileSync(path('log4j'), LOG4J_PROPERTIES);
  const args = brokerArgs({
    kafkaFolder: kafkaFolder(options.version ?? KAFKA_CURRENT),
    memory: { heapMb, directMb: 96, metaspaceMb: 160 },
    tunedFor: options.tunedFor ?? 'start',
    log4jFile: path('log4j'),
    propertiesFile: path('properties'),
  });
  const name = `broker ${place.nodeId} of ${options.name}`;
  const command = commandAt(options.place ?? HERE, 'java', args);
  return new Broker(
    plan.host,
    place,
    new ServerProcess({ name, ...command, logFile: path('log') }),
  );
}

/** Starts a cluster and waits until every broker sees all others. */
export async function startKafka(options: KafkaOptions): Promise<KafkaServers> {
  const version = options.version ?? KAFKA_CURRENT;
  const kafka = kafkaFolder(version);
  const folder = temporaryFolder(`kafka-${options.name}`);
  const clusterId = randomBytes(16).toString('base64url');
  const plan = await planCluster(options, folder);
  for (const place of plan.brokers) format(place, clusterId, kafka);
  const brokers = plan.brokers.map((place) => makeBroker(options, plan, place));
  const stop = async (): Promise<void> => {
    // A clean shutdown needs a quorum of controllers until the last; the data goes anyway.
    await Promise.all(brokers.map((broker) => broker.kill()));
    rmSync(folder, { recursive: true, force: true });
  };
  const bootstrapServersOf = (listener: string): string =>
    brokers.map((broker) => `${plan.host}:${broker.ports[listener]}`).join(',');
  try {
    for (const broker of brokers) broker.launch();
    const nodeIds = brokers.map((broker) => broker.nodeId);
    await Promise.all(brokers.map((broker) => broker.waitForPeers(nodeIds)));
  } catch (error) {
    await Promise.all(brokers.map((broker) => broker.kill()));
    throw error;
  }
  return {
    name: options.name,
    version,
    clusterId,
    bootstrapServers: bootstrapServersOf('PLAINTEXT'),
    brokers,
    bootstrapServersOf,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
