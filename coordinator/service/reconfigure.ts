import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import type { ReloadPlan } from '../../mirror/config/reload-plan.js';
import { topicExclusion } from '../../mirror/policy/topic-selection.js';
import { parseItemKey } from '../core/work-item.js';
import type { Coordination } from './coordination.js';
import type { OpenedFlowTarget } from './flow-target-port.js';

/**
 * How long agents may take to confirm that they stopped, before it is said that some have not. Longer
 * than a revoked lease waits for its agent.
 */
export const CONFIRM_MS_MAX = 20_000;

const CONFIRM_LOOK_MS = 50;

/** Agents that may still copy what the configuration no longer selects, each with such items. */
export type StillCopying = ReadonlyMap<string, readonly string[]>;

export interface ReconfigureOptions {
  readonly plan: ReloadPlan;
  /** Told once, when agents have not confirmed in time; it goes on waiting for them. */
  readonly onUnconfirmed: (agents: StillCopying) => void;
  /** Ends the wait for such agents, and nothing else: a newer configuration takes over. */
  readonly superseded: AbortSignal;
}

/**
 * Applies another configuration to a running term. What is no longer selected is revoked first; it
 * resolves only once every agent that had it has said that it stopped, so that whoever is told so can
 * rely on it. Partitions of topics that stay selected are not touched.
 */
export async function reconfigure<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  options: ReconfigureOptions,
): Promise<void> {
  const { plan, superseded, onUnconfirmed } = options;
  const flows = new Map(plan.config.flows.map((flow) => [flow.id as string, flow]));
  const reopened: FlowConfig[] = [];
  for (const id of plan.removed) if (mayChange(coordination, id)) coordination.flow(id).retire();
  for (const id of plan.changed) {
    const flow = flows.get(id);
    if (flow === undefined || !mayChange(coordination, id)) continue;
    coordination.flow(id).flow = flow;
    deselect(coordination, flow);
    reopened.push(flow);
  }
  // After the flows' own: what an agent still reports under its old filter is judged by the new one.
  coordination.configureAgents(plan.config);
  const confirmed = await confirmations(coordination, CONFIRM_MS_MAX, coordination.over);
  await Promise.all([
    ...reopened.map((flow) => coordination.flow(flow.id).reconfigure(flow)),
    ...plan.removed.map((id) => remove(coordination, id, CONFIRM_MS_MAX)),
  ]);
  for (const id of plan.added) {
    const flow = flows.get(id);
    if (flow === undefined) continue;
    const present = coordination.flows.get(id); // removed before, and not let go of since
    if (present === undefined) coordination.addFlow(flow);
    else await present.reconfigure(flow);
  }
  if (confirmed) return;
  onUnconfirmed(stillCopying(coordination));
  const signal = AbortSignal.any([coordination.over, superseded]);
  await confirmations(coordination, Infinity, signal);
  for (const id of plan.removed) await remove(coordination, id, CONFIRM_MS_MAX);
}

/** Once the store has taken back every lease; until then the flow stays, stopped. */
async function remove<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  id: string,
  limitMs: number,
): Promise<void> {
  const { clock, core, over } = coordination;
  if (coordination.flows.get(id)?.phase === 'promoting') return;
  const deadlineMs = clock.nowMs() + limitMs;
  while (!core.isIdle(id)) {
    if (clock.nowMs() >= deadlineMs) return;
    await clock.sleep(CONFIRM_LOOK_MS, over);
  }
  await coordination.removeFlow(id);
}

/** A promotion decides what its flow does until it is over. */
function mayChange<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  id: string,
): boolean {
  const flow = coordination.flows.get(id);
  if (flow?.phase === 'promoting')
    coordination.log.warn(
      { flow: id },
      'the flow is being promoted: its changed configuration counts after the next start',
    );
  return flow !== undefined && flow.phase !== 'promoting';
}

function deselect<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  flow: FlowConfig,
): void {
  const known = coordination.core.state.flows.get(flow.id)?.topics.keys() ?? [];
  const topics = [...known].filter((topic) => topicExclusion(flow, topic) !== null);
  if (topics.length > 0) coordination.emit({ kind: 'topics-deselected', flow: flow.id, topics });
}

/** Whether everything that is not selected was confirmed to stand still within the time. */
async function confirmations<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  limitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { clock } = coordination;
  const deadlineMs = clock.nowMs() + limitMs;
  while (stillCopying(coordination).size > 0) {
    if (clock.nowMs() >= deadlineMs) return false;
    await clock.sleep(CONFIRM_LOOK_MS, signal);
  }
  return true;
}

/** Agents that may still copy what is not selected, whatever change that came from. */
export function stillCopying<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
): StillCopying {
  const { state } = coordination.core;
  return state.unconfirmed.holdersOf((item) => !isSelected(coordination, item));
}

function isSelected<Opened extends OpenedFlowTarget>(
  { flows, core }: Coordination<Opened>,
  item: string,
): boolean {
  const work = parseItemKey(item);
  const flow = work === undefined ? undefined : flows.get(work.flow);
  if (work === undefined || flow === undefined) return false;
  if (core.state.flows.get(work.flow)?.mode === 'stopped') return flow.phase !== 'running';
  return work.kind === 'site' || topicExclusion(flow.flow, work.topic) === null;
}
