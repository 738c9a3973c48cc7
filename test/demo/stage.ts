import { mkdtempSync, copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../kit/free-port.js';
import { lastLogLines } from '../kit/server-process.js';
import { EtcdUnavailable, startEtcd, type EtcdServers } from '../kit/start-etcd.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics } from '../kit/write-unique.js';
import { GROUP, TOPICS } from './application.js';
import { DemoFailure } from './narrator.js';

export const FLOW = 'us-east:us-west';

const LEASE_TTL_MS = 3_000;
const LOOK_INTERVAL_MS = 200;
const LOG_LINES_SHOWN_MAX = 15;
const LOG_LINE_SHOWN_MAX = 300;

export type AgentName = 'agent-east' | 'agent-west';
const SITES: Readonly<Record<AgentName, string>> = {
  'agent-east': 'us-east',
  'agent-west': 'us-west',
};

/** A process on the stage; one that ends without being told to ends the demo. */
interface Member {
  readonly logFile: string;
  readonly running: () => boolean;
  /** The demo killed it. */
  ended: boolean;
}

export interface Wait<T> {
  /** Completes the sentence "expected …". */
  readonly expected: string;
  readonly limitMs: number;
  /** Names of the processes whose logs may tell why it does not come true. */
  readonly concerned: readonly string[];
  /** What is waited for; undefined while it is not so. */
  readonly look: () => T | undefined | Promise<T | undefined>;
  /** What is so instead, for the failure. */
  readonly describe?: () => string;
}

/** Everything that runs as a process of its own. */
export class Stage {
  readonly east: KafkaServers;
  readonly west: KafkaServers;
  readonly coordinatorAddress: string;
  readonly #etcd: EtcdServers | undefined;
  readonly #programs = new Map<string, RunningProcess>();
  readonly #members = new Map<string, Member>();
  readonly #folder = temporaryFolder('configuration');
  readonly #ports: readonly number[];

  private constructor(
    clusters: { east: KafkaServers; west: KafkaServers },
    etcd: EtcdServers | undefined,
    ports: readonly number[],
  ) {
    this.east = clusters.east;
    this.west = clusters.west;
    this.#etcd = etcd;
    this.#ports = ports;
    this.coordinatorAddress = `127.0.0.1:${ports[0]}`;
    for (const cluster of [this.east, this.west]) {
      for (const broker of cluster.brokers) {
        const { logFile } = broker;
        this.#members.set(cluster.name, { logFile, running: () => broker.running, ended: false });
      }
    }
    for (const member of etcd?.members ?? []) {
      const { logFile } = member;
      this.#members.set('etcd', { logFile, running: () => member.running, ended: false });
    }
  }

  /** Clusters, etcd and topics. `embedded` does without etcd, and so does a machine without one. */
  static async open({ embedded }: { embedded: boolean }): Promise<Stage> {
    const [east, west, etcd] = await Promise.all([
      startKafka({ name: 'us-east' }),
      startKafka({ name: 'us-west' }),
      embedded ? undefined : startEtcdIfThere(),
    ]);
    const topics = Object.entries(TOPICS).map(([topic, partitions]) => ({ topic, partitions }));
    await createTopics({ bootstrapServers: east.bootstrapServers }, topics);
    return new Stage({ east, west }, etcd, await freePorts(4));
  }

  get embedded(): boolean {
    return this.#etcd === undefined;
  }

  get agents(): readonly AgentName[] {
    return this.embedded ? [] : ['agent-east', 'agent-west'];
  }

  /** The process that mirrorctl talks to. */
  get leader(): string {
    return this.embedded ? 'mirror-maker' : 'coordinator';
  }

  /** The processes that copy. */
  get copiers(): readonly string[] {
    return this.embedded ? ['mirror-maker'] : this.agents;
  }

  /** Who copies while all is well: an agent of the source's own site is preferred to any other. */
  get preferred(): readonly string[] {
    return this.embedded ? this.copiers : this.agents.filter((name) => SITES[name] === 'us-east');
  }

  /** Where everything listens, for people. */
  addresses(): (readonly [string, string])[] {
    const http = ([name, program]: [string, RunningProcess]): [string, string] => {
      if (!program.running) return [name, 'killed'];
      const place = name === this.leader ? `gRPC ${this.coordinatorAddress}, ` : '';
      return [name, `${place}http://${String(program.readyLine['http'])}, pid ${program.pid}`];
    };
    const broker = (cluster: KafkaServers): [string, string] => {
      const [first] = cluster.brokers;
      if (first?.running !== true) return [cluster.name, 'killed'];
      return [
        cluster.name,
        `${cluster.bootstrapServers}, Kafka ${cluster.version}, pid ${first.pid}`,
      ];
    };
    const etcd = (this.#etcd?.members ?? []).map(
      ({ endpoint, pid }) => ['etcd', `${endpoint}, pid ${pid}`] as const,
    );
    return [broker(this.east), broker(this.west), ...etcd, ...[...this.#programs].map(http)];
  }

  /** `http://host:port` of the coordinator, or of what stands in for it. */
  get leaderHttp(): string {
    return `http://${String(this.#programs.get(this.leader)?.readyLine['http'])}`;
  }

  async startMirroring(): Promise<void> {
    if (this.embedded) return await this.#startMirrorMaker();
    const configuration = this.#write('mirror.properties', [
      ...this.#flowLines(),
      `coordinator.etcd.endpoints = ${this.#etcd?.endpoints.join(',') ?? ''}`,
    ]);
    await this.#start('coordinator', 'coordinator/main.js', configuration);
    const agents = Object.entries(SITES).map(async ([name, site], index) => {
      const agent = this.#write(`${name}.properties`, [
        `agent.id = ${name}`,
        `agent.site = ${site}`,
        'agent.clusters = us-east, us-west',
        `agent.coordinators = ${this.coordinatorAddress}`,
        `agent.http.listen = 127.0.0.1:${this.#ports[2 + index]}`,
      ]);
      await this.#start(name, 'agent/main.js', agent);
    });
    await Promise.all(agents);
  }

  /** SIGKILL, and the process id that it had. */
  async kill(name: string): Promise<number> {
    const program = this.#programs.get(name);
    if (program === undefined) throw new Error(`${name} was never started`);
    this.#expectEnd(name);
    await program.kill('SIGKILL');
    return program.pid;
  }

  async killSource(): Promise<void> {
    this.#expectEnd('us-east');
    await Promise.all(this.east.brokers.map((broker) => broker.kill('SIGKILL')));
  }

  async restartMirrorMaker(): Promise<void> {
    await this.#startMirrorMaker();
  }

  /** Looks until it is so; ends early when a process that should run does not. */
  async wait<T>(wait: Wait<T>): Promise<T> {
    const deadlineMs = performance.now() + wait.limitMs;
    for (;;) {
      const found = await wait.look();
      if (found !== undefined) return found;
      this.#assertRunning(wait.expected);
      if (performance.now() > deadlineMs) {
        const instead = wait.describe === undefined ? '' : `; ${wait.describe()}`;
        const limit = `${wait.limitMs / 1_000} s`;
        throw new DemoFailure(
          `expected ${wait.expected} within ${limit}${instead}`,
          wait.concerned,
        );
      }
      await delay(LOOK_INTERVAL_MS);
    }
  }

  /** The end of a process's log, short enough to be read. */
  lastLines(name: string): string {
    const member = this.#members.get(name);
    if (member === undefined) return '(no log)';
    const lines = lastLogLines(member.logFile).trimEnd().split('\n');
    const cut = (line: string): string =>
      line.length > LOG_LINE_SHOWN_MAX ? `${line.slice(0, LOG_LINE_SHOWN_MAX)}...` : line;
    return lines.slice(-LOG_LINES_SHOWN_MAX).map(cut).join('\n');
  }

  /** Copies logs and configuration to a folder that stays; the stage's own goes with it. */
  keepLogs(): string {
    const kept = mkdtempSync(join(tmpdir(), 'mirrorctl-demo-'));
    for (const [name, { logFile }] of this.#members) {
      if (existsSync(logFile)) copyFileSync(logFile, join(kept, `${name}.log`));
    }
    for (const name of ['mirror', ...this.agents]) {
      const path = join(this.#folder, `${name}.properties`);
      if (existsSync(path)) copyFileSync(path, join(kept, `${name}.properties`));
    }
    return kept;
  }

  /** Services drain when `gently`; the servers' data goes with them in any case. */
  async close({ gently }: { gently: boolean }): Promise<void> {
    for (const name of this.#members.keys()) this.#expectEnd(name);
    const programs = [...this.#programs.values()].reverse();
    if (gently) for (const program of programs) await program.stop();
    await Promise.all(programs.map((program) => program.kill('SIGKILL')));
    await Promise.all([this.#etcd?.stop(), this.east.stop(), this.west.stop()]);
  }

  async #startMirrorMaker(): Promise<void> {
    const configuration = this.#write('mirror.properties', [
      ...this.#flowLines(),
      `agent.http.listen = 127.0.0.1:${this.#ports[2]}`,
    ]);
    await this.#start('mirror-maker', 'mirror-maker/main.js', configuration);
  }

  async #start(name: string, program: string, configuration: string): Promise<void> {
    const started = await startProcess({ name, args: [program, configuration] });
    this.#programs.set(name, started);
    const { logFile } = started;
    this.#members.set(name, { logFile, running: () => started.running, ended: false });
  }

  /** What a user writes for MirrorMaker 2, plus where the coordinator listens. */
  #flowLines(): string[] {
    return [
      'clusters = us-east, us-west',
      `us-east.bootstrap.servers = ${this.east.bootstrapServers}`,
      `us-west.bootstrap.servers = ${this.west.bootstrapServers}`,
      'us-east->us-west.enabled = true',
      'us-west->us-east.enabled = false',
      `us-east->us-west.topics = ${Object.keys(TOPICS).join(', ')}`,
      `us-east->us-west.groups = ${GROUP}`,
      'replication.factor = 1',
      'checkpoints.topic.replication.factor = 1',
      'heartbeats.topic.replication.factor = 1',
      'offset-syncs.topic.replication.factor = 1',
      `coordinator.listen = ${this.coordinatorAddress}`,
      `coordinator.http.listen = 127.0.0.1:${this.#ports[1]}`,
      `coordinator.lease.ttl.ms = ${LEASE_TTL_MS}`,
    ];
  }

  #write(name: string, lines: readonly string[]): string {
    const path = join(this.#folder, name);
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  }

  #expectEnd(name: string): void {
    const member = this.#members.get(name);
    if (member !== undefined) member.ended = true;
  }

  #assertRunning(expected: string): void {
    for (const [name, member] of this.#members) {
      if (member.ended || member.running()) continue;
      throw new DemoFailure(`expected ${expected}, but ${name} ended by itself`, [name]);
    }
  }
}

async function startEtcdIfThere(): Promise<EtcdServers | undefined> {
  try {
    return await startEtcd();
  } catch (error) {
    if (error instanceof EtcdUnavailable) return undefined;
    throw error;
  }
}
