import type { ItemEntry, TopicEntry } from '../core/state.js';
import type { DrillHost } from '../drill/drill.js';
import type { CommitsReported } from '../promotion/promotion-look.js';
import type { PartitionPosition, SourceLook } from '../promotion/promotion-plan.js';
import type { Coordination } from './coordination.js';
import type { FlowPhase, FlowRuntime } from './flow-runtime.js';
import type { OpenedFlowTarget } from './flow-target-port.js';
import { endsHere } from './ends-here.js';
import { probeSource } from './probe-source.js';
import { reportGroups } from './report-groups.js';
import { stateOf } from './status-view.js';

/** A look at the source that is older than this no longer shows that it answers. */
export const SOURCE_LOOK_FRESH_MS = 5_000;

/**
 * How long stopping a flow waits for its agents. Beyond it the fence does what they did not: it is
 * what keeps late batches out, and a last report that is missing only makes the plan's RPO larger.
 */
export const FLOW_STOP_MAX_MS = 20_000;

const STOP_POLL_MS = 50;

/** What a promotion needs of the coordination of agents. */
export class CoordinationPromotionHost<Opened extends OpenedFlowTarget> implements DrillHost {
  readonly #coordination: Coordination<Opened>;

  constructor(coordination: Coordination<Opened>) {
    this.#coordination = coordination;
  }

  sourceState(flowId: string): SourceLook {
    const coordination = this.#coordination;
    const flow = coordination.flow(flowId);
    const nowMs = coordination.clock.nowMs();
    const { unansweredProbe: probe, sourceSeenAtMs } = flow;
    const seenMs = ageMs(sourceSeenAtMs, nowMs);
    const probeStands = probe !== undefined && (sourceSeenAtMs ?? -Infinity) < probe.atMs;
    if (!probeStands && seenMs !== undefined && seenMs <= SOURCE_LOOK_FRESH_MS)
      return { state: 'reachable', evidence: `an agent read the source ${seconds(seenMs)} ago` };
    const look =
      seenMs === undefined
        ? 'no agent has read the source since this coordinator leads'
        : `the source was last read ${seconds(seenMs)} ago`;
    const agents = this.#connectedAgents(flow);
    if (agents.length === 0)
      return { state: 'unknown', evidence: `no agent of the flow is connected; ${look}` };
    if (probeStands) return { state: probe.state, evidence: `${probe.evidence}; ${look}` };
    const names = agents.join(', ');
    return { state: 'unreachable', evidence: `${look}, though connected: ${names}` };
  }

  probeSource(flowId: string, signal: AbortSignal): Promise<void> {
    return probeSource(this.#coordination, flowId, signal);
  }

  reportGroups(flowId: string, signal: AbortSignal): Promise<CommitsReported> {
    return reportGroups(this.#coordination, flowId, signal);
  }

  partitionPositions(flowId: string): PartitionPosition[] {
    const coordination = this.#coordination;
    const flow = coordination.flow(flowId);
    const nowMs = coordination.clock.nowMs();
    const entry = coordination.core.state.flows.get(flowId);
    const positions: PartitionPosition[] = [];
    const names = new Set([...(entry?.topics.keys() ?? []), ...flow.meters.keys()]);
    for (const name of names) {
      const topic = entry?.topics.get(name);
      const gone = topic?.source === undefined && endsHere(flow, entry, name);
      const { policy, source } = flow.flow;
      const targetTopic = topic?.target?.targetTopic ?? policy.formatRemoteTopic(source, name);
      const count = topic?.source?.partitionCount ?? 0;
      const meters = flow.meters.get(name);
      for (const partition of new Set([...Array(count).keys(), ...(meters?.partitions() ?? [])])) {
        const meter = meters?.get(partition);
        positions.push({
          topic: name,
          targetTopic,
          partition,
          sourceNext: meter?.sourceNext,
          sourceEnd: meter?.sourceEnd,
          sourceEndAgeMs: meter?.sourceEndAgeMs(nowMs),
          lagRecords: isCopied(topic?.items.get(partition)) ? meter?.lagRecords : undefined,
          missingMs: meter?.missingMs,
          gone,
          stopped: topic && whyStopped(flow, topic, topic.items.get(partition)),
        });
      }
    }
    return positions;
  }

  /** No more grants; waits until every agent that still answers has reported and released. */
  async stopFlow(
    flowId: string,
    topics: readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<string[]> {
    const { clock, over } = this.#coordination;
    this.#coordination.flow(flowId).stop(topics);
    const concerned = topics === undefined ? undefined : new Set(topics);
    const either = AbortSignal.any([signal, over]);
    const deadlineMs = clock.nowMs() + FLOW_STOP_MAX_MS;
    for (;;) {
      const holders = this.#holders(flowId, concerned);
      if (holders.length === 0 || clock.nowMs() >= deadlineMs) return holders;
      await clock.sleep(STOP_POLL_MS, either);
    }
  }

  setFlowState(flowId: string, state: FlowPhase, topics?: readonly string[]): void {
    this.#coordination.flow(flowId).setPhase(state, topics);
  }

  listedTopics(flowId: string): string[] {
    return [...(this.#coordination.core.state.flows.get(flowId)?.topics.keys() ?? [])];
  }

  isCopied(flowId: string, topic: string, partitions: number): boolean {
    const items = this.#coordination.core.state.flows.get(flowId)?.topics.get(topic)?.items;
    return [...(items?.values() ?? [])].filter(isCopied).length === partitions;
  }

  /** It is gone from both sides. */
  forgetTopic(flowId: string, topic: string): void {
    const flow = this.#coordination.flow(flowId);
    flow.meters.delete(topic);
    flow.setPhase('running', [topic]);
  }

  /** Whoever is cut off can tell nothing more: only connected holders are waited for. */
  #holders(flowId: string, topics: ReadonlySet<string> | undefined): string[] {
    const isConcerned = ({ flow, state, topic }: ItemEntry): boolean =>
      flow.name === flowId &&
      state !== 'releasing' &&
      (topics === undefined || (topic !== undefined && topics.has(topic.name)));
    return [...this.#coordination.core.state.agents.values()]
      .filter((agent) => agent.connected && [...agent.holding].some(isConcerned))
      .map(({ agentId }) => agentId);
  }

  #connectedAgents(flow: FlowRuntime<Opened>): string[] {
    const { source } = flow.flow;
    return [...this.#coordination.core.state.agents.values()]
      .filter((agent) => agent.connected && agent.clusters.has(source))
      .map((agent) => agent.agentId);
  }
}

function isCopied(item: ItemEntry | undefined): boolean {
  return item?.state === 'held' && item.copier === 'running';
}

/** Until an operator acts; what is only moved, or looks for its position, goes on by itself. */
function whyStopped<Opened extends OpenedFlowTarget>(
  flow: FlowRuntime<Opened>,
  topic: TopicEntry,
  item: ItemEntry | undefined,
): string | undefined {
  const { state, halt } = stateOf(flow, topic, { item, refusal: undefined });
  if (state === 'halted') return `halted: ${halt?.code ?? 'for an unknown reason'}`;
  return state === 'paused' ? state : undefined;
}

function ageMs(atMs: number | undefined, nowMs: number): number | undefined {
  return atMs === undefined ? undefined : Math.max(0, nowMs - atMs);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
