import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { KafkaCluster } from '../../kafka/client/index.js';
import { requestTimeoutMs, securityOf } from '../../kafka/client/security-options.js';
import type {
  ClientProperties,
  FlowConfig,
  MirrorConfig,
} from '../../mirror/config/mirror-config.js';
import { reverseHeartbeats } from '../../mirror/heartbeats.js';
import { sameFlow } from '../../mirror/config/reload-plan.js';
import { findFlow } from '../../mirror/failback-flow.js';
import { Bandwidth } from '../replication/bandwidth.js';
import { FlowCopier } from '../replication/flow-copier.js';
import { OffsetSyncEmitter } from '../replication/offset-sync-emitter.js';
import { TokenBucket } from '../replication/token-bucket.js';
import type { MemoryBudget } from '../replication/memory-budget.js';
import type { CopierState, PartitionCopier } from '../replication/partition-copier.js';
import type { Run } from '../replication/run-tail.js';
import { Mm2Takeover } from '../takeover/mm2-takeover.js';
import { MissingRights } from './missing-rights.js';

export interface FlowRuntime {
  config: FlowConfig;
  /** The pair whose heartbeats are to be written to the source, if any. */
  heartbeats: FlowConfig | undefined;
  readonly source: KafkaCluster;
  readonly target: KafkaCluster;
  readonly copier: FlowCopier;
  /** The flow's own limit on this agent. */
  readonly limit: TokenBucket;
  offsetSyncs: OffsetSyncEmitter;
}

/** What another configuration means for the flows that run. */
export interface FlowChanges {
  /** Those whose partitions go on, under another `config`. */
  readonly changed: ReadonlySet<string>;
  /** Those that are no longer here: for closeRetired once their partitions were let go of. */
  readonly retired: readonly { readonly flow: string; readonly runtime: FlowRuntime }[];
}

export interface FlowRuntimesOptions {
  agentId: string;
  lanesPerBroker: number;
  memory: MemoryBudget;
  /** What all flows of this agent may fetch together. */
  bandwidth: TokenBucket;
  clock: Clock;
  log: Logger;
  onStateChanged: (flow: string, copier: PartitionCopier, from: CopierState) => void;
  onSettled: (copier: PartitionCopier) => void;
  findMapEntry: (flow: string, copier: PartitionCopier, target: bigint) => Promise<readonly Run[]>;
}

/** The clusters and copiers behind the flows that an agent works on; opened when first needed. */
export class FlowRuntimes {
  readonly #options: FlowRuntimesOptions;
  /** By connectionKey: flows share what is reached in the same way. */
  readonly #clusters = new Map<string, KafkaCluster>();
  /** Clusters that no flow uses any more once their copiers have stopped. */
  readonly #retired = new Set<KafkaCluster>();
  readonly #flows = new Map<string, FlowRuntime>();
  readonly missingRights = new MissingRights();
  /** This agent's part of a flow's limit, in bytes per second, as the coordinator said last. */
  readonly #shares = new Map<string, number>();
  #config: MirrorConfig | undefined;

  constructor(options: FlowRuntimesOptions) {
    this.#options = options;
  }

  /**
   * Flows that run go on under their new configuration; those whose clusters are reached in another
   * way, or that are no more, are retired: whoever holds their partitions lets go of them, and then
   * calls `closeRetired`.
   */
  configure(config: MirrorConfig): FlowChanges {
    const before = this.#config;
    this.#config = config;
    const changed = new Set<string>();
    const retired: { flow: string; runtime: FlowRuntime }[] = [];
    if (before === undefined) return { changed, retired };
    const used = new Set<string>();
    for (const [id, runtime] of this.#flows) {
      const found = findFlow(config.flows, id);
      const next = found?.enabled === true ? found : undefined;
      const keys = next === undefined ? [] : connectionsOf(next, config).map(connectionKey);
      const reached = connectionsOf(runtime.config, before).map(connectionKey);
      if (next !== undefined && keys.join() === reached.join())
        for (const key of keys) used.add(key);
      if (next === undefined || keys.join() !== reached.join()) {
        this.#flows.delete(id);
        retired.push({ flow: id, runtime });
      } else if (this.#change(runtime, { config: next, flows: config.flows })) changed.add(id);
    }
    for (const [key, cluster] of this.#clusters) {
      if (used.has(key)) continue;
      this.#clusters.delete(key);
      this.#retired.add(cluster);
    }
    return { changed, retired };
  }

  /** Whether anything is different for the flow; its copier goes on in any case. */
  #change(
    runtime: FlowRuntime,
    { config, flows }: { config: FlowConfig; flows: readonly FlowConfig[] },
  ): boolean {
    const heartbeats = reverseHeartbeats(config, flows);
    const sameHeartbeats =
      heartbeats === undefined || runtime.heartbeats === undefined
        ? heartbeats === runtime.heartbeats
        : sameFlow(heartbeats, runtime.heartbeats);
    if (sameHeartbeats && sameFlow(runtime.config, config)) return false;
    runtime.config = config;
    runtime.heartbeats = heartbeats;
    runtime.copier.start = config.startOffset;
    runtime.limit.limit(this.#limitOf(config), this.#options.clock.nowMs());
    void runtime.offsetSyncs.close(); // it never rejects, and the new one writes newer syncs
    runtime.offsetSyncs = this.#offsetSyncs(runtime);
    return true;
  }

  /** Other agents copy the flow as well: this is what is left to this one. */
  limitFlow(id: string, bytesPerSecond: number): void {
    this.#shares.set(id, bytesPerSecond);
    const runtime = this.#flows.get(id);
    runtime?.limit.limit(this.#limitOf(runtime.config), this.#options.clock.nowMs());
  }

  /** Flows whose limit held them back since this was asked last. */
  takeLimited(): string[] {
    return [...this.#flows].filter(([, { limit }]) => limit.takeHeldBack()).map(([id]) => id);
  }

  /** A coordinator that does not share leaves the whole of it to each agent. */
  #limitOf({ id, bandwidthBytesPerSecond }: FlowConfig): number {
    if (bandwidthBytesPerSecond === 0) return 0;
    return Math.min(bandwidthBytesPerSecond, this.#shares.get(id) ?? Infinity);
  }

  /** Of retired flows, after their partitions were let go of. */
  async closeRetired(runtimes: readonly FlowRuntime[]): Promise<void> {
    await Promise.all(runtimes.map(({ offsetSyncs }) => offsetSyncs.close()));
    await Promise.all(runtimes.map(({ copier }) => copier.close()));
    const clusters = [...this.#retired];
    this.#retired.clear();
    await Promise.all(clusters.map((cluster) => cluster.close()));
  }

  get flows(): ReadonlyMap<string, FlowRuntime> {
    return this.#flows;
  }

  /** Undefined for a flow or cluster that the configuration does not name. */
  open(id: string): FlowRuntime | undefined {
    const opened = this.#flows.get(id);
    if (opened !== undefined) return opened;
    const config = findFlow(this.#config?.flows ?? [], id);
    if (config === undefined) return undefined;
    const [source, target] = connectionsOf(config, this.#config!).map((to) => this.#cluster(to));
    if (source === undefined || target === undefined) return undefined;
    const { memory, clock, lanesPerBroker, findMapEntry, onSettled, onStateChanged } =
      this.#options;
    const log = this.#options.log.child({ flow: id });
    const limit = new TokenBucket(this.#limitOf(config), clock.nowMs());
    const copier = new FlowCopier({
      takeover: new Mm2Takeover({ config, source, target, clock, log }),
      flow: id,
      source,
      target,
      start: config.startOffset,
      memory,
      bandwidth: new Bandwidth([limit, this.#options.bandwidth]),
      clock,
      lanesPerBroker,
      log,
      findMapEntry: (needy, targetOffset) => findMapEntry(id, needy, targetOffset),
      onSettled,
      onStateChanged: (changed, from) => onStateChanged(id, changed, from),
    });
    const heartbeats = reverseHeartbeats(config, this.#config?.flows ?? []);
    const parts = { config, heartbeats, limit, source, target, copier };
    const runtime = { ...parts, offsetSyncs: this.#offsetSyncs(parts) };
    this.#flows.set(id, runtime);
    return runtime;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#flows.values()].map(({ offsetSyncs }) => offsetSyncs.close()));
    await Promise.all([...this.#flows.values()].map(({ copier }) => copier.close()));
    await Promise.all([...this.#clusters.values()].map((cluster) => cluster.close()));
  }

  #offsetSyncs(parts: Omit<FlowRuntime, 'offsetSyncs'>): OffsetSyncEmitter {
    const { config, source, target, copier } = parts;
    const { clock, log } = this.#options;
    return new OffsetSyncEmitter({
      ...{ config, source, target, clock },
      copiers: () => copier.copiers,
      log: log.child({ flow: config.id }),
      onMissingRight: this.missingRights.of(config.id, 'offset-syncs'),
    });
  }

  #cluster(to: Connection): KafkaCluster | undefined {
    const key = connectionKey(to);
    const opened = this.#clusters.get(key);
    if (opened !== undefined) return opened;
    const { alias, bootstrapServers, client } = to;
    if (bootstrapServers.length === 0) return undefined;
    const { agentId, clock, log } = this.#options;
    const cluster = new KafkaCluster({
      alias,
      bootstrapServers,
      clientId: client['client.id'] ?? `mirror-agent-${agentId}`,
      clock,
      log: log.child({ cluster: alias }),
      security: securityOf(alias, client),
      requestTimeoutMs: requestTimeoutMs(client),
    });
    this.#clusters.set(key, cluster);
    return cluster;
  }
}

/** How a flow reaches one of its clusters. */
interface Connection {
  readonly alias: string;
  readonly bootstrapServers: readonly string[];
  readonly client: ClientProperties;
}

/** Source and target: what is read with the source's consumer, and written with the target's producer. */
function connectionsOf(flow: FlowConfig, { clusters }: MirrorConfig): [Connection, Connection] {
  const connection = (alias: string, role: ClientProperties): Connection => {
    const cluster = clusters.get(alias);
    const client = { ...cluster?.client, ...role };
    return { alias, bootstrapServers: cluster?.bootstrapServers ?? [], client };
  };
  return [
    connection(flow.source, flow.sourceConsumer),
    connection(flow.target, flow.targetProducer),
  ];
}

/** Options that decide nothing here would only multiply connections. */
const CONNECTION_OPTION = /^(security|sasl|ssl)\.|^(client\.id|request\.timeout\.ms)$/;

function connectionKey({ alias, bootstrapServers, client }: Connection): string {
  const options = Object.entries(client).filter(([key]) => CONNECTION_OPTION.test(key));
  return JSON.stringify([alias, bootstrapServers, options.sort()]);
}
