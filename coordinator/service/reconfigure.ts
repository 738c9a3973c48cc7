import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import type { ReloadPlan } from '../../mirror/config/reload-plan.js';
import { failbackFlowId } from '../../mirror/failback-flow.js';
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

/** By flow, what a change of it waits for. */
export type ActsAwaited = ReadonlyMap<string, string>;

/**
 * What runs in flows that the plan changes or removes, for which all of it waits. Agents get the whole
 * file at once, and an act whose agents follow other topics than its coordinator comes to no end.
 */
export function actsAwaited<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened> | undefined,
  { removed, changed }: Pick<ReloadPlan, 'removed' | 'changed'>,
): ActsAwaited {
  const awaited = new Map<string, string>();
  for (const id of [...removed, ...changed]) {
    const acts = coordination?.flows.get(id)?.acts;
    if (acts?.running === undefined) continue;
    acts.isAwaited = true;
    awaited.set(id, acts.running);
  }
  return awaited;
}

/**
 * Applies another configuration to a running term; no act may run in what it concerns. What is no longer
 * selected is revoked first; it resolves only once every agent that had it has said that it stopped, so
 * that whoever is told so can rely on it. Partitions of topics that stay selected are not touched.
 */
export async function reconfigure<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  options: ReconfigureOptions,
): Promise<void> {
  const { plan, superseded, onUnconfirmed } = options;
  const flows = new Map(plan.config.flows.map((flow) => [flow.id as string, flow]));
  const reopened: FlowConfig[] = [];
  const copies = copiesOf(coordination, [...plan.removed, ...plan.changed]);
  for (const id of [...plan.removed, ...copies]) coordination.flows.get(id)?.retire();
  for (const id of [...plan.removed, ...plan.changed]) {
    const present = coordination.flows.get(id);
    if (present === undefined) continue;
    present.acts.changing = true;
    const flow = plan.changed.some((each) => each === id) ? flows.get(id) : undefined;
    if (flow === undefined) continue;
    present.flow = flow;
    deselect(coordination, flow);
    reopened.push(flow);
  }
  // After the flows' own: what an agent still reports under its old filter is judged by the new one.
  coordination.configureAgents(plan.config);
  const confirmed = await confirmations(coordination, CONFIRM_MS_MAX, coordination.over);
  // Before their flows, which make them anew.
  await Promise.all(copies.map((id) => remove(coordination, id, CONFIRM_MS_MAX)));
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
  const deadlineMs = clock.nowMs() + limitMs;
  while (!core.isIdle(id)) {
    if (clock.nowMs() >= deadlineMs) return;
    await clock.sleep(CONFIRM_LOOK_MS, over);
  }
  await coordination.removeFlow(id);
}

/** A failback that waits for an operator has its copy run: that is derived from the flow. */
function copiesOf<Opened extends OpenedFlowTarget>(
  { flows }: Coordination<Opened>,
  ids: readonly string[],
): string[] {
  const copies = ids.flatMap((id) => {
    const flow = flows.get(id)?.flow;
    return flow === undefined ? [] : [failbackFlowId(flow)];
  });
  return copies.filter((id) => flows.has(id));
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
