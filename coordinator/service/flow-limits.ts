import type { CoordinationCore } from '../core/coordination-core.js';
import { shareLimit } from '../core/share-limit.js';
import type { AgentEntry, FlowEntry } from '../core/state.js';
import type { AgentDirectory } from './agent-directory.js';
import type { OpenedFlowTarget } from './flow-target-port.js';
import type { FlowRuntime } from './flow-runtime.js';

/** How often the limits are shared out anew; agents say as often whether theirs holds them back. */
const SHARE_INTERVAL_MS = 2_000;

/** A share that differs by less than this part is not told. */
const SHARE_CHANGE_FRACTION = 0.05;

export interface FlowLimitsOptions<Opened extends OpenedFlowTarget> {
  readonly core: CoordinationCore;
  readonly flows: ReadonlyMap<string, FlowRuntime<Opened>>;
  readonly agents: AgentDirectory;
}

/** Shares the bandwidth of each limited flow among the agents that copy it. */
export class FlowLimits<Opened extends OpenedFlowTarget> {
  readonly #options: FlowLimitsOptions<Opened>;
  #nextMs = Number.NEGATIVE_INFINITY;

  constructor(options: FlowLimitsOptions<Opened>) {
    this.#options = options;
  }

  tick(nowMs: number): void {
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + SHARE_INTERVAL_MS;
    for (const flow of this.#options.flows.values()) {
      const entry = this.#options.core.state.flows.get(flow.id);
      const limit = flow.flow.bandwidthBytesPerSecond;
      if (limit > 0 && entry !== undefined) this.#share(flow, entry, nowMs);
    }
  }

  #share(flow: FlowRuntime<Opened>, entry: FlowEntry, nowMs: number): void {
    const { agents } = this.#options;
    const holders = [...this.#options.core.state.agents.values()]
      .filter((agent) => entry.carriers.has(agent))
      .map((agent) => ({ agent, ...usage(flow, entry, { agent, nowMs }) }))
      .filter(({ partitions }) => partitions > 0)
      .map((holder) => ({
        ...holder,
        heldBack: agents.sessions.get(holder.agent.sessionId)?.limited.has(flow.id) === true,
      }));
    const shares = shareLimit(flow.flow.bandwidthBytesPerSecond, holders);
    const changes = holders.map(({ agent }, index) => ({ agent, share: shares[index] ?? 0 }));
    // Who has to take less hears of it first.
    changes.sort((a, b) => this.#gain(flow.id, a) - this.#gain(flow.id, b));
    for (const { agent, share } of changes) this.#tell(flow.id, agent, share);
  }

  #gain(flow: string, { agent, share }: { agent: AgentEntry; share: number }): number {
    const before = this.#options.agents.sessions.get(agent.sessionId)?.shares.get(flow);
    return share - (before ?? Infinity);
  }

  #tell(flow: string, agent: AgentEntry, share: number): void {
    const session = this.#options.agents.sessions.get(agent.sessionId);
    if (session?.link === undefined) return;
    const before = session.shares.get(flow);
    if (before !== undefined && Math.abs(share - before) <= before * SHARE_CHANGE_FRACTION) return;
    session.shares.set(flow, share);
    session.link.send({ kind: 'flow-limit', flow, bytesPerSecond: share });
  }
}

/** What an agent holds of a flow, and how fast it is copied. */
function usage<Opened extends OpenedFlowTarget>(
  flow: FlowRuntime<Opened>,
  entry: FlowEntry,
  { agent, nowMs }: { agent: AgentEntry; nowMs: number },
): { partitions: number; bytesPerSecond: number } {
  let partitions = 0;
  let bytesPerSecond = 0;
  for (const { work } of agent.charged.get(entry) ?? []) {
    if (work.kind !== 'partition') continue;
    partitions += 1;
    bytesPerSecond += flow.meters.get(work.topic)?.get(work.partition)?.bytesPerSecond(nowMs) ?? 0;
  }
  return { partitions, bytesPerSecond };
}
