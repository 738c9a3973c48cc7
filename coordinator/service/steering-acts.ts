import type { AgentEntry, FlowEntry } from '../core/state.js';
import { TopicSteering, type SteeringRule } from '../core/steering-rules.js';
import type { ActBegun } from '../journal/journal-entry.js';
import { describeError } from '../../common/errors.js';
import type { Coordination } from './coordination.js';
import { UnknownAgentError } from './errors.js';
import type { OpenedFlowTarget } from './flow-target-port.js';
import type { DrainRequest, SteerRequest } from './steering.js';

/** How long an operator's call waits until agents have let go. It takes effect all the same. */
export const STEER_WAIT_MAX_MS = 5_000;
export const DRAIN_WAIT_MAX_MS = 20_000;

const LOOK_INTERVAL_MS = 50;

export interface SteerOutcome {
  readonly changed: boolean;
  /** Names of the known topics that the request matches. */
  readonly topics: readonly string[];
  /** Partitions of those that are still with an agent, by agent id; of a pause or an exclusion. */
  readonly held: ReadonlyMap<string, number>;
  readonly rules: readonly SteeringRule[];
}

export interface DrainOutcome {
  readonly changed: boolean;
  /** What the agent still holds. */
  readonly items: number;
  /** Flows whose items stay with it, since no other agent can take them. */
  readonly stuckFlows: readonly string[];
}

/** Pauses, resumes, excludes or includes topics of a flow, and waits for agents to let go. */
export async function steer<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  request: SteerRequest,
): Promise<SteerOutcome> {
  const { act, topics, operator } = request;
  const flow = coordination.flow(request.flow).id;
  const detail = topics.map((topic) => `--topics ${topic}`).join(' ');
  const before = { rules: String(coordination.steering.rulesOf(flow).length) };
  const changed = await noted(coordination, { operator, act, flow, detail, before }, async () =>
    coordination.steering.steer(request),
  );
  // As if it were the only rule: what it names, whatever other rules say of it.
  const asked = new TopicSteering([{ act: 'pause', topics, operator, atMs: 0 }]);
  const entry = coordination.core.state.flows.get(flow);
  const matching = (entry?.listed ?? [])
    .map(({ name }) => name)
    .filter((name) => asked.isPaused(name));
  const stops = act === 'pause' || act === 'exclude';
  const look = (): Map<string, number> =>
    entry !== undefined && stops ? holdersOf(entry, asked) : new Map<string, number>();
  const held = await settled(coordination, STEER_WAIT_MAX_MS, {
    look,
    done: ({ size }) => size === 0,
  });
  return { changed, topics: matching.sort(), held, rules: coordination.steering.rulesOf(flow) };
}

/** Takes an agent's work away, as far as another can have it, or lets it have work again. */
export async function drain<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  request: DrainRequest,
): Promise<DrainOutcome> {
  const { agentId, undo, operator } = request;
  const { state } = coordination.core;
  const known = new Set([...state.agents.values()].map((agent) => agent.agentId));
  if (!known.has(agentId) && !coordination.steering.drained.has(agentId))
    throw new UnknownAgentError(agentId, [...known].sort());
  const detail = `${agentId}${undo ? ' --undo' : ''}`;
  const items = state.agentsById.get(agentId)?.holding.size ?? 0;
  const before = { items: String(items) };
  const changed = await noted(
    coordination,
    { operator, act: 'drain', flow: '', detail, before },
    async () => coordination.steering.drain(request),
  );
  const look = (): DrainOutcome => {
    const agent = state.agentsById.get(agentId);
    const stuckFlows = agent === undefined || undo ? [] : stuckFlowsOf(coordination, agent);
    return { changed, items: agent?.holding.size ?? 0, stuckFlows };
  };
  const done = (seen: DrainOutcome): boolean =>
    undo || seen.items === 0 || stuckOnly(seen, agentId);
  const stuckOnly = ({ stuckFlows }: DrainOutcome, id: string): boolean =>
    [...(state.agentsById.get(id)?.holding ?? [])].every(({ flow }) =>
      stuckFlows.includes(flow.name),
    );
  return settled(coordination, DRAIN_WAIT_MAX_MS, { look, done });
}

function holdersOf(flow: FlowEntry, asked: TopicSteering): Map<string, number> {
  const held = new Map<string, number>();
  for (const topic of flow.topics.values()) {
    if (!asked.isPaused(topic.name)) continue;
    for (const { state, holder } of topic.items.values()) {
      if (holder === undefined || (state !== 'held' && state !== 'revoking')) continue;
      held.set(holder.agentId, (held.get(holder.agentId) ?? 0) + 1);
    }
  }
  return held;
}

/** Flows of which the agent holds something and for which nobody else could work. */
function stuckFlowsOf<Opened extends OpenedFlowTarget>(
  { core }: Coordination<Opened>,
  agent: AgentEntry,
): string[] {
  const flows = new Set([...agent.holding].map(({ flow }) => flow));
  const { agents, drained } = core.state;
  const others = [...agents.values()].filter(
    (other) => other.connected && !other.closing && !other.draining && !drained.has(other.agentId),
  );
  const isStuck = ({ source, target }: FlowEntry): boolean =>
    !others.some(({ clusters }) => clusters.has(source) && clusters.has(target));
  return [...flows]
    .filter(isStuck)
    .map(({ name }) => name)
    .sort();
}

/** Looks until it is done, for a while; resolves with the last look. */
async function settled<Opened extends OpenedFlowTarget, T>(
  { clock, over }: Coordination<Opened>,
  limitMs: number,
  { look, done }: { look: () => T; done: (seen: T) => boolean },
): Promise<T> {
  const endMs = clock.nowMs() + limitMs;
  let seen = look();
  while (!done(seen) && clock.nowMs() < endMs && !over.aborted) {
    await clock.sleep(LOOK_INTERVAL_MS, over).catch(() => {}); // the loop looks at the signal
    seen = look();
  }
  return seen;
}

/** Does it between two lines of the journal. */
async function noted<Opened extends OpenedFlowTarget>(
  { journal }: Coordination<Opened>,
  act: ActBegun,
  work: () => Promise<boolean>,
): Promise<boolean> {
  try {
    const changed = await work();
    const message = changed ? '' : 'it was so before';
    void journal.record({ ...act, after: {}, outcome: 'done', message });
    return changed;
  } catch (error) {
    const failed = { after: {}, outcome: 'failed', message: describeError(error) } as const;
    void journal.record({ ...act, ...failed });
    throw error;
  }
}
