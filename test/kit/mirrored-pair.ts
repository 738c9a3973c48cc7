import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { freePorts } from './free-port.js';
import { RunningMirrorctl, type Finished } from './run-mirrorctl.js';
import { startEtcd, type EtcdServers } from './start-etcd.js';
import { startKafka, type KafkaOptions, type KafkaServers } from './start-kafka.js';
import { startProcess, type RunningProcess } from './start-process.js';
import { temporaryFolder } from './temporary-folder.js';

const CAUGHT_UP_MS_MAX = 90_000;
const LEASE_TTL_MS = 3_000;

export interface PairOptions {
  /** Lines for the configuration, beside the clusters and what one broker each needs. */
  readonly flowLines: readonly string[];
  readonly broker?: KafkaOptions['config'];
  /** A coordinator on etcd and agents of these names, in place of one mirror-maker. */
  readonly agents?: readonly string[];
}

/** Two clusters, us-east and us-west, and the programs that mirror one to the other. */
export class MirroredPair {
  readonly east: KafkaServers;
  readonly west: KafkaServers;
  readonly coordinator: string;
  readonly programs = new Map<string, RunningProcess>();
  readonly #options: PairOptions;
  readonly #etcd: EtcdServers | undefined;
  readonly #folder = temporaryFolder('pair');

  private constructor(
    options: PairOptions,
    servers: { east: KafkaServers; west: KafkaServers; etcd: EtcdServers | undefined },
    port: number,
  ) {
    this.#options = options;
    this.east = servers.east;
    this.west = servers.west;
    this.#etcd = servers.etcd;
    this.coordinator = `127.0.0.1:${port}`;
  }

  /** Clusters only; `start` mirrors. */
  static async open(options: PairOptions): Promise<MirroredPair> {
    const config = options.broker ?? {};
    const [east, west, etcd, ports] = await Promise.all([
      startKafka({ name: 'us-east', config }),
      startKafka({ name: 'us-west', config }),
      options.agents === undefined ? undefined : startEtcd(),
      freePorts(1),
    ]);
    return new MirroredPair(options, { east, west, etcd }, ports[0]!);
  }

  async start(): Promise<void> {
    const { agents } = this.#options;
    const file = this.write('mirror.properties', this.#lines());
    if (agents === undefined) {
      await this.startProgram('mirror-maker', ['mirror-maker/main.js', file]);
      return;
    }
    await this.startCoordinator();
    await Promise.all(agents.map((name) => this.startAgent(name)));
  }

  /** `crashAt`: kills itself there; see crash-coordinator.ts. */
  async startCoordinator(crashAt?: string): Promise<void> {
    const file = this.write('mirror.properties', this.#lines());
    const program =
      crashAt === undefined ? 'coordinator/main.js' : 'test/faults/crash-coordinator.js';
    const env = crashAt === undefined ? {} : { CRASH_AT: crashAt };
    await this.startProgram('mirror-coordinator', [program, file], env);
  }

  async startAgent(name: string): Promise<void> {
    const lines = [
      `agent.id = ${name}`,
      'agent.clusters = us-east, us-west',
      `agent.coordinators = ${this.coordinator}`,
      'agent.http.listen = 127.0.0.1:0',
    ];
    await this.startProgram(name, ['agent/main.js', this.write(`${name}.properties`, lines)]);
  }

  async startProgram(
    name: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    this.programs.set(name, await startProcess({ name, args, env }));
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
    return new RunningMirrorctl(args, { MIRRORCTL_COORDINATOR: this.coordinator });
  }

  /** Resolves once these topics are mirrored, nothing is halted, and nothing lags. */
  async caughtUp(topics: readonly string[]): Promise<void> {
    let last: unknown;
    const look = async (): Promise<boolean> => {
      const { out, err } = await this.mirrorctl('--json', 'topics');
      last = out + err;
      if (!out.startsWith('{')) return false;
      const { topics: rows } = JSON.parse(out) as {
        topics: { topic: string; state: string; lagRecords?: number }[];
      };
      return topics.every((topic) =>
        rows.some((row) => row.topic === topic && row.state === 'running' && row.lagRecords === 0),
      );
    };
    await eventually(look, () => last, CAUGHT_UP_MS_MAX);
  }

  write(name: string, lines: readonly string[]): string {
    const file = join(this.#folder, name);
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  }

  #lines(): string[] {
    const etcd = this.#etcd?.endpoints.join(',');
    return [
      'clusters = us-east, us-west',
      `us-east.bootstrap.servers = ${this.east.bootstrapServers}`,
      `us-west.bootstrap.servers = ${this.west.bootstrapServers}`,
      'us-east->us-west.enabled = true',
      'us-east->us-west.replication.factor = 1',
      'checkpoints.topic.replication.factor = 1',
      'heartbeats.topic.replication.factor = 1',
      'offset-syncs.topic.replication.factor = 1',
      `coordinator.listen = ${this.coordinator}`,
      'coordinator.http.listen = 127.0.0.1:0',
      `coordinator.lease.ttl.ms = ${LEASE_TTL_MS}`,
      ...(etcd === undefined ? [] : [`coordinator.etcd.endpoints = ${etcd}`]),
      ...this.#options.flowLines,
    ];
  }
}
