import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { freePorts } from './free-port.js';
import { runMirrorctl, untilDone, type Finished } from './run-mirrorctl.js';
import { startEtcd, type EtcdServers } from './start-etcd.js';
import { startKafka, type KafkaServers } from './start-kafka.js';
import { startProcess, type RunningProcess } from './start-process.js';
import { temporaryFolder } from './temporary-folder.js';

const STEP_MS_MAX = 60_000;

/** As long as a machine may stall: a leader that loses its seat cuts off the command under way. */
const LEASE_TTL_MS = 10_000;

/** `A->B` at the edge: A is known to the agent alone. The coordinator has etcd, and may be killed. */
export class FailbackSite {
  readonly a: KafkaServers;
  readonly b: KafkaServers;
  readonly folder = temporaryFolder('failback-site');
  readonly #etcd: EtcdServers;
  readonly #address: string;
  #coordinator: RunningProcess | undefined;
  #agent: RunningProcess | undefined;
  #addressOfA: string | undefined;

  private constructor(
    servers: { a: KafkaServers; b: KafkaServers; etcd: EtcdServers },
    port: number,
  ) {
    this.a = servers.a;
    this.b = servers.b;
    this.#etcd = servers.etcd;
    this.#address = `127.0.0.1:${port}`;
  }

  static async open(): Promise<FailbackSite> {
    const [a, b, etcd, ports] = await Promise.all([
      startKafka({ name: 'a' }),
      startKafka({ name: 'b' }),
      startEtcd(),
      freePorts(1),
    ]);
    return new FailbackSite({ a, b, etcd }, ports[0]!);
  }

  /** What the coordinator's file says of A, if anything, is remembered for the next start. */
  async startCoordinator({ addressOfA }: { addressOfA?: string } = {}): Promise<void> {
    this.#addressOfA = addressOfA ?? this.#addressOfA;
    const address = this.#addressOfA;
    const lines = [
      'clusters = A, B',
      ...(address === undefined ? [] : [`A.bootstrap.servers = ${address}`]),
      `B.bootstrap.servers = ${this.b.bootstrapServers}`,
      'A->B.enabled = true',
      'A->B.topics = orders',
      'replication.policy.class = org.apache.kafka.connect.mirror.IdentityReplicationPolicy',
      'replication.factor = 1',
      'checkpoints.topic.replication.factor = 1',
      'heartbeats.topic.replication.factor = 1',
      'offset-syncs.topic.replication.factor = 1',
      `coordinator.etcd.endpoints = ${this.#etcd.endpoints.join(',')}`,
      `coordinator.listen = ${this.#address}`,
      'coordinator.http.listen = 127.0.0.1:0',
      `coordinator.lease.ttl.ms = ${LEASE_TTL_MS}`,
    ];
    const args = ['coordinator/main.js', this.#write('coordinator.properties', lines)];
    this.#coordinator = await startProcess({ name: 'coordinator', args });
    // Ready is not yet: leading, with its target open.
    const plan = (): Promise<Finished> => this.ctl('failback', 'A:B', '--plan');
    await eventually(async () => (await plan()).out.startsWith('Failback of'), plan, STEP_MS_MAX);
  }

  async stopCoordinator(): Promise<void> {
    await this.#coordinator?.stop();
  }

  async startAgent(): Promise<void> {
    const lines = [
      'agent.id = site',
      'agent.clusters = A, B',
      `A.bootstrap.servers = ${this.a.bootstrapServers}`,
      `agent.coordinators = ${this.#address}`,
      'agent.http.listen = 127.0.0.1:0',
    ];
    const args = ['agent/main.js', this.#write('agent.properties', lines)];
    this.#agent = await startProcess({ name: 'agent', args });
  }

  async killCoordinator(): Promise<void> {
    await this.#coordinator?.kill('SIGKILL');
  }

  async killAgent(): Promise<void> {
    await this.#agent?.kill('SIGKILL');
  }

  ctl(...args: string[]): Promise<Finished> {
    return runMirrorctl(args, { MIRRORCTL_COORDINATOR: this.#address });
  }

  failback(...flags: string[]): Promise<Finished> {
    return this.ctl('failback', 'A:B', '--yes', '--quarantine-dir', this.folder, ...flags);
  }

  /**
   * Calls failback, kills the coordinator right after this step of it, and starts another one. Where the
   * one before came further than its step until it was dead, this step is not to come any more.
   */
  async killAt(step: string): Promise<void> {
    const call = this.failback();
    const isStep = (line: Readonly<Record<string, unknown>>): boolean =>
      line['msg'] === 'failback step done' && line['step'] === step;
    const reached = this.#coordinator!.waitForLine(isStep, STEP_MS_MAX);
    await Promise.race([reached, untilDone(call)]);
    await this.#coordinator!.kill('SIGKILL');
    await Promise.allSettled([call, reached]);
    await this.startCoordinator();
  }

  async close(): Promise<void> {
    await Promise.all([this.#coordinator?.kill('SIGKILL'), this.#agent?.kill('SIGKILL')]);
    await Promise.all([this.#etcd.stop(), this.a.stop(), this.b.stop()]);
  }

  #write(name: string, lines: readonly string[]): string {
    const file = join(this.folder, name);
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  }
}
