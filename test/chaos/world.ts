import { copyFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compactEtcd } from '../kit/compact-etcd.js';
import { eventually } from '../kit/eventually.js';
import { freePorts } from '../kit/free-port.js';
import { compiledRoot } from '../kit/project-root.js';
import { startEtcd, type EtcdServers } from '../kit/start-etcd.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import {
  launchProcess,
  startProcess,
  type ProcessOptions,
  type RunningProcess,
} from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import type { Network } from './network.js';
import { SOURCE, TARGET, type Node, type Topology } from './topology.js';

export const FLOW = 'source->target';
export const LEASE_TTL_MS = 3_000;

/** One that is frozen says nothing. */
const ANSWER_MS_MAX = 2_000;

const LEADER_MS_MAX = 60_000;

/** Same ports in each namespace: nobody else is there. */
const COORDINATOR_PORT = 7_700;
const LINK_PORT = 7_701;
const HTTP_PORT = 7_780;

/** One program and what it was started with, to start it again. */
interface Program {
  readonly options: ProcessOptions;
  running: RunningProcess;
  /** Its logs, one for each start. */
  readonly logFiles: string[];
  /** Told to end: until it was started again its end is no surprise. */
  ended: boolean;
}

/** All processes, each in the namespace of its node. */
export class World {
  readonly source: KafkaServers;
  readonly target: KafkaServers;
  readonly etcd: EtcdServers;
  readonly topology: Topology;
  readonly #network: Network;
  readonly #folder = temporaryFolder('chaos');
  readonly #programs = new Map<Node, Program>();
  /** Found ended, without having been told to, when it was to be ended or judged. */
  readonly #crashed = new Set<Node>();
  #linkPort = 0;
  /** By server, the program that makes its round trips longer. */
  readonly #links = new Map<Node, RunningProcess>();

  private constructor(
    network: Network,
    topology: Topology,
    servers: { source: KafkaServers; target: KafkaServers; etcd: EtcdServers },
  ) {
    this.#network = network;
    this.topology = topology;
    this.source = servers.source;
    this.target = servers.target;
    this.etcd = servers.etcd;
  }

  /** Clusters, etcd and links; `startPrograms` mirrors. */
  static async open(network: Network, topology: Topology): Promise<World> {
    const [linkPort = 0] = await freePorts(1);
    const startCluster = (name: Node): Promise<KafkaServers> =>
      startKafka({
        name,
        place: network.place(name),
        listeners: { LINK: 'PLAINTEXT' },
        advertisedPorts: { LINK: [linkPort] },
        config: { 'transaction.state.log.num.partitions': '1' },
      });
    const places = topology.etcd.map((node) => network.place(node));
    const [source, target, etcd] = await Promise.all([
      startCluster(SOURCE),
      startCluster(TARGET),
      startEtcd({ members: places.length, places }),
    ]);
    const world = new World(network, topology, { source, target, etcd });
    const brokerPort = (kafka: KafkaServers): number => kafka.brokers[0]?.ports['LINK'] ?? 0;
    await Promise.all([
      world.#startLink(SOURCE, linkPort, brokerPort(source)),
      world.#startLink(TARGET, linkPort, brokerPort(target)),
      ...topology.coordinators.map((node) => world.#startLink(node, LINK_PORT, COORDINATOR_PORT)),
      ...topology.etcd.map((node, index) =>
        world.#startLink(node, LINK_PORT, etcd.members[index]?.port ?? 0),
      ),
    ]);
    world.#linkPort = linkPort;
    return world;
  }

  /** What mirrorctl is told: this process reaches coordinators whatever is cut. */
  get coordinators(): string {
    return this.topology.coordinators
      .map((node) => this.#address(node, COORDINATOR_PORT))
      .join(',');
  }

  /** `host:port` of a program's metrics. */
  http(node: Node): string {
    return this.#address(node, HTTP_PORT);
  }

  async startPrograms(): Promise<void> {
    const { agents, coordinators } = this.topology;
    const add = async (node: Node, main: string, lines: readonly string[]): Promise<void> => {
      const file = this.#write(`${node}.properties`, lines);
      const jumpFile = this.#write(`${node}.jump`, ['0']);
      const jumping = join(compiledRoot(), 'test', 'chaos', 'jumping-wall-clock.js');
      const options: ProcessOptions = {
        name: node,
        args: [main, file],
        place: this.#network.place(node),
        env: { NODE_OPTIONS: `--import=file://${jumping}`, JUMP_FILE: jumpFile },
      };
      const running = await startProcess(options);
      this.#programs.set(node, { options, running, logFiles: [running.logFile], ended: false });
    };
    await Promise.all([
      ...coordinators.map((node) => add(node, 'coordinator/main.js', this.#coordinatorLines(node))),
      ...agents.map((node) => add(node, 'agent/main.js', this.#agentLines(node))),
    ]);
  }

  /** Stops a node's process: for `SIGTERM` it must leave in order. */
  async end(node: Node, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const program = this.#programs.get(node);
    if (program === undefined) {
      await this.#server(node).kill(signal);
      return;
    }
    // What starts it again must not hide that it ended by itself.
    this.#noteCrash(node, program);
    program.ended = true;
    const { isReady } = program.running;
    await program.running.kill(signal);
    const exit = await program.running.exit();
    // One that still starts may have no handler yet.
    if (signal === 'SIGTERM' && isReady && exit.code !== 0) {
      throw new Error(`${node} was told to leave and ended with ${exit.code ?? exit.signal}`);
    }
  }

  /** Starts what `end` stopped; whether it gets ready, what is cut may decide. */
  start(node: Node): void {
    const program = this.#programs.get(node);
    if (program === undefined) {
      this.#server(node).launch();
      return;
    }
    program.running = launchProcess(program.options);
    program.logFiles.push(program.running.logFile);
    program.ended = false;
  }

  async signal(node: Node, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    await (this.#programs.get(node)?.running ?? this.#server(node)).kill(signal);
  }

  async setDelay(node: Node, roundTripMs: number): Promise<void> {
    const link = this.#links.get(node);
    if (link === undefined) throw new Error(`${node} has no link`);
    await fetch(`http://${String(link.readyLine['http'])}/${roundTripMs}`, { method: 'PUT' });
  }

  async compactEtcd(member: Node): Promise<void> {
    const endpoint = this.etcd.endpoints[this.topology.etcd.indexOf(member)];
    if (endpoint === undefined) throw new Error(`no etcd member ${member}`);
    await compactEtcd(endpoint, ANSWER_MS_MAX);
  }

  /** Sets its wall clock that much ahead of this machine's. */
  async setWallClock(node: Node, offsetMs: number): Promise<void> {
    this.#write(`${node}.jump`, [String(offsetMs)]);
    const running = this.#programs.get(node)?.running;
    // One that still starts has no handler yet, and would end; it reads the file by itself.
    if (running?.isReady === true) await running.kill('SIGUSR2');
  }

  /** Programs that ended without being told to. */
  crashed(): string[] {
    for (const [node, program] of this.#programs) this.#noteCrash(node, program);
    return [...this.#crashed];
  }

  #noteCrash(node: Node, { running, ended }: Program): void {
    if (!ended && !running.running) this.#crashed.add(node);
  }

  /** The leader's node, as the coordinators' own metrics say; undefined while there is none. */
  async leader(among = this.topology.coordinators): Promise<Node | undefined> {
    for (const node of among) if (await this.leads(node)) return node;
    return undefined;
  }

  async leads(coordinator: Node): Promise<boolean> {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const text = await fetch(`http://${this.http(coordinator)}/metrics`, { signal })
      .then((answer) => answer.text())
      .catch(() => '');
    return /^mirror_coordinator_is_leader 1$/m.test(text);
  }

  async waitForLeader(): Promise<Node> {
    let leader: Node | undefined;
    await eventually(
      async () => (leader = await this.leader()) !== undefined,
      () => 'a leader',
      LEADER_MS_MAX,
    );
    return leader as Node;
  }

  /** Copies the logs to a folder that stays. */
  keepLogs(): string {
    const kept = mkdtempSync(join(tmpdir(), 'mirrorctl-chaos-'));
    for (const [node, { logFiles, running }] of this.#programs) {
      const all = new Set([...logFiles, running.logFile]);
      for (const [index, file] of [...all].entries())
        copyFileSync(file, join(kept, `${node}.${index}.log`));
    }
    for (const node of [...this.topology.clusters, ...this.topology.etcd])
      copyFileSync(this.#server(node).logFile, join(kept, `${node}.log`));
    return kept;
  }

  async close(): Promise<void> {
    const programs = [...this.#programs.values()].map(({ running }) => running);
    await Promise.all(
      [...programs, ...this.#links.values()].map((program) => program.kill('SIGKILL')),
    );
    await Promise.all([this.etcd.stop(), this.source.stop(), this.target.stop()]);
  }

  #server(node: Node): KafkaServers['brokers'][number] | EtcdServers['members'][number] {
    if (node === SOURCE || node === TARGET) {
      const [broker] = (node === SOURCE ? this.source : this.target).brokers;
      if (broker !== undefined) return broker;
    }
    const member = this.etcd.members[this.topology.etcd.indexOf(node)];
    if (member === undefined) throw new Error(`no node ${node}`);
    return member;
  }

  async #startLink(node: Node, port: number, serverPort: number): Promise<void> {
    const place = this.#network.place(node);
    const args = ['test/chaos/link-program.js', place.host, String(port), String(serverPort)];
    this.#links.set(node, await startProcess({ name: `link-${node}`, args, place }));
  }

  #address(node: Node, port: number): string {
    return `${this.#network.place(node).host}:${port}`;
  }

  #coordinatorLines(node: Node): string[] {
    const etcd = this.topology.etcd.map((each) => `http://${this.#address(each, LINK_PORT)}`);
    return [
      'clusters = source, target',
      `source.bootstrap.servers = ${this.#address(SOURCE, this.#linkPort)}`,
      `target.bootstrap.servers = ${this.#address(TARGET, this.#linkPort)}`,
      `${FLOW}.enabled = true`,
      `${FLOW}.topics = orders, ledger`,
      `${FLOW}.groups = billing`,
      'replication.factor = 1',
      'checkpoints.topic.replication.factor = 1',
      'heartbeats.topic.replication.factor = 1',
      'offset-syncs.topic.replication.factor = 1',
      'refresh.topics.interval.seconds = 5',
      'sync.group.offsets.enabled = true',
      'sync.group.offsets.interval.seconds = 1',
      'emit.checkpoints.interval.seconds = 1',
      `coordinator.id = ${node}`,
      `coordinator.listen = ${this.#address(node, COORDINATOR_PORT)}`,
      `coordinator.advertised.listen = ${this.#address(node, LINK_PORT)}`,
      `coordinator.http.listen = ${this.http(node)}`,
      `coordinator.etcd.endpoints = ${etcd.join(',')}`,
      `coordinator.lease.ttl.ms = ${LEASE_TTL_MS}`,
    ];
  }

  #agentLines(node: Node): string[] {
    const coordinators = this.topology.coordinators.map((each) => this.#address(each, LINK_PORT));
    return [
      `agent.id = ${node}`,
      'agent.clusters = source, target',
      `agent.coordinators = ${coordinators.join(', ')}`,
      `agent.http.listen = ${this.http(node)}`,
    ];
  }

  #write(name: string, lines: readonly string[]): string {
    const path = join(this.#folder, name);
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  }
}
