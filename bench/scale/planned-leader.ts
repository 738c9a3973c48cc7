import { silentLogger } from '../../common/log.js';
import { Coordination } from '../../coordinator/service/coordination.js';
import type { OpenedFlowTarget } from '../../coordinator/service/flow-target-port.js';
import type {
  AgentConnection,
  AgentLink,
  ProgressReport,
} from '../../coordinator/service/messages.js';
import { ElectedLeaseStore } from '../../coordinator/store/elected-lease-store.js';
import { RELIST_INTERVAL_MS } from '../../coordinator/store/limits.js';
import { loadMirrorConfig } from '../../mirror/config/mm2-config.js';
import { nonSecretProperties } from '../../mirror/config/mm2-config.js';
import { ManualClock } from '../../test/kit/manual-clock.js';
import { PlannedBackend, STORE_PREFIX } from './planned-backend.js';
import { COPIED, PlannedTarget } from './planned-target.js';
import type { PlannedItem, ScalePlan } from './scale-plan.js';

const LEASE_TTL_MS = 10_000;

/** As agents send them. */
const HEARTBEAT_MS = LEASE_TTL_MS / 3;

interface PlannedFlowTarget extends OpenedFlowTarget {
  readonly target: PlannedTarget;
}

const never = (): Promise<never> => Promise.reject(new Error('not in this world'));

const silentLink: AgentLink = { peer: '192.0.2.1:50000', send: () => {}, end: () => {} };

/**
 * A leader made of the product's own classes, among a store, targets and agents that are made up as
 * they are asked: whatever this process holds is what a leader holds.
 */
export class PlannedLeader {
  readonly plan: ScalePlan;
  readonly backend: PlannedBackend;
  readonly clock = new ManualClock();
  readonly #store: ElectedLeaseStore;
  readonly #connections: AgentConnection[] = [];
  readonly #over = new AbortController();
  #coordination: Coordination<PlannedFlowTarget> | undefined;

  constructor(plan: ScalePlan) {
    this.plan = plan;
    this.backend = new PlannedBackend(plan);
    const timed = { clock: this.clock, log: silentLogger, leaderTtlMs: LEASE_TTL_MS };
    this.#store = new ElectedLeaseStore({ backend: this.backend, prefix: STORE_PREFIX, ...timed });
  }

  get coordination(): Coordination<PlannedFlowTarget> {
    if (this.#coordination === undefined) throw new Error('it does not lead yet');
    return this.#coordination;
  }

  /** Elected, and all that the store and the targets know is taken in. */
  async takeOver(): Promise<void> {
    const { plan, clock } = this;
    const log = silentLogger;
    const candidate = { id: 'coordinator-1', address: '192.0.2.9:7700' };
    const leadership = await this.#until(this.#store.campaign(candidate, this.#over.signal));
    const config = loadMirrorConfig({
      path: 'scale',
      text: configText(plan),
      requireSourceBootstrap: false,
    });
    const flows = config.flows.filter((flow) => flow.enabled);
    const indexes = new Map([...plan.flows()].map((flow) => [plan.flowOf(flow), flow]));
    this.#coordination = new Coordination<PlannedFlowTarget>({
      ...{ leadership, flows, leaseTtlMs: LEASE_TTL_MS, clock, log },
      properties: nonSecretProperties(config),
      openTarget: async ({ flow }, signal) => {
        const target = await PlannedTarget.open(plan, indexes.get(flow.id) ?? -1, signal);
        return { target, close: () => Promise.resolve(), lookAtGroup: never };
      },
      promoter: { plan: never, drill: never, promote: never },
      failback: { plan: never, failback: never, isUnderWay: () => false, readQuarantine: never },
    });
    await this.#until(this.#coordination.start());
    await this.#pass(HEARTBEAT_MS);
  }

  /** Each agent comes with its session and all that it holds. */
  async connectAgents(): Promise<void> {
    const held = this.#itemsByAgent();
    for (let index = 0; index < this.plan.shape.agents; index += 1) {
      const { agentId, sessionId, clusters } = this.plan.agent(index);
      const identity = { agentId, sessionId, clusters, site: clusters[0] ?? '' };
      const leases = (held[index] ?? []).map(({ key, leaseEpoch }) => ({ item: key, leaseEpoch }));
      const rest = { version: '1.0.0', held: leases, siteTaskKinds: [], protocol: 1 };
      const hello = structuredClone({ ...identity, ...rest });
      this.#connections.push(await this.coordination.connect(hello, { ...silentLink }));
    }
    await this.#pass(HEARTBEAT_MS);
  }

  /** Each holder of a site lists its topics, which are made ready. */
  async listTopics(): Promise<void> {
    for (const flow of this.plan.flows()) {
      const [site] = this.plan.itemsOf(flow);
      const topics = this.plan
        .topicsOf(flow)
        .map(({ name, topicId, partitionCount }) => ({ name, topicId, partitionCount }));
      const said = { kind: 'inventory', flow: this.plan.flowOf(flow), topics } as const;
      this.#connections[site?.agent ?? 0]?.receive(structuredClone(said));
    }
    await this.#pass(HEARTBEAT_MS);
  }

  /** Every partition copies: `round` says how far. What agents say of it is written, and acknowledged. */
  async report(round: number): Promise<void> {
    for (const flow of this.plan.flows()) {
      for (const item of this.plan.itemsOf(flow)) {
        if (item.place === undefined) continue;
        const reports = [progressOf(item, round)];
        this.#connections[item.agent]?.receive({ kind: 'progress', reports, standing: [] });
      }
      await this.coordination.opened(this.plan.flowOf(flow)).target.flush(this.#over.signal);
    }
    await this.#pass(HEARTBEAT_MS);
  }

  /** The store is listed once more, and what it lists is taken in. */
  async relist(): Promise<void> {
    await this.#pass(RELIST_INTERVAL_MS);
  }

  /** Time goes by, and no agent falls silent. */
  async #pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += HEARTBEAT_MS) {
      for (const connection of this.#connections) connection.receive(heartbeat());
      await this.clock.advance(HEARTBEAT_MS);
    }
  }

  async close(): Promise<void> {
    const closed = this.#coordination?.close(new Error('measured'));
    await this.#until(closed ?? Promise.resolve());
    this.#over.abort(new Error('measured'));
    await this.#store.close();
  }

  #itemsByAgent(): PlannedItem[][] {
    const held: PlannedItem[][] = Array.from({ length: this.plan.shape.agents }, () => []);
    for (const flow of this.plan.flows())
      for (const item of this.plan.itemsOf(flow)) held[item.agent]?.push(item);
    return held;
  }

  async #until<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const noted = work.finally(() => (done = true));
    noted.catch(() => {}); // thrown to the caller below
    while (!done) await this.clock.advance(1);
    return noted;
  }
}

function heartbeat() {
  const nothing = { bufferedBytes: 0n, limitedFlows: [], missingRights: [] };
  return { kind: 'heartbeat' as const, sequence: 1n, ...nothing };
}

/** A thousand records more each round, and the source some more ahead: no two numbers are shared. */
function progressOf({ key, leaseEpoch }: PlannedItem, round: number): ProgressReport {
  const before = COPIED + 1_000n * BigInt(round - 1);
  const next = before + 1_000n;
  return {
    lease: { item: key, leaseEpoch },
    ...{ copier: 'running', halt: undefined, truncatedTo: undefined, mapRestarted: false },
    runs: [{ sourceStart: before, targetStart: before, length: 1_000n }],
    sourceEpoch: { offset: next, epoch: 5 },
    ...{ sequenceBase: 0n, sourceNext: next, targetNext: next + 0n, sourceEnd: next + 10n },
    ...{ sourceEndAgeMs: 12, records: next - COPIED, bytes: (next - COPIED) * 100n },
    ...{ lastTimestampMs: 0, trouble: '', standing: false },
  };
}

function configText(plan: ScalePlan): string {
  const sources = [...plan.flows()].map((flow) => plan.sourceOf(flow));
  return [
    `clusters = ${[...sources, 'central'].join(', ')}`,
    'central.bootstrap.servers = 192.0.2.2:9092',
    ...sources.flatMap((source) => [
      `${source}.bootstrap.servers = 192.0.2.3:9092`,
      `${source}->central.enabled = true`,
    ]),
  ].join('\n');
}
