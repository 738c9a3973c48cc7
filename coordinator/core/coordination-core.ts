import type { CoreAction, CoreEvent, LeaseRef } from './events.js';
import {
  granted,
  grantHeld,
  leaseDeleted,
  leaseGone,
  leasesListed,
  progress,
  recovered,
  released,
} from './leases.js';
import { Outbox } from './outbox.js';
import { placeItems } from './placement.js';
import { noteReached, noteTrouble } from './reach.js';
import { retryRefused } from './right-retries.js';
import {
  agentJoined,
  agentsDrained,
  beginClose,
  disconnected,
  draining,
  excuseStandstill,
  heartbeat,
  sessionGone,
} from './sessions.js';
import {
  addFlow,
  createState,
  holds,
  removeFlow,
  type AgentEntry,
  type CoreState,
} from './state.js';
import { Step } from './step.js';
import {
  flowReopened,
  flowSteered,
  targetRenewed,
  topicInventoried,
  topicProblem,
  topicReady,
  topicRetried,
  topicsDeselected,
  topicsStopped,
} from './topics.js';
import { siteKey } from './work-item.js';

export interface CoreOptions {
  /** An agent that was silent for longer has lost its session. */
  readonly leaseTtlMs: number;
}

/**
 * Who holds what: (state, event, now) -> (state, actions). It reads no clock and does no I/O, so
 * the same events at the same times always give the same actions. It trusts nobody's memory: what
 * an agent says counts only under the session and the lease epoch that the store last confirmed.
 */
export class CoordinationCore {
  readonly state: CoreState = createState();
  readonly #options: CoreOptions;

  constructor(options: CoreOptions) {
    this.#options = options;
  }

  step(event: CoreEvent, nowMs: number): CoreAction[] {
    const outbox = new Outbox();
    const step = new Step(this.state, outbox, nowMs);
    excuseStandstill(step);
    handle(step, event, this.#options.leaseTtlMs);
    return outbox.drain();
  }

  /** Whether a tick soon would do more than keep time. */
  get placementDue(): boolean {
    return this.state.grantDue.size > 0;
  }

  /** Whether nothing is on its way from one agent to another, or to its first. */
  get isSettled(): boolean {
    const { unsettled, grantDue } = this.state;
    return unsettled.size === 0 && grantDue.size === 0;
  }

  /** Whether nobody holds, or is about to hold, anything of the flow. */
  isIdle(flow: string): boolean {
    const entry = this.state.flows.get(flow);
    if (entry === undefined) return true;
    if (entry.site.state !== 'unheld') return false;
    for (const topic of entry.topics.values()) {
      for (const item of topic.items.values()) if (item.state !== 'unheld') return false;
    }
    return true;
  }

  /** The live session with this id, if it is this agent's. */
  liveSession(sessionId: string, agentId: string): AgentEntry | undefined {
    const agent = this.state.agents.get(sessionId);
    return agent !== undefined && !agent.closing && agent.agentId === agentId ? agent : undefined;
  }

  /** Whether the message is about a lease that the session has now. */
  accepts(sessionId: string, lease: LeaseRef): boolean {
    const item = this.state.items.get(lease.item);
    return item !== undefined && holds(item, sessionId, lease.leaseEpoch);
  }

  /** Whether what was copied under this lease still counts: its target topic may be another one now. */
  copiesCount(lease: LeaseRef): boolean {
    const item = this.state.items.get(lease.item);
    return item !== undefined && lease.leaseEpoch > item.voidEpoch;
  }
}

function handle(step: Step, event: CoreEvent, leaseTtlMs: number): void {
  switch (event.kind) {
    case 'flow-mode':
      return flowMode(step, event);
    case 'topics-stopped':
      return topicsStopped(step, event);
    case 'recovered':
      return recovered(step, event);
    case 'agent-joined':
      return agentJoined(step, event);
    case 'agent-heartbeat':
      return heartbeat(step, event.sessionId);
    case 'agent-disconnected':
      return disconnected(step, event.sessionId);
    case 'agent-draining':
      return draining(step, event.sessionId);
    case 'session-gone':
      return sessionGone(step, event.sessionId);
    case 'inventory':
      return topicInventoried(step, event);
    case 'target-topic-ready':
      return topicReady(step, event);
    case 'target-topic-problem':
      return topicProblem(step, event);
    case 'granted':
      return granted(step, event);
    case 'grant-held':
      return grantHeld(step, event);
    case 'lease-gone':
      return leaseGone(step, event.lease);
    case 'lease-deleted':
      return leaseDeleted(step, event);
    case 'leases-listed':
      return leasesListed(step, event);
    case 'released':
      return released(step, event);
    case 'progress':
      return progress(step, event);
    case 'standing':
    case 'site-trouble':
      return noteReach(step, event);
    case 'resume':
      return resume(step, event);
    case 'target-renewed':
      return targetRenewed(step, event);
    case 'topic-retried':
      return topicRetried(step, event);
    case 'topics-deselected':
      return topicsDeselected(step, event);
    case 'flow-reopened':
      return flowReopened(step, event.flow);
    case 'flow-removed':
      return flowRemoved(step, event.flow);
    case 'flow-steered':
      return flowSteered(step, event);
    case 'agents-drained':
      return agentsDrained(step, event.agentIds);
    case 'leaving':
      step.state.leaving = true;
      return;
    case 'tick':
      return tick(step, leaseTtlMs);
    default:
      event satisfies never;
  }
}

function flowMode(step: Step, event: CoreEvent & { kind: 'flow-mode' }): void {
  const { flow: name, source, target, sourceSite = source, mode } = event;
  const { state } = step;
  const flow = state.flows.get(name);
  if (flow === undefined) {
    addFlow(state, { name, source, target, sourceSite, mode, siteKey: siteKey(name) });
    return;
  }
  state.grantDue.add(flow);
  const before = flow.mode;
  flow.mode = mode;
  if (before === mode) return;
  step.forEachItem(flow.name, (item) => {
    if (mode === 'stopped') step.revoke(item, 'the flow is stopped');
    if (mode === 'running') step.confirm(item);
  });
}

function noteReach(step: Step, event: CoreEvent & { kind: 'standing' | 'site-trouble' }): void {
  const agent = step.state.agents.get(event.sessionId);
  const flow = step.state.flows.get(event.flow);
  if (agent === undefined || flow === undefined) return;
  if (event.kind === 'standing') noteReached(step, agent, flow);
  else if (flow.site.holder === agent) noteTrouble(step, agent, flow);
}

function flowRemoved(step: Step, name: string): void {
  const flow = step.state.flows.get(name);
  if (flow !== undefined) removeFlow(step.state, flow);
}

/** A new grant makes a new copier, wherever it is placed: the halted one is let go of. */
function resume(step: Step, { items, accept }: CoreEvent & { kind: 'resume' }): void {
  for (const key of items) {
    const item = step.state.items.get(key);
    if (item?.copier !== 'halted') continue;
    item.accept = accept;
    step.revoke(item, 'an operator lets it try again');
  }
}

function tick(step: Step, leaseTtlMs: number): void {
  for (const agent of step.state.agents.values()) {
    if (!agent.closing && step.nowMs - agent.lastHeartbeatMs > leaseTtlMs)
      beginClose(step, agent, `no heartbeat for ${leaseTtlMs} ms`);
  }
  for (const item of [...step.state.revoking]) {
    if (step.nowMs >= item.revokeDeadlineMs) step.release(item);
  }
  retryRefused(step);
  placeItems(step);
}
