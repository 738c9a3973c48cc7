import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { KafkaCluster } from '../../kafka/client/index.js';
import { securityOf } from '../../kafka/client/security-options.js';
import type { FlowConfig, MirrorConfig } from '../../mirror/config/mirror-config.js';
import { reverseHeartbeats } from '../../mirror/heartbeats.js';
import { FlowCopier } from '../replication/flow-copier.js';
import { OffsetSyncEmitter } from '../replication/offset-sync-emitter.js';
import type { MemoryBudget } from '../replication/memory-budget.js';
import type { CopierState, PartitionCopier } from '../replication/partition-copier.js';
import type { Run } from '../replication/run-tail.js';

export interface FlowRuntime {
  config: FlowConfig;
  /** The pair whose heartbeats are to be written to the source, if any. */
  heartbeats: FlowConfig | undefined;
  source: KafkaCluster;
  copier: FlowCopier;
  offsetSyncs: OffsetSyncEmitter;
}

export interface FlowRuntimesOptions {
  agentId: string;
  lanesPerBroker: number;
  memory: MemoryBudget;
  clock: Clock;
  log: Logger;
  onStateChanged: (flow: string, copier: PartitionCopier, from: CopierState) => void;
  findMapEntry: (flow: string, copier: PartitionCopier, target: bigint) => Promise<readonly Run[]>;
}

/** The clusters and copiers behind the flows that an agent works on; opened when first needed. */
export class FlowRuntimes {
  readonly #options: FlowRuntimesOptions;
  readonly #clusters = new Map<string, KafkaCluster>();
  readonly #flows = new Map<string, FlowRuntime>();
  #config: MirrorConfig | undefined;

  constructor(options: FlowRuntimesOptions) {
    this.#options = options;
  }

  /** Flows that run already keep what they were started with. */
  configure(config: MirrorConfig): void {
    this.#config = config;
  }

  get flows(): ReadonlyMap<string, FlowRuntime> {
    return this.#flows;
  }

  /** Undefined for a flow or cluster that the configuration does not name. */
  open(id: string): FlowRuntime | undefined {
    const opened = this.#flows.get(id);
    if (opened !== undefined) return opened;
    const config = this.#config?.flows.find((flow) => flow.id === id);
    if (config === undefined) return undefined;
    const source = this.#cluster(config.source);
    const target = this.#cluster(config.target);
    if (source === undefined || target === undefined) return undefined;
    const { memory, clock, lanesPerBroker, findMapEntry, onStateChanged } = this.#options;
    const copier = new FlowCopier({
      flow: id,
      source,
      target,
      start: config.startOffset,
      memory,
      clock,
      lanesPerBroker,
      log: this.#options.log.child({ flow: id }),
      findMapEntry: (needy, targetOffset) => findMapEntry(id, needy, targetOffset),
      onStateChanged: (changed, from) => onStateChanged(id, changed, from),
    });
    const heartbeats = reverseHeartbeats(config, this.#config?.flows ?? []);
    const offsetSyncs = new OffsetSyncEmitter({
      ...{ config, source, target, clock },
      copiers: () => copier.copiers,
      log: this.#options.log.child({ flow: id }),
    });
    const runtime = { config, heartbeats, source, copier, offsetSyncs };
    this.#flows.set(id, runtime);
    return runtime;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#flows.values()].map(({ offsetSyncs }) => offsetSyncs.close()));
    await Promise.all([...this.#flows.values()].map(({ copier }) => copier.close()));
    await Promise.all([...this.#clusters.values()].map((cluster) => cluster.close()));
  }

  #cluster(alias: string): KafkaCluster | undefined {
    const opened = this.#clusters.get(alias);
    if (opened !== undefined) return opened;
    const config = this.#config?.clusters.get(alias);
    if (config === undefined || config.bootstrapServers.length === 0) return undefined;
    const { agentId, clock, log } = this.#options;
    const cluster = new KafkaCluster({
      alias,
      bootstrapServers: config.bootstrapServers,
      clientId: `mirror-agent-${agentId}`,
      clock,
      log: log.child({ cluster: alias }),
      security: securityOf(alias, config.client),
    });
    this.#clusters.set(alias, cluster);
    return cluster;
  }
}
