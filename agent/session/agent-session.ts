import type { AgentConfig } from '../../mirror/config/agent-config.js';
import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { AGENT_PROTOCOL } from '../../mirror/agent-protocol.js';
import type { MirrorConfig } from '../../mirror/config/mirror-config.js';
import type {
  CoordinatorMessage,
  Grant,
  Hello,
  MapAck,
  Welcome,
} from '../../proto/gen/mirror/v1/agent.js';
import type { WorkItem } from '../../proto/gen/mirror/v1/common.js';
import { LeaseClock } from '../lease/lease-clock.js';
import { MemoryBudget } from '../replication/memory-budget.js';
import { TokenBucket } from '../replication/token-bucket.js';
import type { CopierState, PartitionCopier } from '../replication/partition-copier.js';
import { CoordinatorLink } from '../rpc/coordinator-link.js';
import { SITE_TASK_EXECUTORS } from '../site-tasks/registry.js';
import { SiteTaskRunner } from '../site-tasks/site-task-runner.js';
import { SiteWorker } from '../site/site-worker.js';
import { FlowRuntimes, type FlowRuntime } from './flow-runtimes.js';
import { HeldItems, type Held } from './held-items.js';
import {
  inMessages,
  NO_NEWS,
  ProgressReport,
  reportIntervalMs,
  type ReportedPartition,
} from './progress-report.js';
import { partitionItem, siteItem, workKey } from './work-key.js';

/** How often the deadline of a heartbeat is looked at. */
const HEARTBEAT_CHECK_MS = 50;

export interface AgentSessionOptions {
  config: AgentConfig;
  /** The flows' configuration, from the property lines that a coordinator ships. */
  loadFlows: (shipped: Readonly<Record<string, string>>) => MirrorConfig;
  /** Clusters that it can reach, if they change with the flows; else those of its file. */
  clusters?: (() => readonly string[]) | undefined;
  version: string;
  clock: Clock;
  log: Logger;
}

/** One held lease and the work that it stands for. */
interface HeldItem extends Held {
  runtime: FlowRuntime;
  /** For site work. */
  mirroredTopics: readonly string[];
  copier?: PartitionCopier;
  site?: SiteWorker;
}

/**
 * What an agent does: keeps a session with the coordinator, works on the items it is granted, and
 * reports. Work goes on while the coordinator is away: the append itself is safe, so an agent past
 * its deadline copies on until it meets a rival.
 */
export class AgentSession {
  readonly memory: MemoryBudget;
  readonly #options: AgentSessionOptions;
  readonly #link: CoordinatorLink;
  readonly #lease: LeaseClock;
  readonly #flows: FlowRuntimes;
  readonly #report: ProgressReport;
  readonly #siteTasks: SiteTaskRunner;
  readonly #held: HeldItems<HeldItem>;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];
  #sessionId = '';
  /** As the last hello said. */
  #clusters = '';
  #helloAtMs = 0;
  #heartbeatDueMs = Infinity;

  constructor(options: AgentSessionOptions) {
    const { config, clock, log } = options;
    this.#options = options;
    this.memory = new MemoryBudget(config.memoryBytesMax);
    this.#lease = new LeaseClock(clock);
    this.#report = new ProgressReport(clock);
    this.#held = new HeldItems({
      begin: (grant, item) => this.#begin(grant, item),
      // What was said between two grants was not listened to.
      renewed: ({ site }) => site?.repeatAll(),
      end: (held) => this.#stopWork(held),
      released: (item, leaseEpoch, reason) => this.#sendReleased(item, leaseEpoch, reason),
      failed: (error) =>
        log.error({ error: describeError(error) }, 'an item was not released cleanly'),
    });
    this.#link = new CoordinatorLink({
      coordinators: config.coordinators,
      tls: config.tls,
      clock,
      log,
      hello: () => this.#hello(),
      onMessage: (message) => this.#receive(message),
      onDisconnected: () => {
        this.#heartbeatDueMs = Infinity;
        this.#siteTasks.streamEnded();
      },
    });
    this.#flows = new FlowRuntimes({
      agentId: config.id,
      lanesPerBroker: config.connectionsPerBrokerMax,
      memory: this.memory,
      bandwidth: new TokenBucket(config.bandwidthBytesPerSecond, clock.nowMs()),
      clock,
      log,
      onSettled: (copier) => this.#report.wake(copier),
      onStateChanged: (flow, copier, from) => this.#copierChanged(flow, copier, from),
      findMapEntry: async (flow, { assignment: { topic, partition } }, targetOffset) => {
        return this.#link.findMapEntry(partitionItem(flow, topic, partition), targetOffset);
      },
    });
    this.#siteTasks = new SiteTaskRunner({
      executors: SITE_TASK_EXECUTORS,
      openFlow: (flow) => this.#flows.open(flow),
      siteOf: (flow) => this.#held.get(siteItem(flow))?.site,
      send: (report) => this.#link.send({ $case: 'siteTaskReport', value: report }),
      clock,
      log,
    });
  }

  /** Whether a coordinator knows this agent. */
  get connected(): boolean {
    return this.#link.connected && this.#sessionId !== '';
  }

  get leaseValid(): boolean {
    return this.#lease.valid;
  }

  *partitions(): Generator<ReportedPartition> {
    for (const { item, leaseEpoch, copier } of this.#held.all()) {
      if (copier !== undefined) yield { flow: item.flow, leaseEpoch, copier };
    }
  }

  start(): void {
    const { signal } = this.#stop;
    this.#running.push(
      this.#link.run(signal),
      this.#reportProgress(),
      this.#every(HEARTBEAT_CHECK_MS, () => this.#sendHeartbeat()),
    );
  }

  /** Settles what is in flight, reports it, gives everything back and leaves. */
  async close(): Promise<void> {
    this.#link.send({ $case: 'draining', value: {} });
    await this.#siteTasks.close();
    await this.#held.releaseAll('draining');
    this.#stop.abort();
    await Promise.all(this.#running);
    await this.#flows.close();
  }

  async #every(intervalMs: number, act: () => void): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      act();
      await this.#options.clock.sleep(intervalMs, signal).catch(() => undefined);
    }
  }

  #hello(): Hello {
    const { config, version, clock } = this.#options;
    this.#helloAtMs = clock.nowMs();
    const clusters = [...(this.#options.clusters?.() ?? config.clusters)];
    this.#clusters = clusters.join();
    const held = this.#held.all().map(({ item, leaseEpoch }) => ({ item, leaseEpoch }));
    return {
      agentId: config.id,
      site: config.site,
      clusters,
      version,
      protocol: AGENT_PROTOCOL,
      sessionId: this.#sessionId,
      held: this.#sessionId === '' ? [] : held,
      siteTaskKinds: this.#siteTasks.kinds,
    };
  }

  #receive({ message }: CoordinatorMessage): void {
    switch (message?.$case) {
      case 'welcome':
        this.#welcome(message.value);
        return;
      case 'heartbeatAck':
        this.#lease.acknowledge(message.value.sequence);
        return;
      case 'grants':
        for (const grant of message.value.grants) this.#held.granted(grant);
        return;
      case 'revokes':
        for (const revoke of message.value.revokes) this.#held.revoked(revoke);
        return;
      case 'configuration':
        this.#configure(message.value.properties);
        return;
      case 'flowLimit':
        this.#flows.limitFlow(message.value.flow, Number(message.value.bytesPerSecond));
        return;
      case 'mapAcks':
        for (const ack of message.value.acks) this.#mapAcknowledged(ack);
        return;
      case 'siteTask':
        this.#siteTasks.start(message.value);
        return;
      case 'siteTaskAck':
        this.#siteTasks.acknowledge(message.value.taskId, message.value.pieces);
        return;
      case 'cancelSiteTask':
        this.#siteTasks.cancel(message.value.taskId);
        return;
      case undefined:
        this.#options.log.warn('a message of a newer coordinator was ignored');
    }
  }

  #welcome(welcome: Welcome): void {
    const { clock, log } = this.#options;
    this.#configure(welcome.properties);
    this.#sessionId = welcome.sessionId;
    this.#lease.open(Number(welcome.leaseTtlMs), this.#helloAtMs);
    this.#heartbeatDueMs = clock.nowMs();
    this.#report.begin(welcome.takesStanding);
    for (const { site } of this.#held.all()) site?.repeatAll();
    log.info({ session: welcome.sessionId, term: welcome.term.toString() }, 'session opened');
  }

  /** Takes over the flows as they are now; what they do not concern runs on. */
  #configure(properties: Readonly<Record<string, string>>): void {
    const { loadFlows, clusters, log } = this.#options;
    const { changed, retired } = this.#flows.configure(loadFlows(properties));
    for (const { flow } of retired) log.info({ flow }, 'flow is configured anew, or no more');
    const released = this.#held
      .all()
      .filter(({ runtime }) => retired.some((each) => each.runtime === runtime))
      .map((held) => this.#held.release(held, 'its flow is configured anew, or no more'));
    void Promise.all(released)
      .then(() => this.#flows.closeRetired(retired.map(({ runtime }) => runtime)))
      .catch((error: unknown) =>
        log.warn({ error: describeError(error) }, 'a flow that is no more did not close well'),
      );
    for (const held of this.#held.all())
      if (held.site !== undefined && changed.has(held.item.flow)) this.#restartSite(held);
    const reachable = clusters?.().join() ?? this.#clusters;
    if (this.#clusters !== reachable) this.#link.reconnect(); // the hello says what it can reach
  }

  /** Looks at the source under the flow's configuration of now. */
  #restartSite(held: HeldItem): void {
    const { site } = held;
    delete held.site;
    void site?.close().then(() => {
      if (held.releasing === undefined)
        held.site = this.#startSite(held.runtime, held.mirroredTopics);
    });
  }

  #begin(grant: Grant, item: WorkItem): HeldItem | undefined {
    const { leaseEpoch, partition, mirroredTopics } = grant;
    let runtime: FlowRuntime | undefined;
    let reason = `this agent has no bootstrap servers for a cluster of ${item.flow}`;
    try {
      runtime = this.#flows.open(item.flow);
    } catch (error) {
      reason = describeError(error); // such as a key store that cannot be read
    }
    if (runtime === undefined || (item.work?.$case === 'partition' && partition === undefined)) {
      this.#options.log.error({ item: workKey(item) }, reason);
      this.#sendReleased(item, leaseEpoch, reason);
      return undefined;
    }
    const held: HeldItem = { item, leaseEpoch, runtime, mirroredTopics };
    if (item.work?.$case === 'partition' && partition !== undefined)
      held.copier = runtime.copier.add({ ...item.work.value, ...partition });
    else held.site = this.#startSite(runtime, mirroredTopics);
    return held;
  }

  #startSite(runtime: FlowRuntime, mirroredTopics: readonly string[]): SiteWorker {
    const { config, heartbeats, source } = runtime;
    const { clock, log } = this.#options;
    const site = new SiteWorker({
      flow: config,
      heartbeats,
      source,
      clock,
      log: log.child({ flow: config.id }),
      mirroredTopics,
      onMissingRight: this.#flows.missingRights.of(config.id, 'heartbeats'),
      send: (message) => this.#link.writable && this.#link.send(message),
    });
    site.start();
    return site;
  }

  #mapAcknowledged(ack: MapAck): void {
    if (ack.item === undefined) return;
    this.#held.get(ack.item)?.copier?.acknowledgeMap(ack);
  }

  /** Its last progress goes out before the release does. */
  async #stopWork({ item, copier, site, runtime, leaseEpoch }: HeldItem): Promise<void> {
    await site?.close();
    if (copier === undefined) return;
    await runtime.copier.remove(copier);
    const progress = this.#report.report({ flow: item.flow, leaseEpoch, copier });
    this.#link.send({ $case: 'progress', value: { partitions: [progress], standing: [] } });
    this.#report.forget(copier);
  }

  #sendReleased(item: WorkItem, leaseEpoch: bigint, reason: string): void {
    const releases = [{ item, leaseEpoch, reason }];
    this.#link.send({ $case: 'released', value: { releases } });
  }

  #copierChanged(flow: string, copier: PartitionCopier, from: CopierState): void {
    const { topic, partition } = copier.assignment;
    const { log } = this.#options;
    const { state, halt } = copier;
    this.#report.wake(copier);
    if (state === 'halted') {
      log.error({ flow, topic, partition, code: halt?.haltCode }, halt?.message ?? 'halted');
    } else log.debug({ flow, topic, partition, from, to: state }, 'copier state');
    const held = this.#held.get(partitionItem(flow, topic, partition));
    if (held === undefined || held.copier !== copier) return;
    if (state === 'fenced') void this.#held.release(held, 'fenced');
    // Somebody else appended, and the lease is no longer certain: the rival is in the right.
    else if (state === 'settling' && copier.metRival && !this.#lease.valid) {
      void this.#held.release(held, 'met a rival after the lease had ended');
    }
  }

  async #reportProgress(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const canSend = this.connected && this.#link.writable;
      const news = canSend ? this.#report.collect(() => this.partitions()) : NO_NEWS;
      for (const value of inMessages(news)) this.#link.send({ $case: 'progress', value });
      const waitMs = reportIntervalMs(this.#report.awake, news.partitions);
      await this.#options.clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  #sendHeartbeat(): void {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs < this.#heartbeatDueMs) return;
    const sequence = this.#lease.send();
    const bufferedBytes = BigInt(this.memory.heldBytes);
    const limitedFlows = this.#flows.takeLimited();
    const missingRights = this.#flows.missingRights.list();
    const value = { sequence, bufferedBytes, limitedFlows, missingRights };
    this.#link.send({ $case: 'heartbeat', value });
    this.#heartbeatDueMs = nowMs + this.#lease.intervalMs;
  }
}
