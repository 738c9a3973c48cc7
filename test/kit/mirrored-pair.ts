import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { freePorts } from './free-port.js';
import { connectKafkajs } from './kafkajs-client.js';
import { RunningMirrorctl, type Finished } from './run-mirrorctl.js';
import { startEtcd, type EtcdServers } from './start-etcd.js';
import { startKafka, type KafkaOptions, type KafkaServers } from './start-kafka.js';
import { startProcess, type ProcessOptions, type RunningProcess } from './start-process.js';
import { temporaryFolder } from './temporary-folder.js';
import { topicOffsets } from './topic-offsets.js';

const CAUGHT_UP_MS_MAX = 90_000;

/** Short, so that what a killed program held moves soon: it must not stand still for longer either. */
const LEASE_TTL_MS = 3_000;

/** Nothing that is killed leaves a lease behind in a mirror-maker: it may stand still as a user's may. */
const EMBEDDED_LEASE_TTL_MS = 10_000;

export interface PairOptions {
  /** Lines for the configuration, beside the clusters and what one broker each needs. */
  readonly flowLines: readonly string[];
  readonly broker?: KafkaOptions['config'];
  readonly brokerHeapMb?: number;
  /** A coordinator on etcd and agents of these names, in place of one mirror-maker. */
  readonly agents?: readonly string[];
  /** How many coordinators share the etcd; one unless told. */
  readonly coordinators?: number;
  /** Short with agents unless told; longer where nobody is killed, since machines stall. */
  readonly leaseTtlMs?: number;
  /** For `mirrorctl`, where the coordinator asks for more than its address. */
  readonly operatorEnv?: Readonly<Record<string, string>>;
}

/** The programs of another version than this one, by its compiled output. */
export interface Version {
  readonly compiled?: string | undefined;
}

export interface CoordinatorOptions extends Version {
  /** Which of them. */
  readonly index?: number;
  /** It kills itself there; see crash-coordinator.ts. */
  readonly crashAt?: string | undefined;
}

export interface AgentOptions extends Version {
  /** Where it finds them, if not at their own addresses. */
  readonly coordinators?: string;
  /** Lines for its own file, beside its name and where its coordinators are. */
  readonly lines?: readonly string[];
}

/** Two clusters, us-east and us-west, and the programs that mirror one to the other. */
export class MirroredPair {
  readonly east: KafkaServers;
  readonly west: KafkaServers;
  /** The addresses of all coordinators, for whoever looks for the one that leads. */
  readonly coordinator: string;
  readonly programs = new Map<string, RunningProcess>();
  readonly #options: PairOptions;
  readonly #etcd: EtcdServers | undefined;
  readonly #folder = temporaryFolder('pair');
  readonly #addresses: readonly string[];

  private constructor(
    options: PairOptions,
    servers: { east: KafkaServers; west: KafkaServers; etcd: EtcdServers | undefined },
    ports: readonly number[],
  ) {
    this.#options = options;
    this.east = servers.east;
    this.west = servers.west;
    this.#etcd = servers.etcd;
    this.#addresses = ports.map((port) => `127.0.0.1:${port}`);
    this.coordinator = this.#addresses.join(',');
  }

  /** Of the etcd, where there is one. */
  get etcdEndpoints(): readonly string[] {
    return this.#etcd?.endpoints ?? [];
  }

  /** Clusters only; `start` mirrors. */
  static async open(options: PairOptions): Promise<MirroredPair> {
    const { broker: config = {}, brokerHeapMb } = options;
    const cluster = { config, ...(brokerHeapMb === undefined ? {} : { heapMb: brokerHeapMb }) };
    const [east, west, etcd, ports] = await Promise.all([
      startKafka({ name: 'us-east', ...cluster }),
      startKafka({ name: 'us-west', ...cluster }),
      options.agents === undefined ? undefined : startEtcd(),
      freePorts(options.coordinators ?? 1),
    ]);
    return new MirroredPair(options, { east, west, etcd }, ports);
  }

  async start(version: Version = {}): Promise<void> {
    const { agents } = this.#options;
    const file = this.write('mirror.properties', this.#lines());
    if (agents === undefined) {
      await this.startProgram('mirror-maker', ['mirror-maker/main.js', file]);
      return;
    }
    for (const index of this.#addresses.keys()) await this.startCoordinator({ index, ...version });
    await Promise.all(agents.map((name) => this.startAgent(name, version)));
  }

  /** The first is the program `mirror-coordinator`, the second `mirror-coordinator-2`. */
  async startCoordinator({ index = 0, crashAt, compiled }: CoordinatorOptions = {}): Promise<void> {
    const name = index === 0 ? 'mirror-coordinator' : `mirror-coordinator-${index + 1}`;
    const file = this.write(`${name}.properties`, this.#lines(index));
    const program =
      crashAt === undefined ? 'coordinator/main.js' : 'test/faults/crash-coordinator.js';
    const env = crashAt === undefined ? {} : { CRASH_AT: crashAt };
    await this.startProgram(name, [program, file], { env, compiled });
  }

  async startAgent(name: string, options: AgentOptions = {}): Promise<void> {
    const lines = [
      `agent.id = ${name}`,
      'agent.clusters = us-east, us-west',
      `agent.coordinators = ${options.coordinators ?? this.coordinator}`,
      'agent.http.listen = 127.0.0.1:0',
      ...(options.lines ?? []),
    ];
    const file = this.write(`${name}.properties`, lines);
    await this.startProgram(name, ['agent/main.js', file], { compiled: options.compiled });
  }

  async startProgram(
    name: string,
    args: readonly string[],
    options: Pick<ProcessOptions, 'env' | 'compiled'> = {},
  ): Promise<void> {
    this.programs.set(name, await startProcess({ name, args, ...options }));
  }

  /** Ends the programs, and leaves the clusters as they are. */
  async stop(): Promise<void> {
    await Promise.all([...this.programs.values()].map((program) => program.stop()));
    this.programs.clear();
  }

  async close(): Promise<void> {
    await Promise.all([...this.programs.values()].map((program) => program.kill('SIGKILL')));
    await Promise.all([this.#etcd?.stop(), this.east.stop(), this.west.stop()]);
  }

  mirrorctl(...args: string[]): Promise<Finished> {
    return this.startMirrorctl(...args).finished;
  }

  startMirrorctl(...args: string[]): RunningMirrorctl {
    return new RunningMirrorctl(args, {
      MIRRORCTL_COORDINATOR: this.coordinator,
      ...this.#options.operatorEnv,
    });
  }

  /** Copied to where the topics end on their sources now: what is reported may be older than that. */
  async caughtUp(topics: readonly string[], limitMs = CAUGHT_UP_MS_MAX): Promise<void> {
    const ends = new Map([
      ...(await endsOf('us-east', this.east, topics)),
      ...(await endsOf('us-west', this.west, topics)),
    ]);
    let last: unknown;
    const look = async (): Promise<boolean> => {
      const { out, err } = await this.mirrorctl('--json', 'status');
      last = out + err;
      if (!out.startsWith('{')) return false;
      const { flows } = JSON.parse(out) as { flows: FlowDocument[] };
      const copied = new Set<string>();
      for (const { flow, partitionDetails } of flows) {
        for (const { topic, partition, state, sourceEnd, lagRecords } of partitionDetails) {
          const place = placeOf(flow.split('->')[0]!, topic, partition);
          if (state === 'running' && lagRecords === 0 && sourceEnd >= (ends.get(place) ?? 0))
            copied.add(place);
        }
      }
      return (
        [...ends.keys()].every((place) => copied.has(place)) &&
        topics.every((topic) => [...copied].some((place) => place.includes(` ${topic}/`)))
      );
    };
    await eventually(look, () => last, limitMs);
  }

  /** Of what mirrors, as it was last started. */
  get configFile(): string {
    return join(this.#folder, 'mirror.properties');
  }

  write(name: string, lines: readonly string[]): string {
    const file = join(this.#folder, name);
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  }

  #lines(index = 0): string[] {
    const etcd = this.#etcd?.endpoints.join(',');
    const leaseTtlMs = etcd === undefined ? EMBEDDED_LEASE_TTL_MS : LEASE_TTL_MS;
    return [
      'clusters = us-east, us-west',
      `us-east.bootstrap.servers = ${this.east.bootstrapServers}`,
      `us-west.bootstrap.servers = ${this.west.bootstrapServers}`,
      'us-east->us-west.enabled = true',
      'us-east->us-west.replication.factor = 1',
      'checkpoints.topic.replication.factor = 1',
      'heartbeats.topic.replication.factor = 1',
      'offset-syncs.topic.replication.factor = 1',
      `coordinator.listen = ${this.#addresses[index] ?? ''}`,
      'coordinator.http.listen = 127.0.0.1:0',
      `coordinator.lease.ttl.ms = ${this.#options.leaseTtlMs ?? leaseTtlMs}`,
      ...(etcd === undefined ? [] : [`coordinator.etcd.endpoints = ${etcd}`]),
      ...this.#options.flowLines,
    ];
  }
}

interface FlowDocument {
  readonly flow: string;
  readonly partitionDetails: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly state: string;
    readonly sourceEnd: number;
    readonly lagRecords: number;
  }[];
}

function placeOf(alias: string, topic: string, partition: number): string {
  return `${alias} ${topic}/${partition}`;
}

/** Where those of the topics end that the cluster has. */
async function endsOf(
  alias: string,
  servers: KafkaServers,
  topics: readonly string[],
): Promise<[place: string, end: number][]> {
  const admin = connectKafkajs(servers).admin();
  await admin.connect();
  try {
    const there = new Set(await admin.listTopics());
    const ends: [string, number][] = [];
    for (const topic of topics.filter((each) => there.has(each))) {
      for (const { partition, high } of await topicOffsets(admin, topic))
        ends.push([placeOf(alias, topic, partition), Number(high)]);
    }
    return ends;
  } finally {
    await admin.disconnect();
  }
}
