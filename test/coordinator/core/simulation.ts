import { CoordinationCore } from '../../../coordinator/core/coordination-core.js';
import type {
  CoreAction,
  CoreEvent,
  HolderRef,
  SourceTopic,
} from '../../../coordinator/core/events.js';
import { parseItemKey } from '../../../coordinator/core/work-item.js';
import type { SteeringRule } from '../../../coordinator/core/steering-rules.js';
import { seededRandom } from '../../kit/seeded-random.js';
import { Deliveries } from './deliveries.js';
import { newAgent, type SimulatedAgent, type SimulatedFlow } from './simulated-parts.js';
import { LEASE_TTL_MS, SimulatedStore } from './simulated-store.js';

/** As an agent's own. */
const HEARTBEAT_INTERVAL_MS = LEASE_TTL_MS / 3;

/** How often agents report those items that have a rate. */
export const REPORT_INTERVAL_MS = 5_000;

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
  /** Called where a session ends because nothing was heard of its agent. */
  onSilence: (agent: SimulatedAgent) => void = () => {};
  readonly agents = new Map<string, SimulatedAgent>();
  /** The truth that the core has to agree with once all is quiet. */
  readonly store = new SimulatedStore();
  readonly leases = this.store.leases;
  grantsMade = 0;
  delayMaxMs = 400;
  /** The part of the answers to revokes that are lost with their stream: then the deadline has to do. */
  lostReleases = 0.1;
  readonly random: () => number;
  #listing = false;
  #reportAtMs = 0;
  /** Of the leader that was: nobody hears what its store and its targets say. */
  #deaf = false;
  #pending = new Deliveries();
  /** While the leader stands still: what it will hear of when it goes on. */
  #unheard: (() => void)[] | undefined;
  #standsStillUntilMs = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  event(event: CoreEvent): void {
    if (this.#deaf) return;
    this.#hear(() => {
      for (const action of this.core.step(event, this.nowMs)) this.#act(action);
    });
  }

  /** The leader is stopped, as with SIGSTOP, for a time after which it may lead still. */
  standStill(forMs: number): void {
    if (this.#unheard !== undefined) return;
    this.#unheard = [];
    this.#standsStillUntilMs = this.nowMs + forMs;
  }

  /** Delivers what is due, in time order, with a tick each 250 ms. */
  run(forMs: number): void {
    const endMs = this.nowMs + forMs;
    for (let tickMs = this.nowMs + 250; tickMs <= endMs; tickMs += 250) {
      for (let next = this.#pending.next(tickMs); next; next = this.#pending.next(tickMs)) {
        this.nowMs = Math.max(this.nowMs, next.atMs);
        next.run();
      }
      this.nowMs = tickMs;
      for (const agent of this.agents.values()) this.#beat(agent);
      this.#report();
      this.#goOn();
      if (this.#unheard === undefined) this.event({ kind: 'tick' });
      this.#runOut();
    }
  }

  #hear(run: () => void): void {
    if (this.#unheard === undefined) run();
    else this.#unheard.push(run);
  }

  /** Timers run first, and then what waited is read. */
  #goOn(): void {
    const unheard = this.#unheard;
    if (unheard === undefined || this.nowMs < this.#standsStillUntilMs) return;
    this.#unheard = undefined;
    this.event({ kind: 'tick' });
    for (const run of unheard) run();
  }

  /** The store ends sessions that nobody renewed. */
  #runOut(): void {
    for (const sessionId of this.store.runOut(this.nowMs)) {
      const agent = this.#agentOf(sessionId);
      if (agent !== undefined) this.onSilence(agent);
      this.expire(sessionId);
    }
  }

  join(agentId: string, clusters: readonly string[] = ['a', 'b'], site = ''): SimulatedAgent {
    const agent = newAgent({ agentId, clusters, site });
    this.agents.set(agentId, agent);
    this.comeBack(agent);
    return agent;
  }

  /** A paused process goes on, with what its stream has kept for it. */
  wake(agent: SimulatedAgent): void {
    if (!agent.silent) return;
    agent.silent = false;
    agent.upSinceMs = this.nowMs;
    for (const read of agent.unread.splice(0)) read();
  }

  /** Says hello: goes on with its session if the leader has it, and else begins a new one. */
  comeBack(agent: SimulatedAgent): void {
    if (this.#isAway(agent)) this.#hear(() => this.#isAway(agent) && this.#welcome(agent));
  }

  #isAway(agent: SimulatedAgent): boolean {
    return this.agents.get(agent.agentId) === agent && !agent.connected && !agent.silent;
  }

  #welcome(agent: SimulatedAgent): void {
    const { agentId, clusters, site } = agent;
    const lives =
      this.core.liveSession(agent.sessionId, agentId) !== undefined &&
      this.store.renew(agent.sessionId, this.nowMs);
    if (!lives) agent.sessionId = this.store.open(agentId, this.nowMs);
    agent.connected = true;
    agent.beatAtMs = this.nowMs;
    agent.upSinceMs = this.nowMs;
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

  addFlow(flow: Pick<SimulatedFlow, 'name' | 'source' | 'target' | 'topics'>): void {
    const added: SimulatedFlow = { ...flow, mode: 'running', rules: [], stopped: [] };
    this.flows.set(flow.name, added);
    this.setMode(added, 'running');
  }

  setMode(flow: SimulatedFlow, mode: SimulatedFlow['mode']): void {
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
      if (agent.held.has(`${flow.name}/site`)) this.#list(agent, `${flow.name}/site`);
  }

  /**
   * Another coordinator leads: it knows what the store keeps and nothing else. Of what its predecessor
   * had asked for, some was done and some was not; the answers are lost in either case.
   */
  takeOver(): void {
    this.#deaf = true;
    this.#unheard = undefined;
    const pending = this.#pending;
    this.#pending = new Deliveries();
    for (let next = pending.next(Infinity); next; next = pending.next(Infinity))
      if (this.random() < 0.5) next.run();
    this.#pending = new Deliveries();
    this.#deaf = false;
    this.#listing = false;
    this.core = new CoordinationCore({ leaseTtlMs: LEASE_TTL_MS });
    this.drain(this.drained);
    for (const flow of this.flows.values()) {
      this.setMode(flow, flow.mode);
      this.stopTopics(flow, flow.stopped);
      this.steer(flow, flow.rules);
    }
    const sessions = [...this.store.sessions].map(([sessionId, agentId]) => ({
      sessionId,
      agentId,
    }));
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
    for (const lease of this.store.end(sessionId))
      this.later(() => this.event({ kind: 'lease-gone', lease }));
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
    this.#pending.add(atMs, run);
  }

  #act(action: CoreAction): void {
    switch (action.kind) {
      case 'grant':
        for (const request of action.requests) this.later(() => this.#grant(request));
        return;
      case 'release':
        for (const lease of action.leases) {
          this.later(() => {
            this.store.release(lease);
            this.later(() => this.event({ kind: 'lease-gone', lease }));
            // The store's watch tells the same once more.
            this.later(() => this.event({ kind: 'lease-gone', lease }));
          });
        }
        return;
      case 'close-session':
        this.#closed(action);
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
    const { sessionId } = request;
    const answer = this.store.grant(request);
    if (answer === undefined) {
      this.later(() => this.event({ kind: 'session-gone', sessionId }));
      return;
    }
    const { lease, isNew } = answer;
    if (isNew) {
      this.grantsMade += 1;
      this.onGrant(lease);
    }
    if (lease.sessionId === sessionId)
      this.later(() => this.event({ kind: 'granted', sessionId, lease }));
    else this.later(() => this.event({ kind: 'grant-held', sessionId, holder: lease }));
  }

  #closed({ sessionId, reason }: CoreAction & { kind: 'close-session' }): void {
    const agent = this.#agentOf(sessionId);
    if (agent !== undefined && reason.startsWith('no heartbeat')) this.onSilence(agent);
  }

  #take(action: CoreAction & { kind: 'send-grants' }): void {
    const agent = this.#agentOf(action.sessionId);
    if (agent?.silent === true) agent.unread.push(() => this.#take(action));
    if (agent === undefined || agent.silent) return;
    for (const { item, leaseEpoch } of action.leases) {
      agent.held.set(item, leaseEpoch);
      this.#list(agent, item);
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
      if (this.random() < this.lostReleases) continue;
      this.later(() => this.event({ kind: 'released', sessionId: action.sessionId, lease }));
    }
  }

  #beat(agent: SimulatedAgent): void {
    if (!agent.connected || agent.silent || this.nowMs < agent.beatAtMs) return;
    agent.beatAtMs = this.nowMs + HEARTBEAT_INTERVAL_MS;
    const { sessionId } = agent;
    this.#hear(() => this.#heartbeat(sessionId));
  }

  /** The store is told of each heartbeat, and says so when it has no such session any more. */
  #heartbeat(sessionId: string): void {
    this.event({ kind: 'agent-heartbeat', sessionId });
    if (this.store.renew(sessionId, this.nowMs)) return;
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
        const says = { ...told, sessionId, lease };
        if (blind) this.event({ ...says, copier: 'recovering', inTrouble: true });
        else if (bytesPerSecond !== undefined) this.event({ ...says, bytesPerSecond });
      }
      if (!blind) for (const flow of copied) this.event({ kind: 'standing', sessionId, flow });
    }
  }

  #agentOf(sessionId: string): SimulatedAgent | undefined {
    return [...this.agents.values()].find((each) => each.connected && each.sessionId === sessionId);
  }
}
