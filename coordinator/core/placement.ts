import { assign, type AssignmentPool } from './assignment.js';
import { TRIAL_MOVES_MAX, whoReaches } from './reach.js';
import type { Step } from './step.js';
import { charge, setHolder } from './holding.js';
import type { AgentEntry, FlowEntry, ItemEntry } from './state.js';

/** Items that holders are letting go of for another at any moment; the rest follows as these have. */
export const MOVES_IN_FLIGHT_MAX = 1_000;

/** An item that was moved stays where it is for this long, unless its holder may not keep it. */
export const MOVED_REST_MS = 30_000;

/** The balance of every flow is looked at this often; of one whose agents changed, at once. */
export const BALANCE_INTERVAL_MS = 5_000;

/** Agents and items that one step looks at for balance before it leaves the rest to the next. */
export const BALANCE_EFFORT_PER_STEP = 100_000;

type Pool = AssignmentPool<ItemEntry, AgentEntry>;

/** Asks for target topics that are due, grants what nobody holds, and moves what should move. */
export function placeItems(step: Step): void {
  const { state } = step;
  for (const flow of state.flows.values()) if (flow.mode === 'running') askForTopics(step, flow);
  if (step.nowMs >= state.balanceAllAtMs) {
    state.balanceAllAtMs = step.nowMs + BALANCE_INTERVAL_MS;
    for (const flow of state.flows.values()) state.balanceDue.add(flow);
  }
  for (const flow of state.grantLater) state.grantDue.add(flow);
  state.grantLater.clear();
  grantDue(step);
  if (!state.leaving) balanceDue(step);
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

function grantDue(step: Step): void {
  const { state } = step;
  const pools: Pool[] = [];
  for (const flow of state.grantDue) {
    if (flow.mode !== 'running') continue;
    const unheld = grantable(step, flow);
    if (unheld.length === 0) continue;
    const { candidates: trusted, triers } = whoMay(step, flow);
    // What was taken from another for a trial, or is as good for one.
    const candidates = unheld.length > TRIAL_MOVES_MAX ? trusted : [...trusted, ...triers];
    pools.push({ unheld, candidates, leavers: [], balance: false, movable: () => [] });
  }
  state.grantDue.clear();
  place(step, pools, 0);
}

/** A flow at a time, so that each sees the loads that the ones before have left. */
function balanceDue(step: Step): void {
  const { state } = step;
  const before = state.placementEffort;
  for (const flow of state.balanceDue) {
    const movesMax = MOVES_IN_FLIGHT_MAX - state.moving.size;
    if (movesMax <= 0 || state.placementEffort - before >= BALANCE_EFFORT_PER_STEP) return;
    state.balanceDue.delete(flow);
    if (flow.mode !== 'running') continue;
    const moved = balance(step, flow, movesMax);
    // There may be more of it: after others had their turn.
    if (moved >= movesMax) state.balanceDue.add(flow);
  }
}

/** How many it moves. */
function balance(step: Step, flow: FlowEntry, movesMax: number): number {
  const { candidates, leavers, triers } = whoMay(step, flow);
  const leaving = new Set(leavers);
  const movable = (agent: AgentEntry): Iterable<ItemEntry> =>
    leaving.has(agent) ? heldBy(flow, agent) : surplus(step, flow, agent);
  const pool = { unheld: [], leavers, balance: true, movable };
  const moved = place(step, [{ ...pool, candidates }], movesMax);
  if (triers.length === 0 || moved > 0) return moved;
  return place(step, [{ ...pool, candidates: [...candidates, ...triers] }], TRIAL_MOVES_MAX);
}

function place(step: Step, pools: readonly Pool[], movesMax: number): number {
  if (pools.length === 0) return 0;
  const { state } = step;
  const { grants, moves, effort } = assign<ItemEntry, AgentEntry>({
    pools,
    loadOf: (agent) => agent.load,
    weightOf: (item) => item.weight,
    preferredOf: (item) =>
      item.lastAgentId === undefined ? undefined : state.agentsById.get(item.lastAgentId),
    movesMax,
  });
  state.placementEffort += effort;
  for (const { item, agent } of grants) {
    setHolder(state, item, { state: 'granting', agent });
    const { sessionId, agentId } = agent;
    step.outbox.grant({ item: item.key, sessionId, agentId });
  }
  for (const { item, to } of moves) {
    step.revoke(item, `moves to ${to.agentId}`);
    charge(item, to);
    state.moving.add(item);
    item.restUntilMs = step.nowMs + MOVED_REST_MS;
  }
  return moves.length;
}

function grantable(step: Step, flow: FlowEntry): ItemEntry[] {
  const unheld: ItemEntry[] = [];
  for (const item of flow.unheld) {
    if (!step.wanted(item)) continue;
    // Looked at again by a later tick: the delay is short, and nothing else would wake it.
    if (step.nowMs < item.notBeforeMs) step.state.grantLater.add(flow);
    else unheld.push(item);
  }
  return unheld;
}

interface Eligible {
  readonly candidates: AgentEntry[];
  readonly leavers: AgentEntry[];
  /** On trial, and without anything to show. */
  readonly triers: AgentEntry[];
}

/**
 * Who may hold the flow's items: who reaches both clusters, as it says and as far as is seen, is
 * connected and does not leave; of these, those of the source's own site, if there are any: what is compressed there crosses the long
 * line once, and the site's records do not visit another site.
 */
function whoMay(step: Step, flow: FlowEntry): Eligible {
  const { state } = step;
  const atSource = state.agentsByCluster.get(flow.source);
  const atTarget = state.agentsByCluster.get(flow.target);
  const able: AgentEntry[] = [];
  if (atSource !== undefined && atTarget !== undefined) {
    const [fewer, more] =
      atSource.size < atTarget.size ? [atSource, atTarget] : [atTarget, atSource];
    state.placementEffort += fewer.size;
    for (const agent of fewer) {
      if (!more.has(agent) || !isPresent(agent) || agent.draining) continue;
      if (state.drained.has(agent.agentId)) continue;
      able.push(agent);
    }
  }
  const { reaching, onTrial } = whoReaches(step, flow, able);
  const home = reaching.filter(({ site }) => site === flow.sourceSite);
  const candidates = home.length > 0 ? home : reaching;
  const may = new Set([...candidates, ...onTrial]);
  const leavers: AgentEntry[] = [];
  for (const agent of flow.carriers) {
    // Without a word from it nobody knows: what it holds stays with it until its session ends.
    if (isPresent(agent) && !may.has(agent)) leavers.push(agent);
  }
  return { candidates, leavers, triers: onTrial.filter((agent) => !flow.carriers.has(agent)) };
}

const isPresent = (agent: AgentEntry): boolean => agent.connected && !agent.closing;

/** A new leader has to ask for the target topic before it can grant: until then a partition stays. */
function* heldBy(flow: FlowEntry, agent: AgentEntry): Iterable<ItemEntry> {
  for (const item of agent.charged.get(flow) ?? []) {
    const isGrantable = item.topic === undefined || item.topic.target !== undefined;
    if (item.state === 'held' && item.holder === agent && isGrantable) yield item;
  }
}

/** The site item stays where it is: moving it balances nothing and costs an inventory. */
function* surplus(step: Step, flow: FlowEntry, agent: AgentEntry): Iterable<ItemEntry> {
  for (const item of heldBy(flow, agent))
    if (item.work.kind === 'partition' && step.nowMs >= item.restUntilMs) yield item;
}
