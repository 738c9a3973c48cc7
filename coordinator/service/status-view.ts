import type { Problem } from '../core/events.js';
import type { Notice } from '../target/source-facts.js';
import type { ItemEntry, TopicEntry } from '../core/state.js';
import { refusalOf } from '../core/right-retries.js';
import type { SteeringRule } from '../core/steering-rules.js';
import { parseItemKey, type WorkItem } from '../core/work-item.js';
import type { AgentSession } from './agent-directory.js';
import type { Coordination } from './coordination.js';
import type { FlowRuntime } from './flow-runtime.js';
import { stillCopying } from './reconfigure.js';
import type { Refusal } from './refused-agents.js';
import type {
  OpenedFlowTarget,
  GroupPositionView,
  MappedPartitionView,
} from './flow-target-port.js';

/** What an operator sees; assembled when asked for, from what the leader has in memory. */

export type PartitionStateView =
  'unheld' | 'recovering' | 'running' | 'halted' | 'promoted' | 'paused';
export type FlowStateView = 'running' | 'promoting' | 'promoted' | 'blocked';

export interface PartitionView {
  readonly topic: string;
  readonly partition: number;
  readonly targetTopic: string;
  readonly state: PartitionStateView;
  readonly halt: Problem | undefined;
  /** Agent id; empty if nobody. */
  readonly holder: string;
  readonly leaseEpoch: bigint;
  readonly sourceNext: bigint;
  readonly targetNext: bigint;
  readonly sourceEnd: bigint | undefined;
  /** How long ago the source said so. */
  readonly sourceEndAgeMs: number | undefined;
  readonly lagRecords: bigint | undefined;
  readonly lagMs: number | undefined;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly recordsTotal: bigint;
  readonly bytesTotal: bigint;
  /** Why it is still recovering, or runs and is behind all the same; empty if nothing is known. */
  readonly trouble: string;
}

export interface FlowView {
  readonly flow: string;
  readonly state: FlowStateView;
  readonly problem: string;
  readonly partitions: readonly PartitionView[];
  readonly groups: readonly GroupPositionView[];
  readonly siteHolder: string;
  /** What operators asked of its topics. */
  readonly steering: readonly SteeringRule[];
  readonly notices: readonly Notice[];
}

export interface AgentView {
  readonly agentId: string;
  readonly site: string;
  readonly clusters: readonly string[];
  readonly version: string;
  readonly connected: boolean;
  readonly draining: boolean;
  readonly items: number;
  readonly silentMs: number;
  readonly bytesPerSecond: number;
  /** An operator drains it. */
  readonly drained: boolean;
  /** What is wrong with what it says; newest first. */
  readonly problems: readonly string[];
  /** Version of the protocol that it speaks. */
  readonly protocol: number;
}

export interface StatusView {
  readonly flows: readonly FlowView[];
  readonly agents: readonly AgentView[];
  readonly refused: readonly RefusedAgentView[];
  readonly unconfirmed: readonly UnconfirmedView[];
}

/** An agent that may still copy what the configuration no longer selects. */
export interface UnconfirmedView {
  readonly agentId: string;
  /** Some of them. */
  readonly items: readonly WorkItem[];
  readonly itemCount: number;
}

const UNCONFIRMED_ITEMS_MAX = 100;

/** An agent that has no session, or lost its stream, for what it said. */
export interface RefusedAgentView extends Refusal {
  readonly times: number;
  /** Since the last time. */
  readonly agoMs: number;
}

/** The status of one flow, or of all if `flow` is empty. Throws UnknownFlowError. */
export function viewStatus<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  flow: string,
): StatusView {
  const flows = flow === '' ? [...coordination.flows.values()] : [coordination.flow(flow)];
  const viewed = flows.map((each) => viewFlow(coordination, each));
  const { agents, clock } = coordination;
  const refused = agents.refused.list.map(({ agentId, peer, reason, times, atMs }) => ({
    ...{ agentId, peer, reason, times },
    agoMs: clock.nowMs() - atMs,
  }));
  const unconfirmed = viewUnconfirmed(coordination, flow);
  return { flows: viewed, agents: viewAgents(coordination), refused, unconfirmed };
}

function viewUnconfirmed<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  flow: string,
): UnconfirmedView[] {
  const views: UnconfirmedView[] = [];
  for (const [agentId, keys] of stillCopying(coordination)) {
    const items = keys
      .map(parseItemKey)
      .filter((item) => item !== undefined && (flow === '' || item.flow === flow));
    if (items.length === 0) continue;
    const shown = items.slice(0, UNCONFIRMED_ITEMS_MAX).filter((item) => item !== undefined);
    views.push({ agentId, items: shown, itemCount: items.length });
  }
  return views;
}

export function flowState<Opened extends OpenedFlowTarget>(
  flow: FlowRuntime<Opened>,
): FlowStateView {
  if (flow.phase !== 'running') return flow.phase;
  return flow.target === undefined || flow.sourceBlocked ? 'blocked' : 'running';
}

function viewFlow<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  flow: FlowRuntime<Opened>,
): FlowView {
  const entry = coordination.core.state.flows.get(flow.id);
  const partitions: PartitionView[] = [];
  for (const topic of entry?.topics.values() ?? []) {
    partitions.push(...viewTopic(coordination, flow, topic));
  }
  const listed = new Set(partitions.map(({ topic, partition }) => `${topic}/${partition}`));
  for (const mapped of flow.target?.mappedPartitions() ?? []) {
    if (entry?.steering.isExcluded(mapped.topic) === true) continue;
    // Nobody can copy what the source has no more; a notice says so.
    const isGone = flow.phase === 'running' && flow.facts.gone.has(mapped.topic);
    if (!isGone && !listed.has(`${mapped.topic}/${mapped.partition}`))
      partitions.push(viewMapped(flow, mapped));
  }
  partitions.sort((a, b) => compare(a.topic, b.topic) || a.partition - b.partition);
  return {
    flow: flow.id,
    state: flowState(flow),
    problem: flow.problem,
    partitions,
    groups: flow.target?.groupPositions() ?? [],
    steering: coordination.steering.rulesOf(flow.id),
    notices: [
      ...awaitedAct(flow),
      ...(flow.phase === 'running' ? flow.facts.notices : []),
      ...(flow.phase === 'running' ? unwritten(coordination, flow.id) : []),
    ],
    siteHolder: entry?.site.state === 'unheld' ? '' : (entry?.site.holder?.agentId ?? ''),
  };
}

function awaitedAct<Opened extends OpenedFlowTarget>({ acts }: FlowRuntime<Opened>): Notice[] {
  const { isAwaited, running } = acts;
  if (!isAwaited || running === undefined) return [];
  const message = `a changed configuration is not in force until the ${running} has ended`;
  return [{ topic: '', code: 'configuration-waits', message, degraded: false }];
}

/** What agents may not write beside the copy of a flow; the same of several is said once. */
function unwritten<Opened extends OpenedFlowTarget>(
  { agents }: Coordination<Opened>,
  flow: string,
): Notice[] {
  const notices = new Map<string, Notice>();
  for (const { agentId, missingRights } of agents.sessions.values()) {
    for (const { flow: of, unwritten: what, right } of missingRights) {
      if (of !== flow || notices.has(right)) continue;
      const message = `${what} are not written by ${agentId}; grant ${right}`;
      notices.set(right, { topic: '', code: `${what}-not-written`, message, degraded: true });
    }
  }
  return [...notices.values()];
}

function* viewTopic<Opened extends OpenedFlowTarget>(
  { core, clock }: Coordination<Opened>,
  flow: FlowRuntime<Opened>,
  topic: TopicEntry,
): Iterable<PartitionView> {
  const nowMs = clock.nowMs();
  const count = topic.source?.partitionCount ?? 0;
  const partitions = new Set([...Array(count).keys(), ...topic.items.keys()]);
  for (const partition of partitions) {
    const item = topic.items.get(partition);
    const meter = flow.meters.get(topic.name)?.get(partition);
    const refusal = item === undefined ? undefined : refusalOf(core.state, item);
    const { state, halt } = stateOf(flow, topic, { item, refusal });
    const copied = state === 'running' || state === 'halted';
    yield {
      topic: topic.name,
      partition,
      targetTopic:
        topic.target?.targetTopic ??
        flow.flow.policy.formatRemoteTopic(flow.flow.source, topic.name),
      state,
      halt,
      holder: item?.state === 'unheld' ? '' : (item?.holder?.agentId ?? ''),
      leaseEpoch: item?.leaseEpoch ?? 0n,
      sourceNext: meter?.sourceNext ?? 0n,
      targetNext: meter?.targetNext ?? 0n,
      sourceEnd: meter?.sourceEnd,
      sourceEndAgeMs: meter?.sourceEndAgeMs(nowMs),
      lagRecords: meter?.lagRecords,
      // Nobody looks at the source of what is promoted, nor has to.
      lagMs: state === 'promoted' ? meter?.missingMs : meter?.lagMs(nowMs),
      recordsPerSecond: copied ? (meter?.recordsPerSecond(nowMs) ?? 0) : 0,
      bytesPerSecond: copied ? (meter?.bytesPerSecond(nowMs) ?? 0) : 0,
      recordsTotal: meter?.recordsTotal ?? 0n,
      bytesTotal: meter?.bytesTotal ?? 0n,
      trouble: state === 'recovering' || state === 'running' ? (meter?.trouble ?? '') : '',
    };
  }
}

/** A partition that no agent of this leader has listed: only the target knows of it. */
function viewMapped<Opened extends OpenedFlowTarget>(
  flow: FlowRuntime<Opened>,
  mapped: MappedPartitionView,
): PartitionView {
  const { topic, partition, targetTopic, end } = mapped;
  return {
    ...{ topic, partition, targetTopic, halt: undefined, holder: '', leaseEpoch: 0n },
    state: flow.phaseOf(topic) === 'promoted' ? 'promoted' : 'unheld',
    sourceNext: end?.sourceNext ?? 0n,
    targetNext: end?.targetNext ?? 0n,
    ...{ sourceEnd: undefined, sourceEndAgeMs: undefined },
    ...{ lagRecords: undefined, lagMs: undefined },
    ...{ recordsPerSecond: 0, bytesPerSecond: 0, recordsTotal: 0n, bytesTotal: 0n },
    trouble: '',
  };
}

export function stateOf<Opened extends OpenedFlowTarget>(
  flow: FlowRuntime<Opened>,
  topic: TopicEntry,
  { item, refusal }: { item: ItemEntry | undefined; refusal: Problem | undefined },
): { state: PartitionStateView; halt: Problem | undefined } {
  if (flow.phaseOf(topic.name) === 'promoted') return { state: 'promoted', halt: undefined };
  // What keeps the topic from being made ready keeps its missing partitions from being copied.
  if (item === undefined && topic.problem !== undefined)
    return { state: 'halted', halt: topic.problem };
  const isHeld = item !== undefined && item.state !== 'unheld' && item.state !== 'granting';
  if (!isHeld && topic.paused) return { state: 'paused', halt: undefined };
  if (refusal !== undefined) return { state: 'halted', halt: refusal };
  if (isHeld) return { state: item.copier ?? 'recovering', halt: item.halt };
  // A new topic, or a move between two agents: nobody has to look for an agent.
  const isUnderWay = item === undefined ? topic.ensure !== 'done' : item.state === 'granting';
  return { state: isUnderWay ? 'recovering' : 'unheld', halt: undefined };
}

function viewAgents<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
): AgentView[] {
  const nowMs = coordination.clock.nowMs();
  const views: AgentView[] = [];
  for (const agent of coordination.core.state.agents.values()) {
    if (agent.closing) continue;
    const session: AgentSession | undefined = coordination.agents.sessions.get(agent.sessionId);
    let bytesPerSecond = 0;
    for (const { work } of agent.holding) {
      if (work.kind !== 'partition') continue;
      const meter = coordination.flows.get(work.flow)?.meters.get(work.topic)?.get(work.partition);
      bytesPerSecond += meter?.bytesPerSecond(nowMs) ?? 0;
    }
    views.push({
      agentId: agent.agentId,
      site: session?.site ?? '',
      clusters: [...agent.clusters],
      version: session?.version ?? '',
      connected: agent.connected,
      draining: agent.draining,
      items: agent.holding.size,
      silentMs: Math.max(0, Math.round(nowMs - agent.lastHeartbeatMs)),
      bytesPerSecond,
      drained: coordination.core.state.drained.has(agent.agentId),
      problems: session?.problems.newestFirst(nowMs) ?? [],
      protocol: session?.protocol ?? 0,
    });
  }
  return views.sort((a, b) => compare(a.agentId, b.agentId));
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
