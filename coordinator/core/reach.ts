import type { AgentEntry, FlowEntry } from './state.js';
import type { Step } from './step.js';

/** An agent that gets nothing of a flow going for this long is given no more of it. */
export const UNREACHED_AFTER_MS = 10_000;

/** It is tried again this long after, doubling up to the maximum. */
export const TRIAL_AFTER_MIN_MS = 60_000;
export const TRIAL_AFTER_MAX_MS = 3_600_000;

/** What an agent on trial is given of a flow. */
export const TRIAL_MOVES_MAX = 1;

/**
 * Why an agent may not reach the clusters of a flow, whatever it claims: it has found no position in
 * any of the flow's partitions since `sinceMs`. A new session begins without.
 */
export interface Doubt {
  /** Undefined on trial, until it is in trouble again. */
  sinceMs: number | undefined;
  trials: number;
}

/** The agent copies something of the flow. */
export function noteReached(step: Step, agent: AgentEntry, flow: FlowEntry): void {
  if (agent.doubts.delete(flow.name)) step.state.balanceDue.add(flow);
}

/** The agent says what keeps it from copying something of the flow. */
export function noteTrouble(step: Step, agent: AgentEntry, flow: FlowEntry): void {
  const doubt = agent.doubts.get(flow.name);
  if (doubt === undefined) agent.doubts.set(flow.name, { sinceMs: step.nowMs, trials: 0 });
  else doubt.sinceMs ??= step.nowMs;
}

export interface Reach {
  readonly reaching: AgentEntry[];
  /** They were in trouble, and are given a little to see whether they are still. */
  readonly onTrial: AgentEntry[];
}

/**
 * Those to whom the flow's work may go. As long as there is one without any trouble, those that were
 * in trouble for a while may not; if all are, the cluster is more likely to blame than they.
 */
export function whoReaches(step: Step, flow: FlowEntry, able: readonly AgentEntry[]): Reach {
  const reach: Reach = { reaching: [], onTrial: [] };
  if (able.every(({ doubts }) => doubts.has(flow.name))) return { ...reach, reaching: [...able] };
  for (const agent of able) {
    const doubt = agent.doubts.get(flow.name);
    if (doubt === undefined || (troubleMs(step, doubt) < UNREACHED_AFTER_MS && doubt.trials === 0))
      reach.reaching.push(agent);
    else if (isTried(step, doubt, flow.carriers.has(agent))) reach.onTrial.push(agent);
  }
  return reach;
}

const troubleMs = (step: Step, { sinceMs }: Doubt): number =>
  sinceMs === undefined ? 0 : step.nowMs - sinceMs;

/** Whether its trial goes on, or begins now. */
function isTried(step: Step, doubt: Doubt, carries: boolean): boolean {
  const forMs = troubleMs(step, doubt) - UNREACHED_AFTER_MS;
  if (forMs < 0) return true;
  const trialAfterMs = Math.min(TRIAL_AFTER_MAX_MS, TRIAL_AFTER_MIN_MS * 2 ** doubt.trials);
  if (carries || forMs < trialAfterMs) return false;
  doubt.sinceMs = undefined;
  doubt.trials += 1;
  return true;
}
