import { CoordinationCore } from '../../../coordinator/core/coordination-core.js';
import type { CoreAction, CoreEvent, HolderRef } from '../../../coordinator/core/events.js';

/** Small, fast, and the same on every machine (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const LEASE_TTL_MS = 10_000;

interface SimulatedAgent {
  readonly agentId: string;
  sessionId: string;
  connected: boolean;
  /** Paused or cut off: sends nothing, and keeps what it holds. */
  silent: boolean;
  readonly held: Map<string, bigint>;
}

interface Delivery {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * The core among a store, targets and agents that answer late and out of order. Time is a number
 * that this class moves; nothing waits for anything real.
 */
export class Simulation {
  nowMs = 0;
  readonly core = new CoordinationCore({ leaseTtlMs: LEASE_TTL_MS });
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
  #pending: Delivery[] = [];

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  event(event: CoreEvent): void {
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
        if (agent.connected && !agent.silent)
          this.event({ kind: 'agent-heartbeat', sessionId: agent.sessionId });
      }
      this.event({ kind: 'tick' });
    }
  }

  join(agentId: string, clusters: readonly string[] = ['a', 'b'], site = ''): SimulatedAgent {
    const sessionId = String(++this.#sessionCount);
    this.sessions.set(sessionId, agentId);
    const agent = { agentId, sessionId, connected: true, silent: false, held: new Map() };
    this.agents.set(agentId, agent);
    this.event({ kind: 'agent-joined', sessionId, agentId, clusters, site, held: [] });
    return agent;
  }

  /** The stream breaks; the agent goes on with what it holds. */
  disconnect(agent: SimulatedAgent): void {
    agent.connected = false;
    this.event({ kind: 'agent-disconnected', sessionId: agent.sessionId });
  }

  resume(agent: SimulatedAgent): void {
    if (!this.sessions.has(agent.sessionId)) return;
    if (this.core.liveSession(agent.sessionId, agent.agentId) === undefined) return;
    agent.connected = true;
    const held = [...agent.held].map(([item, leaseEpoch]) => ({ item, leaseEpoch }));
    const { sessionId, agentId } = agent;
    this.event({ kind: 'agent-joined', sessionId, agentId, clusters: ['a', 'b'], held });
  }

  crash(agent: SimulatedAgent): void {
    this.agents.delete(agent.agentId);
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
    let best: Delivery | undefined;
    for (const delivery of this.#pending) {
      if (delivery.atMs > untilMs) continue;
      if (best === undefined || delivery.atMs < best.atMs) best = delivery;
    }
    if (best !== undefined) this.#pending = this.#pending.filter((other) => other !== best);
    return best;
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
        this.later(() => {
          this.expire(action.sessionId);
          this.later(() => this.event({ kind: 'session-gone', sessionId: action.sessionId }));
        });
        return;
      case 'send-grants':
        for (const { item, leaseEpoch } of action.leases)
          this.#agentOf(action.sessionId)?.held.set(item, leaseEpoch);
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
    }
    const holder = lease;
    if (holder.sessionId === sessionId)
      this.later(() => this.event({ kind: 'granted', sessionId, lease: holder }));
    else this.later(() => this.event({ kind: 'grant-held', sessionId, holder }));
  }

  #revoke(action: CoreAction & { kind: 'send-revokes' }): void {
    const agent = this.#agentOf(action.sessionId);
    if (agent === undefined || agent.silent) return;
    for (const lease of action.leases) {
      if (agent.held.get(lease.item) === lease.leaseEpoch) agent.held.delete(lease.item);
      // A Released may be lost with its stream: then the deadline has to do.
      if (this.random() < 0.1) continue;
      this.later(() => this.event({ kind: 'released', sessionId: action.sessionId, lease }));
    }
  }

  #agentOf(sessionId: string): SimulatedAgent | undefined {
    for (const agent of this.agents.values())
      if (agent.sessionId === sessionId && agent.connected) return agent;
    return undefined;
  }
}
