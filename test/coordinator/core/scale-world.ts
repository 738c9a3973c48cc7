import { CoordinationCore } from '../../../coordinator/core/coordination-core.js';
import type { CoreAction, CoreEvent, HolderRef } from '../../../coordinator/core/events.js';

export interface ScaleShape {
  readonly partitions: number;
  readonly agents: number;
  /** Each flow has its own source; all have one target. */
  readonly flows: number;
  /** true: an agent reaches its own site's source only. false: every agent reaches every source. */
  readonly sites: boolean;
}

/** Partitions of one topic; a topic of more is as good as several. */
const PARTITIONS_PER_TOPIC = 100;

export const SCALE_LEASE_TTL_MS = 10_000;

/**
 * The core among a store and agents that answer everything at once: what is left is the core's own
 * work. Time is a number.
 */
export class ScaleWorld {
  readonly shape: ScaleShape;
  readonly core = new CoordinationCore({ leaseTtlMs: SCALE_LEASE_TTL_MS });
  nowMs = 0;
  grants = 0;
  revokes = 0;
  #revision = 0n;
  #sessions = 0;
  #joined = 0;
  readonly #answers: CoreEvent[] = [];

  constructor(shape: ScaleShape) {
    this.shape = shape;
  }

  /** Everything present, granted and quiet. */
  fill(): void {
    const { agents, flows } = this.shape;
    for (let flow = 0; flow < flows; flow += 1) this.addFlow(flow);
    for (let agent = 0; agent < agents; agent += 1) this.join();
    this.settle();
    for (let flow = 0; flow < flows; flow += 1) this.#listTopics(flow);
    this.settle();
  }

  addFlow(flow: number): void {
    const mode = 'running' as const;
    this.event({ kind: 'flow-mode', flow: flowName(flow), source: `s${flow}`, target: 'c', mode });
  }

  join(): string {
    const sessionId = String(++this.#sessions);
    const { flows, sites } = this.shape;
    const site = this.#joined++ % flows;
    const sources = sites ? [`s${site}`] : Array.from({ length: flows }, (_, flow) => `s${flow}`);
    const agentId = `agent-${sessionId}`;
    const joined = { sessionId, agentId, clusters: [...sources, 'c'], held: [] };
    this.event({ kind: 'agent-joined', ...joined });
    return sessionId;
  }

  /** The store says that the session is over: the end of an agent that died. */
  lose(sessionId: string): void {
    this.event({ kind: 'session-gone', sessionId });
  }

  /** Ticks until nothing is asked for any more. */
  settle(): void {
    let quiet = 0;
    while (quiet < 2) {
      const before = this.grants + this.revokes;
      this.tick();
      const { grantDue, balanceDue } = this.core.state;
      const busy = grantDue.size + balanceDue.size > 0 || this.grants + this.revokes !== before;
      quiet = busy ? 0 : quiet + 1;
    }
  }

  tick(): void {
    this.nowMs += 250;
    // Nobody is silent; heartbeats themselves are no work for the core.
    for (const agent of this.core.state.agents.values()) agent.lastHeartbeatMs = this.nowMs;
    this.event({ kind: 'tick' });
  }

  event(event: CoreEvent): void {
    this.#answers.push(event);
    // An index, not shift(): a million answers would make it quadratic.
    for (let next = 0; next < this.#answers.length; next += 1) {
      const due = this.#answers[next] as CoreEvent;
      for (const action of this.core.step(due, this.nowMs)) this.#act(action);
    }
    this.#answers.length = 0;
  }

  /** What the store would tell a new leader. */
  stored(): { sessions: { sessionId: string; agentId: string }[]; leases: HolderRef[] } {
    const { agents, items } = this.core.state;
    const sessions = [...agents.values()].map(({ sessionId, agentId }) => ({ sessionId, agentId }));
    const leases: HolderRef[] = [];
    for (const { key, leaseEpoch, holder } of items.values()) {
      if (holder === undefined) continue;
      const { sessionId, agentId } = holder;
      leases.push({ item: key, leaseEpoch, sessionId, agentId });
    }
    return { sessions, leases };
  }

  #listTopics(flow: number): void {
    const { partitions, flows } = this.shape;
    const name = flowName(flow);
    const sessionId = this.core.state.flows.get(name)?.site.holder?.sessionId ?? '';
    let left = Math.floor(partitions / flows) + (flow < partitions % flows ? 1 : 0);
    const topics = [];
    for (let topic = 0; left > 0; topic += 1) {
      const partitionCount = Math.min(left, PARTITIONS_PER_TOPIC);
      topics.push({ name: `t${topic}`, topicId: `id-${flow}-${topic}`, partitionCount });
      left -= partitionCount;
    }
    this.event({ kind: 'inventory', sessionId, flow: name, topics });
  }

  #act(action: CoreAction): void {
    switch (action.kind) {
      case 'grant':
        this.grants += action.requests.length;
        for (const { item, sessionId } of action.requests) {
          const lease = { item, leaseEpoch: ++this.#revision };
          this.#answers.push({ kind: 'granted', sessionId, lease });
        }
        return;
      case 'release':
        for (const lease of action.leases) this.#answers.push({ kind: 'lease-gone', lease });
        return;
      case 'close-session':
        this.#answers.push({ kind: 'session-gone', sessionId: action.sessionId });
        return;
      case 'send-grants':
        return;
      case 'send-revokes': {
        const { sessionId } = action;
        this.revokes += action.leases.length;
        for (const lease of action.leases)
          this.#answers.push({ kind: 'released', sessionId, lease });
        return;
      }
      case 'ensure-topic': {
        const { flow, topic } = action;
        const target = { targetTopic: `s.${topic.name}`, targetTopicId: topic.topicId };
        this.#answers.push({ kind: 'target-topic-ready', flow, topic, target });
        return;
      }
      default:
        action satisfies never;
    }
  }
}

function flowName(flow: number): string {
  return `s${flow}->c`;
}
