import { assign, type AssignmentPool } from './assignment.js';
import type { Step } from './step.js';
import {
  charge,
  setHolder,
  weightOf,
  type AgentEntry,
  type FlowEntry,
  type ItemEntry,
} from './state.js';

/** Items moved from one agent to another by one step; the rest follows with the next ticks. */
export const MOVES_PER_STEP_MAX = 1_000;

/** Asks for target topics that are due, grants what nobody holds, and moves the surplus. */
export function placeItems(step: Step): void {
  const { state } = step;
  for (const flow of state.flows.values()) if (flow.mode === 'running') askForTopics(step, flow);
  if (!state.placementDue) return;
  state.placementDue = false;
  const connected = [...state.agents.values()].filter(
    (agent) => agent.connected && !agent.draining && !agent.closing,
  );
  const pools: AssignmentPool<ItemEntry, AgentEntry>[] = [];
  for (const flow of state.flows.values()) {
    if (flow.mode === 'running') pools.push(poolOf(step, flow, connected));
  }
  const { grants, moves } = assign<ItemEntry, AgentEntry>({
    pools,
    loadOf: (agent) => agent.load,
    weightOf,
    preferredOf: (item) =>
      item.lastAgentId === undefined ? undefined : state.agentsById.get(item.lastAgentId),
    movesMax: MOVES_PER_STEP_MAX,
  });
  for (const { item, agent } of grants) {
    setHolder(state, item, { state: 'granting', agent });
    const { sessionId, agentId } = agent;
    step.outbox.grant({ item: item.key, sessionId, agentId });
  }
  for (const { item, to } of moves) {
    step.revoke(item, `moves to ${to.agentId}`);
    charge(item, to);
  }
  if (moves.length === MOVES_PER_STEP_MAX) state.placementDue = true;
}

function askForTopics(step: Step, flow: FlowEntry): void {
  for (const topic of [...flow.ensureDue]) {
    if (topic.source === undefined || step.nowMs < topic.ensureNotBeforeMs) continue;
    if (flow.stoppedTopics.has(topic.name)) continue;
    flow.ensureDue.delete(topic);
    topic.ensure = 'asked';
    step.outbox.action({ kind: 'ensure-topic', flow: flow.name, topic: topic.source });
  }
}

function poolOf(
  step: Step,
  flow: FlowEntry,
  connected: readonly AgentEntry[],
): AssignmentPool<ItemEntry, AgentEntry> {
  const unheld: ItemEntry[] = [];
  for (const item of flow.unheld) {
    if (item.topic !== undefined && flow.stoppedTopics.has(item.topic.name)) continue;
    // Looked at again by a later tick: the delay is short, and nothing else would wake it.
    if (step.nowMs < item.notBeforeMs) step.state.placementDue = true;
    else unheld.push(item);
  }
  const candidates = connected.filter(
    (agent) => agent.clusters.has(flow.source) && agent.clusters.has(flow.target),
  );
  return { unheld, candidates, movable: (agent) => movable(flow, agent) };
}

/** The site item stays where it is: moving it balances nothing and costs an inventory. */
function* movable(flow: FlowEntry, agent: AgentEntry): Iterable<ItemEntry> {
  for (const item of agent.charged.get(flow) ?? []) {
    if (item.state === 'held' && item.holder === agent && item.work.kind === 'partition')
      yield item;
  }
}
