import type { LeaseRef } from './events.js';
import type { Outbox } from './outbox.js';
import { setHolder, setUnheld } from './holding.js';
import { removeItem, type CoreState, type ItemEntry } from './state.js';

/** How long an agent may take to settle what is in flight before its lease is released anyway. */
export const REVOKE_WAIT_MAX_MS = 15_000;

export const leaseOf = (item: ItemEntry): LeaseRef => ({
  item: item.key,
  leaseEpoch: item.leaseEpoch,
});

/** One event at one time: the state, what it asks for, and the moves that any handler may make. */
export class Step {
  readonly state: CoreState;
  readonly outbox: Outbox;
  readonly nowMs: number;

  constructor(state: CoreState, outbox: Outbox, nowMs: number) {
    this.state = state;
    this.outbox = outbox;
    this.nowMs = nowMs;
  }

  /** Whether the item should be held by anyone. */
  wanted(item: ItemEntry): boolean {
    if (item.flow.mode === 'stopped') return false;
    if (item.work.kind === 'site') return true;
    if (item.flow.stoppedTopics.has(item.work.topic)) return false;
    if (item.topic?.paused === true) return false;
    const source = item.topic?.source;
    return source !== undefined && item.work.partition < source.partitionCount;
  }

  /** Tells the holder of its lease, if there is enough to tell. */
  confirm(item: ItemEntry): void {
    const { holder } = item;
    if (item.confirmed || item.state !== 'held' || holder === undefined) return;
    if (!holder.connected || holder.closing || item.flow.mode !== 'running') return;
    if (item.topic !== undefined && item.topic.target === undefined) return;
    item.confirmed = true;
    this.outbox.sendGrant(holder.sessionId, leaseOf(item));
  }

  revoke(item: ItemEntry, reason: string): void {
    const { holder } = item;
    if (item.state !== 'held' || holder === undefined) return;
    setHolder(this.state, item, { state: 'revoking', agent: holder });
    this.state.unconfirmed.note(holder.agentId, item.key);
    item.revokeDeadlineMs = this.nowMs + REVOKE_WAIT_MAX_MS;
    if (holder.connected && !holder.closing)
      this.outbox.sendRevoke(holder.sessionId, leaseOf(item), reason);
  }

  release(item: ItemEntry): void {
    if (item.holder === undefined) return;
    setHolder(this.state, item, { state: 'releasing', agent: item.holder });
    this.outbox.release(leaseOf(item));
  }

  /** Nobody has it now; what is not wanted any more, or cannot be granted yet, is forgotten. */
  unhold(item: ItemEntry): void {
    const { topic, holder } = item;
    if (holder !== undefined && (item.state === 'held' || item.state === 'revoking'))
      this.state.unconfirmed.note(holder.agentId, item.key);
    setUnheld(this.state, item);
    if (topic === undefined || (topic.source !== undefined && topic.target !== undefined)) return;
    removeItem(this.state, item);
    if (topic.items.size === 0 && topic.source === undefined) topic.flow.topics.delete(topic.name);
  }

  forEachItem(flowName: string, visit: (item: ItemEntry) => void): void {
    const flow = this.state.flows.get(flowName);
    if (flow === undefined) return;
    visit(flow.site);
    for (const topic of [...flow.topics.values()])
      for (const item of [...topic.items.values()]) visit(item);
  }
}
