import type { CoreEvent } from './events.js';
import { charge } from './holding.js';
import { createAgent, holds, setReach, type AgentEntry } from './state.js';
import { leaseOf, type Step } from './step.js';

/** Agents come, go and fall silent. */

/** A leader that runs is told something at least this often: its tick is twice as fast. */
export const STEP_GAP_MAX_MS = 500;

/**
 * A leader that stood still heard nobody, and what agents said meanwhile waits to be read: after a
 * freeze, timers may run before sockets are. So that time is no agent's silence.
 */
export function excuseStandstill({ state, nowMs }: Step): void {
  const stoodStillMs = nowMs - state.steppedAtMs - STEP_GAP_MAX_MS;
  state.steppedAtMs = nowMs;
  if (stoodStillMs <= 0) return;
  for (const agent of state.agents.values()) agent.lastHeartbeatMs += stoodStillMs;
  for (const item of state.revoking) item.revokeDeadlineMs += stoodStillMs;
}

export function agentJoined(step: Step, event: CoreEvent & { kind: 'agent-joined' }): void {
  const { sessionId, agentId, clusters, held } = event;
  const agent = knownAgent(step, sessionId, agentId);
  if (agent.closing) return;
  const earlier = step.state.agentsById.get(agentId);
  if (earlier !== undefined && earlier !== agent)
    beginClose(step, earlier, 'replaced by a new session of the same agent');
  step.state.agentsById.set(agentId, agent);
  setReach(step.state, agent, clusters);
  agent.site = event.site ?? '';
  agent.connected = true;
  agent.draining = false;
  agent.lastHeartbeatMs = step.nowMs;
  lookAgain(step, agent);

  const claimed = new Set(held.map((lease) => lease.item));
  step.state.unconfirmed.keepOnly(agentId, claimed);
  for (const lease of held) {
    const item = step.state.items.get(lease.item);
    if (item === undefined || !holds(item, sessionId, lease.leaseEpoch))
      step.outbox.sendRevoke(sessionId, lease, 'the lease is no longer yours');
  }
  for (const item of agent.holding) {
    item.confirmed = false;
    if (item.state === 'held') step.confirm(item);
    else if (item.state !== 'revoking') continue;
    else if (!claimed.has(item.key)) step.release(item);
    else step.outbox.sendRevoke(sessionId, leaseOf(item), 'asked for before');
  }
}

export function heartbeat(step: Step, sessionId: string): void {
  const agent = step.state.agents.get(sessionId);
  if (agent !== undefined && !agent.closing) agent.lastHeartbeatMs = step.nowMs;
}

/** Flows that the agent may work for have one more to grant to, and to balance with. */
export function lookAgain(step: Step, agent: AgentEntry): void {
  const { flows, grantDue, balanceDue } = step.state;
  for (const flow of flows.values()) {
    const reaches = agent.clusters.has(flow.source) && agent.clusters.has(flow.target);
    if (!reaches && !flow.carriers.has(agent)) continue;
    if (flow.unheld.size > 0) grantDue.add(flow);
    balanceDue.add(flow);
  }
}

/** It may go on copying: what it holds stays with it until its session ends. */
export function disconnected(step: Step, sessionId: string): void {
  const agent = step.state.agents.get(sessionId);
  if (agent === undefined || agent.closing) return;
  agent.connected = false;
  for (const item of agent.holding) item.confirmed = false;
  // It said goodbye: there is nothing to wait for.
  if (agent.draining) beginClose(step, agent, 'the agent has left');
}

export function draining(step: Step, sessionId: string): void {
  const agent = step.state.agents.get(sessionId);
  if (agent === undefined || agent.closing) return;
  agent.draining = true;
  for (const item of [...agent.holding]) step.revoke(item, 'the agent drains');
}

/** An operator wants these to have nothing; the others may have work again. */
export function agentsDrained(step: Step, agentIds: readonly string[]): void {
  const { state } = step;
  const before = state.drained;
  state.drained = new Set(agentIds);
  for (const agent of state.agents.values())
    if (before.has(agent.agentId) !== state.drained.has(agent.agentId)) lookAgain(step, agent);
}

export function sessionGone(step: Step, sessionId: string): void {
  const agent = step.state.agents.get(sessionId);
  if (agent === undefined) return;
  for (const item of [...agent.holding]) step.unhold(item);
  // What was on its way to this agent is charged to its present holder again.
  for (const items of agent.charged.values())
    for (const item of [...items]) charge(item, item.holder);
  step.state.agents.delete(sessionId);
  setReach(step.state, agent, []);
  if (step.state.agentsById.get(agent.agentId) === agent)
    step.state.agentsById.delete(agent.agentId);
}

export function knownAgent(step: Step, sessionId: string, agentId: string): AgentEntry {
  const known = step.state.agents.get(sessionId);
  if (known !== undefined) return known;
  const agent = createAgent(sessionId, agentId, step.nowMs);
  step.state.agents.set(sessionId, agent);
  if (!step.state.agentsById.has(agentId)) step.state.agentsById.set(agentId, agent);
  return agent;
}

export function beginClose(step: Step, agent: AgentEntry, reason: string): void {
  if (agent.closing) return;
  agent.closing = true;
  agent.connected = false;
  step.outbox.action({ kind: 'close-session', sessionId: agent.sessionId, reason });
}
