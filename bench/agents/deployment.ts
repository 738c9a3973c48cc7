import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../test/kit/free-port.js';
import { MANY_PARTITIONS_CONFIG } from '../../test/kit/kafka-config.js';
import { runMirrorctl } from '../../test/kit/run-mirrorctl.js';
import { startEtcd, type EtcdServers } from '../../test/kit/start-etcd.js';
import { startKafka, type KafkaServers } from '../../test/kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../../test/kit/start-process.js';
import { temporaryFolder } from '../../test/kit/temporary-folder.js';
import { CountingProxy } from './counting-proxy.js';

const MIB = 1024 * 1024;

/** What an agent needs for some hundreds of partitions, many times over. */
const AGENT_HEAP_MB = 192;
const AGENT_MEMORY_BYTES = 32 * MIB;

export interface DeploymentOptions {
  readonly agents: number;
  readonly brokerHeapMb: number;
}

/** Two clusters of one broker, etcd, a coordinator and agents; what they say to each other is counted. */
export class Deployment {
  readonly agents = new Map<string, RunningProcess>();
  readonly source: KafkaServers;
  readonly target: KafkaServers;
  readonly etcd: EtcdServers;
  /** Between agents and coordinator. */
  readonly control: CountingProxy;
  /** Between coordinator and etcd. */
  readonly store: CountingProxy;
  coordinator!: RunningProcess;
  readonly #address: string;
  readonly #folder = temporaryFolder('agents');

  private constructor(
    servers: { source: KafkaServers; target: KafkaServers; etcd: EtcdServers },
    port: number,
  ) {
    this.source = servers.source;
    this.target = servers.target;
    this.etcd = servers.etcd;
    this.#address = `127.0.0.1:${port}`;
    this.control = new CountingProxy(port);
    this.store = new CountingProxy(servers.etcd.members[0]!.port);
  }

  static async open({ brokerHeapMb: heapMb }: DeploymentOptions): Promise<Deployment> {
    const [source, target, etcd, [port = 0]] = await Promise.all([
      startKafka({ name: 'factory', heapMb, config: MANY_PARTITIONS_CONFIG }),
      startKafka({ name: 'central', heapMb, config: MANY_PARTITIONS_CONFIG }),
      startEtcd(),
      freePorts(1),
    ]);
    return new Deployment({ source, target, etcd }, port);
  }

  async start({ agents }: DeploymentOptions): Promise<void> {
    const [control, store] = await Promise.all([this.control.start(), this.store.start()]);
    const file = this.#write('mirror.properties', [
      'clusters = factory, central',
      `factory.bootstrap.servers = ${this.source.bootstrapServers}`,
      `central.bootstrap.servers = ${this.target.bootstrapServers}`,
      'factory->central.enabled = true',
      'factory->central.topics = scale-.*',
      'factory->central.replication.factor = 1',
      'checkpoints.topic.replication.factor = 1',
      'heartbeats.topic.replication.factor = 1',
      'offset-syncs.topic.replication.factor = 1',
      `coordinator.listen = ${this.#address}`,
      'coordinator.http.listen = 127.0.0.1:0',
      `coordinator.etcd.endpoints = http://${store}`,
    ]);
    const name = 'mirror-coordinator';
    this.coordinator = await startProcess({ name, args: ['coordinator/main.js', file] });
    for (let number = 1; number <= agents; number += 1)
      await this.#startAgent(`agent-${number}`, control);
  }

  async close(): Promise<void> {
    const programs = [...this.agents.values(), this.coordinator];
    await Promise.all(programs.map((program) => program?.kill('SIGKILL')));
    this.control.close();
    this.store.close();
    await Promise.all([this.source.stop(), this.target.stop(), this.etcd.stop()]);
  }

  async kill(agent: string): Promise<void> {
    await this.agents.get(agent)?.kill('SIGKILL');
    this.agents.delete(agent);
  }

  /** What `mirrorctl --json` prints; undefined while the coordinator has no answer. */
  async ask<Answer>(command: string): Promise<Answer | undefined> {
    const environment = { MIRRORCTL_COORDINATOR: this.#address };
    const { out } = await runMirrorctl(['--json', command], environment);
    return out.startsWith('{') ? (JSON.parse(out) as Answer) : undefined;
  }

  /** Whether agents that are alive hold at least this many partitions together. */
  async allHeld(partitions: number): Promise<boolean> {
    const answer = await this.ask<{ agents: { agentId: string; partitions: number }[] }>('agents');
    const alive = (answer?.agents ?? []).filter(({ agentId }) => this.agents.has(agentId));
    return alive.reduce((sum, agent) => sum + agent.partitions, 0) >= partitions;
  }

  /** Whether each of these topics is copied, with nothing left to copy. */
  async allCopied(topics: readonly string[]): Promise<boolean> {
    interface Row {
      readonly topic: string;
      readonly state: string;
      readonly lagRecords?: number;
    }
    const answer = await this.ask<{ topics: Row[] }>('topics');
    const copied = (answer?.topics ?? []).filter(
      ({ state, lagRecords }) => state === 'running' && lagRecords === 0,
    );
    return topics.every((topic) => copied.some((row) => row.topic === topic));
  }

  async #startAgent(name: string, coordinator: string): Promise<void> {
    const file = this.#write(`${name}.properties`, [
      `agent.id = ${name}`,
      'agent.clusters = factory, central',
      `agent.coordinators = ${coordinator}`,
      'agent.http.listen = 127.0.0.1:0',
      `agent.memory.bytes.max = ${AGENT_MEMORY_BYTES}`,
    ]);
    const args = ['agent/main.js', file];
    this.agents.set(name, await startProcess({ name, args, heapMb: AGENT_HEAP_MB }));
  }

  #write(name: string, lines: readonly string[]): string {
    const file = join(this.#folder, name);
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  }
}
