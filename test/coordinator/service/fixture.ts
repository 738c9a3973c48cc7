import { credentials, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { systemClock, type Clock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { TICK_MS } from '../../../coordinator/service/coordination.js';
import { Coordinator } from '../../../coordinator/service/coordinator.js';
import type {
  DurableAck,
  FlowTargetPort,
  OpenedFlowTarget,
} from '../../../coordinator/service/flow-target-port.js';
import type { FailbackDriver } from '../../../coordinator/service/failback-runner.js';
import type { Promoter } from '../../../coordinator/service/promotion-runner.js';
import { GroupNotOnTargetError } from '../../../coordinator/validation/look-at-group.js';
import { InProcessLeaseStore } from '../../../coordinator/store/in-process-lease-store.js';
import type { MemoryKeyValue } from '../../../coordinator/store/memory-key-value.js';
import { loadMirrorConfig } from '../../../mirror/config/mm2-config.js';
import {
  AgentServiceClient,
  type AgentMessage,
  type CoordinatorMessage,
  type Grant,
  type Hello,
  type Welcome,
} from '../../../proto/gen/mirror/v1/agent.js';
import type { WorkItem } from '../../../proto/gen/mirror/v1/common.js';
import { OperatorServiceClient } from '../../../proto/gen/mirror/v1/operator.js';

/** Long enough that nothing expires while a slow machine runs a test that is not about expiry. */
export const LEASE_TTL_MS = 30_000;

const HEARTBEAT_MS = 250;

/** A target in memory: what the coordinator does with a target, without a cluster behind it. */
export class MemoryTarget implements FlowTargetPort {
  promoted: { atMs: number; completedAtMs: number | undefined } | undefined;
  readonly promotedTopics = new Map<string, 'promoting' | 'promoted'>();
  readonly unfinishedPromotion = undefined;
  problem: string | undefined;
  readonly progress: Parameters<FlowTargetPort['applyProgress']>[0][] = [];
  readonly #durable: ((acks: readonly DurableAck[]) => void)[] = [];
  fence: () => void = () => {};

  ensureTopic(topic: { name: string; partitionCount: number }) {
    const { name, partitionCount } = topic;
    return Promise.resolve({
      targetTopic: `a.${name}`,
      targetTopicId: 'target-id',
      partitionCount,
    });
  }

  assignment() {
    const producer = { producerId: 7n, producerEpoch: 3, sequenceBase: 0n };
    return { ...producer, sourceTopicId: 'source-id', mapTail: [] };
  }

  applyProgress(update: Parameters<FlowTargetPort['applyProgress']>[0]): void {
    this.progress.push(update);
    const last = update.runs.at(-1);
    if (last === undefined) return;
    const { topic, partition } = update;
    const sourceNext = last.sourceStart + last.length;
    const targetNext = last.targetStart + last.length;
    for (const listener of this.#durable) listener([{ topic, partition, sourceNext, targetNext }]);
  }

  forgetTopic(): void {}

  acceptWider(): Promise<void> {
    return Promise.resolve();
  }

  findMapEntry(_topic: string, _partition: number, targetOffset: bigint) {
    return [{ sourceStart: targetOffset, targetStart: targetOffset, length: 1n }];
  }

  onDurable(listener: (acks: readonly DurableAck[]) => void): void {
    this.#durable.push(listener);
  }

  onFenced(listener: () => void): void {
    this.fence = listener;
  }

  readonly groups = {
    list: () => Promise.resolve([]),
    toTarget: () => Promise.resolve([]),
    toSource: () => Promise.resolve([]),
  };

  recordGroupOffsets(): void {}
  groupPositions() {
    return [];
  }
  readonly producer = { producerId: 7n };
  verifiablePartitions() {
    return { verifiable: [], corrupt: [], unbegun: [] };
  }
  mappedPartitions() {
    return [];
  }
}

const neverFailsBack: FailbackDriver<OpenedFlowTarget> = {
  plan: () => Promise.reject(new Error('no failback here')),
  failback: () => Promise.reject(new Error('no failback here')),
  isUnderWay: () => false,
  readQuarantine: () => Promise.resolve(),
};

const neverPromotes: Promoter<OpenedFlowTarget> = {
  plan: ({ request }) =>
    Promise.resolve({
      ...{ flow: request.flow, phase: 'running', topics: [], groups: [], blockers: [] },
      ...{ warnings: [], isPlanned: false },
      source: { state: 'unknown', evidence: 'a test' },
    }),
  drill: () => Promise.reject(new Error('not in this test')),
  promote: async ({ host, onStep, request }, signal) => {
    onStep({ name: 'fence', done: false, message: '', elapsedMs: 0 });
    host.setFlowState(request.flow, 'promoting');
    await host.stopFlow(request.flow, undefined, signal);
    onStep({ name: 'fence', done: true, message: 'stopped', elapsedMs: 1 });
    host.setFlowState(request.flow, 'promoted');
    const nothing = { topics: [], groups: [], blockers: [], warnings: [], isPlanned: false };
    const plan = { flow: request.flow, ...nothing };
    const source = { state: 'unknown', evidence: 'a test' } as const;
    return {
      plan: { ...plan, phase: 'promoted' as const, source },
      alreadyPromoted: false,
      elapsedMs: 1,
    };
  },
};

export interface Fixture {
  readonly coordinator: Coordinator<OpenedFlowTarget>;
  readonly store: InProcessLeaseStore;
  readonly target: MemoryTarget;
  readonly agents: AgentServiceClient;
  readonly operators: OperatorServiceClient;
  /** Of its configuration file. */
  readonly lines: readonly string[];
  close(): Promise<void>;
}

export interface FixtureOptions {
  readonly id?: string;
  readonly shared?: MemoryKeyValue;
  readonly listen?: string;
  /** Of its configuration file, beside what it needs. */
  readonly lines?: readonly string[];
  readonly open?: (target: MemoryTarget) => Promise<OpenedFlowTarget>;
  /** The coordinator's; that of its store goes on as it is. */
  readonly clock?: Clock;
}

/** Goes like the system's, and is put forward when a lease is to run out. */
export class ForwardClock implements Clock {
  #aheadMs = 0;
  readonly #sleepers = new Set<{ readonly dueMs: number; readonly wake: () => void }>();
  nowMs = (): number => systemClock.nowMs() + this.#aheadMs;
  wallMs = (): number => systemClock.wallMs();

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const awake = new AbortController();
    const sleeper = { dueMs: this.nowMs() + ms, wake: () => awake.abort() };
    this.#sleepers.add(sleeper);
    const either = signal === undefined ? awake.signal : AbortSignal.any([awake.signal, signal]);
    await systemClock.sleep(ms, either).catch(() => signal?.throwIfAborted());
    this.#sleepers.delete(sleeper);
  }

  /** A tick at a time, each of which is heard: time that passes unheard is no agent's silence. */
  async putForward(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += TICK_MS) {
      this.#aheadMs += TICK_MS;
      for (const { dueMs, wake } of this.#sleepers) if (dueMs <= this.nowMs()) wake();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

export async function startFixture(options: FixtureOptions = {}): Promise<Fixture> {
  const { id = 'one', shared, listen = '127.0.0.1:0', clock = systemClock } = options;
  const lines = [
    'clusters = a, b',
    'a.bootstrap.servers = 127.0.0.1:1',
    'b.bootstrap.servers = 127.0.0.1:2',
    'a->b.enabled = true',
    `coordinator.listen = ${listen}`,
    `coordinator.lease.ttl.ms = ${LEASE_TTL_MS}`,
    ...(options.lines ?? []),
  ];
  const text = lines.join('\n');
  const config = loadMirrorConfig({ path: 'test', text, requireSourceBootstrap: false });
  const store = new InProcessLeaseStore({
    ...{ clock: systemClock, leaderTtlMs: LEASE_TTL_MS },
    ...(shared === undefined ? {} : { shared }),
  });
  const target = new MemoryTarget();
  const opened: OpenedFlowTarget = {
    target,
    close: () => Promise.resolve(),
    lookAtGroup: (group) => Promise.reject(new GroupNotOnTargetError(group, 'b')),
  };
  const coordinator = new Coordinator<OpenedFlowTarget>({
    ...{ config, store, storeName: 'in-process', id, version: '0.0.0', clock },
    log: silentLogger,
    openTarget: () => options.open?.(target) ?? Promise.resolve(opened),
    promoter: neverPromotes,
    failback: neverFailsBack,
  });
  try {
    await coordinator.start();
  } catch (error) {
    await store.close();
    throw error;
  }
  const insecure = credentials.createInsecure();
  const agents = new AgentServiceClient(coordinator.address, insecure);
  const operators = new OperatorServiceClient(coordinator.address, insecure);
  const close = async (): Promise<void> => {
    agents.close();
    operators.close();
    await coordinator.close();
    await store.close();
  };
  return { coordinator, store, target, agents, operators, lines, close };
}

/** Looks again and again; fails loudly instead of hanging. */
export async function until<T>(look: () => T | undefined, what: string): Promise<T> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const found = look();
    if (found !== undefined) return found;
    await systemClock.sleep(10);
  }
  throw new Error(`never happened: ${what}`);
}

type Case<K> = Extract<NonNullable<CoordinatorMessage['message']>, { $case: K }>;

/** An agent without a copier: speaks the protocol and remembers what it was told. */
export class TestAgent {
  readonly messages: NonNullable<CoordinatorMessage['message']>[] = [];
  error: ServiceError | undefined;
  readonly #call: ClientDuplexStream<AgentMessage, CoordinatorMessage>;
  readonly #ended: Promise<void>;

  constructor(client: AgentServiceClient, hello: Partial<Hello> & { agentId: string }) {
    this.#call = client.session();
    this.#ended = new Promise((resolve) => this.#call.once('status', () => resolve()));
    this.#call.on('data', ({ message }: CoordinatorMessage) => {
      if (message !== undefined) this.messages.push(message);
    });
    this.#call.on('error', (error) => (this.error = error as ServiceError));
    const rest = {
      site: '',
      clusters: ['a', 'b'],
      version: 'test',
      sessionId: '',
      held: [],
      siteTaskKinds: [],
      protocol: 1,
    };
    this.say({ $case: 'hello', value: { ...rest, ...hello } });
  }

  say(message: NonNullable<AgentMessage['message']>): void {
    this.#call.write({ message });
  }

  /** Sends heartbeats, as an agent does, until it leaves or is left. */
  stay(): void {
    let sequence = 0n;
    const beat = setInterval(() => {
      sequence += 1n;
      this.say({
        $case: 'heartbeat',
        value: { sequence, bufferedBytes: 0n, limitedFlows: [], missingRights: [] },
      });
    }, HEARTBEAT_MS);
    void this.#ended.then(() => clearInterval(beat));
  }

  welcome(): Promise<Welcome> {
    return until(() => this.all('welcome')[0], 'a welcome');
  }

  all<K extends NonNullable<CoordinatorMessage['message']>['$case']>(kind: K): Case<K>['value'][] {
    return this.messages
      .filter((message): message is Case<K> => message.$case === kind)
      .map((message) => message.value as Case<K>['value']);
  }

  grants(): Grant[] {
    return this.all('grants').flatMap(({ grants }) => grants);
  }

  grant(match: (item: WorkItem) => boolean): Promise<Grant> {
    return until(
      () => this.grants().findLast(({ item }) => item !== undefined && match(item)),
      'a grant',
    );
  }

  failure(): Promise<ServiceError> {
    return until(() => this.error, 'the end of the stream');
  }

  /** Also one whose stream has ended already: it has its status, and gets no other. */
  async leave(): Promise<void> {
    this.#call.cancel();
    await this.#ended;
  }
}

export const isSite = ({ work }: WorkItem): boolean => work?.$case === 'site';
export const isPartition =
  (partition: number) =>
  ({ work }: WorkItem): boolean =>
    work?.$case === 'partition' && work.value.partition === partition;
