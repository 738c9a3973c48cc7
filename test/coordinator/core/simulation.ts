import { CoordinationCore } from '../../../coordinator/core/coordination-core.js';
import type {
  CoreAction,
  CoreEvent,
  FlowMode,
  HolderRef,
  SourceTopic,
} from '../../../coordinator/core/events.js';
import { Heap } from '../../../coordinator/core/heap.js';
import { parseItemKey } from '../../../coordinator/core/work-item.js';
import type { SteeringRule } from '../../../coordinator/core/steering-rules.js';
import { seededRandom } from '../../kit/seeded-random.js';

export const LEASE_TTL_MS = 10_000;

/** How often agents report those items that have a rate. */
const REPORT_INTERVAL_MS = 5_000;

export interface SimulatedAgent {
  readonly agentId: string;
  readonly clusters: readonly string[];
  readonly site: string;
  sessionId: string;
  connected: boolean;
  /** Paused or cut off: sends nothing, and keeps what it holds. */
  silent: boolean;
  /** It claims clusters that it does not reach: nothing that it holds gets going. */
  blind: boolean;
  readonly held: Map<string, bigint>;
  /** What came while it was silent. */
  readonly unread: (() => void)[];
}

interface Delivery {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** A flow as configuration, target and operators have it: what a new leader is told of it. */
export interface SimulatedFlow {
  readonly name: string;
  readonly source: string;
  readonly target: string;
  mode: FlowMode;
  rules: readonly SteeringRule[];
  stopped: readonly string[];
  /** What its source has; its site's agent lists it when it is granted the site. */
  topics: readonly SourceTopic[];
}

/**
 * The core among a store, targets and agents that answer late and out of order. Time is a number
 * that this class moves; nothing waits for anything real.
 */
export class Simulation {
  nowMs = 0;
  core = new CoordinationCore({ leaseTtlMs: LEASE_TTL_MS });
  readonly flows = new Map<string, SimulatedFlow>();
  drained: readonly string[] = [];
  /** Bytes per second of items that are copied faster than not at all. */
  readonly rates = new Map<string, number>();
  /** Called with each grant that the store makes. */
  onGrant: (lease: HolderRef) => void = () => {};
  readonly agents = new Map<string, SimulatedAgent>();
  /** What the store has; the truth that the core has to agree with once all is quiet. */
  readonly leases = new Map<string, HolderRef>();
  readonly sessions = new Map<string, string>();
  grantsMade = 0;
  delayMaxMs = 400;
  readonly random: () => number;
  #revision = 0n;
  #sessionCount = 0;
  #order = 0;
  #listing = false;
  #reportAtMs = 0;
  /** Of the leader that was: nobody hears what its store and its targets say. */
  #deaf = false;
  #pending = pendingDeliveries();

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  event(event: CoreEvent): void {
    if (this.#deaf) return;
    for (const action of this.core.step(event, this.nowMs)) this.#act(action);
  }

  /** Delivers what is due, in time order, with a tick each 250 ms. */
  run(forMs: number): void {
    const endMs = this.nowMs + forMs;
    for (let tickMs = this.nowMs + 250; tickMs <= endMs; tickMs += 250) {
      for (let next = this.#next(tickMs); next !== undefined; next = this.#next(tickMs)) {
        this.nowMs = Math.max(this.nowMs, next.atMs);
        next.run();
      }
      this.nowMs = tickMs;
      for (const agent of this.agents.values()) {
        if (agent.connected && !agent.silent) this.#heartbeat(agent);
      }
      this.#report();
      this.event({ kind: 'tick' });
    }
  }

  join(agentId: string, clusters: readonly string[] = ['a', 'b'], site = ''): SimulatedAgent {
    const is = { connected: false, silent: false, blind: false };
    const idle = { sessionId: '', ...is, held: new Map(), unread: [] };
    const agent: SimulatedAgent = { agentId, clusters, site, ...idle };
    this.agents.set(agentId, agent);
    this.comeBack(agent);
    return agent;
  }

  /** A paused process goes on, with what its stream has kept for it. */
  wake(agent: SimulatedAgent): void {
    agent.silent = false;
    for (const read of agent.unread.splice(0)) read();
  }

  /** Says hello: goes on with its session if the leader has it, and else begins a new one. */
  comeBack(agent: SimulatedAgent): void {
    if (this.agents.get(agent.agentId) !== agent || agent.connected || agent.silent) return;
    const { agentId, clusters, site } = agent;
    const lives =
      this.sessions.has(agent.sessionId) &&
      this.core.liveSession(agent.sessionId, agentId) !== undefined;
    if (!lives) {
      agent.sessionId = String(++this.#sessionCount);
      this.sessions.set(agent.sessionId, agentId);
    }
    agent.connected = true;
    const held = [...agent.held].map(([item, leaseEpoch]) => ({ item, leaseEpoch }));
    const { sessionId } = agent;
    this.event({ kind: 'agent-joined', sessionId, agentId, clusters, site, held });
    for (const [item] of agent.held) this.#list(agent, item);
  }

  /** The stream breaks; the agent goes on with what it holds. */
  disconnect(agent: SimulatedAgent): void {
    agent.connected = false;
    this.event({ kind: 'agent-disconnected', sessionId: agent.sessionId });
  }

  resume(agent: SimulatedAgent): void {
    if (!this.sessions.has(agent.sessionId)) return;
    if (this.core.liveSession(agent.sessionId, agent.agentId) === undefined) return;
    this.comeBack(agent);
  }

  addFlow(flow: Pick<SimulatedFlow, 'name' | 'source' | 'target' | 'topics'>): void {
    const added: SimulatedFlow = { ...flow, mode: 'running', rules: [], stopped: [] };
    this.flows.set(flow.name, added);
    this.setMode(added, 'running');
  }

  setMode(flow: SimulatedFlow, mode: FlowMode): void {
    flow.mode = mode;
    const { name, source, target } = flow;
    this.event({ kind: 'flow-mode', flow: name, source, target, mode });
  }

  steer(flow: SimulatedFlow, rules: readonly SteeringRule[]): void {
    flow.rules = rules;
    this.event({ kind: 'flow-steered', flow: flow.name, rules });
  }

  stopTopics(flow: SimulatedFlow, topics: readonly string[]): void {
    flow.stopped = topics;
    this.event({ kind: 'topics-stopped', flow: flow.name, topics });
  }

  drain(agentIds: readonly string[]): void {
    this.drained = agentIds;
    this.event({ kind: 'agents-drained', agentIds });
  }

  /** The source has these now; whoever watches it says so. */
  setTopics(flow: SimulatedFlow, topics: readonly SourceTopic[]): void {
    flow.topics = topics;
    for (const agent of this.agents.values())
      for (const [item] of agent.held) if (item === `${flow.name}/site`) this.#list(agent, item);
  }

  /**
   * Another coordinator leads: it knows what the store keeps and nothing else. Of what its predecessor
   * had asked for, some was done and some was not; the answers are lost in either case.
   */
  takeOver(): void {
    this.#deaf = true;
    const pending = this.#pending;
    this.#pending = pendingDeliveries();
    for (let next = pending.pop(); next !== undefined; next = pending.pop())
      if (this.random() < 0.5) next.run();
    this.#pending = pendingDeliveries();
    this.#deaf = false;
    this.#listing = false;
    this.core = new CoordinationCore({ leaseTtlMs: LEASE_TTL_MS });
    this.drain(this.drained);
    for (const flow of this.flows.values()) {
      this.setMode(flow, flow.mode);
      this.stopTopics(flow, flow.stopped);
      this.steer(flow, flow.rules);
    }
    const sessions = [...this.sessions].map(([sessionId, agentId]) => ({ sessionId, agentId }));
    this.event({ kind: 'recovered', sessions, leases: [...this.leases.values()] });
    for (const agent of this.agents.values()) {
      agent.connected = false;
      this.later(() => this.comeBack(agent));
    }
  }

  crash(agent: SimulatedAgent): void {
    this.agents.delete(agent.agentId);
    agent.connected = false;
    this.event({ kind: 'agent-disconnected', sessionId: agent.sessionId });
  }

  /** The store ends a session by itself, as etcd does when its time to live is over. */
  expire(sessionId: string): void {
    this.sessions.delete(sessionId);
    for (const lease of [...this.leases.values()]) {
      if (lease.sessionId !== sessionId) continue;
      this.leases.delete(lease.item);
      this.later(() => this.event({ kind: 'lease-gone', lease }));
    }
  }

  list(): void {
    if (this.#listing) return;
    this.#listing = true;
    const leases = [...this.leases.values()];
    this.later(() => this.#listPart(leases));
  }

  /** Parts of one list are in order, and lists are one by one; whatever else happens comes between. */
  #listPart(leases: readonly HolderRef[]): void {
    const size = 1 + Math.floor(this.random() * leases.length);
    const more = size < leases.length;
    this.event({ kind: 'leases-listed', leases: leases.slice(0, size), more });
    if (more) this.later(() => this.#listPart(leases.slice(size)));
    else this.#listing = false;
  }

  later(run: () => void): void {
    const atMs = this.nowMs + 1 + Math.floor(this.random() * this.delayMaxMs);
    this.#pending.push({ atMs, order: this.#order++, run });
  }

  #next(untilMs: number): Delivery | undefined {
    const next = this.#pending.peek();
    return next === undefined || next.atMs > untilMs ? undefined : this.#pending.pop();
  }

  #act(action: CoreAction): void {
    switch (action.kind) {
      case 'grant':
        for (const request of action.requests) this.later(() => this.#grant(request));
        return;
      case 'release':
        for (const lease of action.leases) {
          this.later(() => {
            if (this.leases.get(lease.item)?.leaseEpoch === lease.leaseEpoch)
              this.leases.delete(lease.item);
            this.later(() => this.event({ kind: 'lease-gone', lease }));
            // The store's watch tells the same once more.
            this.later(() => this.event({ kind: 'lease-gone', lease }));
          });
        }
        return;
      case 'close-session':
        this.#endStream(action.sessionId);
        this.later(() => {
          this.expire(action.sessionId);
          this.later(() => this.event({ kind: 'session-gone', sessionId: action.sessionId }));
        });
        return;
      case 'send-grants':
        this.#take(action);
        return;
      case 'send-revokes':
        this.#revoke(action);
        return;
      case 'ensure-topic': {
        const { flow, topic } = action;
        const target = { targetTopic: `a.${topic.name}`, targetTopicId: 't' };
        this.later(() => this.event({ kind: 'target-topic-ready', flow, topic, target }));
        return;
      }
      default:
        action satisfies never;
    }
  }

  #grant(request: { item: string; sessionId: string; agentId: string }): void {
    const { item, sessionId, agentId } = request;
    if (!this.sessions.has(sessionId)) {
      this.later(() => this.event({ kind: 'session-gone', sessionId }));
      return;
    }
    let lease = this.leases.get(item);
    if (lease === undefined) {
      lease = { item, sessionId, agentId, leaseEpoch: ++this.#revision };
      this.leases.set(item, lease);
      this.grantsMade += 1;
      this.onGrant(lease);
    }
    const holder = lease;
    if (holder.sessionId === sessionId)
      this.later(() => this.event({ kind: 'granted', sessionId, lease: holder }));
    else this.later(() => this.event({ kind: 'grant-held', sessionId, holder }));
  }

  #take(action: CoreAction & { kind: 'send-grants' }): void {
    const agent = this.#agentOf(action.sessionId);
    if (agent?.silent === true) {
      agent.unread.push(() => this.#take(action));
      return;
    }
    for (const { item, leaseEpoch } of action.leases) {
      agent?.held.set(item, leaseEpoch);
      if (agent !== undefined) this.#list(agent, item);
    }
  }

  #revoke(action: CoreAction & { kind: 'send-revokes' }): void {
    const agent = this.#agentOf(action.sessionId);
    if (agent === undefined) return;
    if (agent.silent) {
      agent.unread.push(() => this.#revoke(action));
      return;
    }
    for (const lease of action.leases) {
      if (agent.held.get(lease.item) === lease.leaseEpoch) agent.held.delete(lease.item);
      // A Released may be lost with its stream: then the deadline has to do.
      if (this.random() < 0.1) continue;
      this.later(() => this.event({ kind: 'released', sessionId: action.sessionId, lease }));
    }
  }

  /** The store is told of each heartbeat, and says so when it has no such session any more. */
  #heartbeat({ sessionId }: SimulatedAgent): void {
    this.event({ kind: 'agent-heartbeat', sessionId });
    if (this.sessions.has(sessionId)) return;
    this.event({ kind: 'session-gone', sessionId });
    this.#endStream(sessionId);
  }

  /** The coordinator ends the stream; an agent that is awake comes back with a new session. */
  #endStream(sessionId: string): void {
    const agent = this.#agentOf(sessionId);
    if (agent === undefined) return;
    agent.connected = false;
    this.later(() => this.comeBack(agent));
  }

  #list(agent: SimulatedAgent, item: string): void {
    const flow = this.flows.get(item.replace(/\/site$/, ''));
    if (flow === undefined || !item.endsWith('/site')) return;
    const { sessionId } = agent;
    // A stream keeps its order, so what was listed last is what is known last.
    this.later(() => {
      if (agent.connected && agent.sessionId === sessionId)
        this.event({ kind: 'inventory', sessionId, flow: flow.name, topics: flow.topics });
    });
  }

  #report(): void {
    if (this.nowMs < this.#reportAtMs) return;
    this.#reportAtMs = this.nowMs + REPORT_INTERVAL_MS;
    const told = { kind: 'progress', copier: 'running', halt: undefined } as const;
    for (const { connected, silent, blind, sessionId, held } of this.agents.values()) {
      if (!connected || silent) continue;
      const copied = new Set<string>();
      for (const [item, leaseEpoch] of held) {
        const work = parseItemKey(item);
        if (work?.kind !== 'partition') continue;
        copied.add(work.flow);
        const bytesPerSecond = this.rates.get(item);
        const lease = { item, leaseEpoch };
        if (blind) this.event({ ...told, copier: 'recovering', inTrouble: true, sessionId, lease });
        else if (bytesPerSecond !== undefined)
          this.event({ ...told, sessionId, lease, bytesPerSecond });
      }
      if (!blind) for (const flow of copied) this.event({ kind: 'standing', sessionId, flow });
    }
  }

  #agentOf(sessionId: string): SimulatedAgent | undefined {
    for (const agent of this.agents.values())
      if (agent.sessionId === sessionId && agent.connected) return agent;
    return undefined;
  }
}

function pendingDeliveries(): Heap<Delivery> {
  return new Heap<Delivery>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order));
}
