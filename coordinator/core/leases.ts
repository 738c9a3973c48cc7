import type { CoreEvent, HolderRef, LeaseRef } from './events.js';
import { setHolder, setWeight } from './holding.js';
import { begunAnew, isForgotten, nextListing } from './listing.js';
import { noteReached, noteTrouble } from './reach.js';
import { noteRefusal } from './right-retries.js';
import { knownAgent } from './sessions.js';
import {
  addPartition,
  addTopic,
  holds,
  isLease,
  type ItemEntry,
  type TopicEntry,
} from './state.js';
import { leaseOf, type Step } from './step.js';
import { weigh, WEIGH_INTERVAL_MS } from './weight.js';
import { parseItemKey } from './work-item.js';

/** An item that its holder gave up unasked is not granted again before this: no hot loop. */
export const REGRANT_DELAY_MS = 1_000;

/** What the store and the holders say of leases. */

export function recovered(step: Step, event: CoreEvent & { kind: 'recovered' }): void {
  for (const { sessionId, agentId } of event.sessions) knownAgent(step, sessionId, agentId);
  for (const lease of event.leases) takeListed(step, lease);
  // Nobody could be heard so far: it is not the agents that are silent.
  for (const agent of step.state.agents.values()) agent.lastHeartbeatMs = step.nowMs;
}

export function granted(step: Step, event: CoreEvent & { kind: 'granted' }): void {
  const { sessionId, lease } = event;
  const item = step.state.items.get(lease.item);
  // The session ended while the store worked; the lease ended with it.
  if (item?.state !== 'granting' || item.holder?.sessionId !== sessionId) return;
  setHolder(step.state, item, { state: 'held', agent: item.holder });
  item.leaseEpoch = lease.leaseEpoch;
  if (!step.wanted(item) || item.holder.draining) step.release(item);
  else step.confirm(item);
}

export function grantHeld(step: Step, event: CoreEvent & { kind: 'grant-held' }): void {
  const item = step.state.items.get(event.holder.item);
  if (item?.state !== 'granting' || item.holder?.sessionId !== event.sessionId) return;
  adopt(step, item, event.holder);
}

export function leaseGone(step: Step, lease: LeaseRef): void {
  const item = step.state.items.get(lease.item);
  if (item === undefined || !isLease(item, lease)) return;
  const holder = item.holder;
  if (item.state === 'held' && holder?.connected === true && !holder.closing)
    step.outbox.sendRevoke(holder.sessionId, lease, 'the lease is gone from the store');
  step.unhold(item);
}

/** Epochs are revisions: a lease of a later one was granted after this one was gone. */
export function leaseDeleted(step: Step, event: CoreEvent & { kind: 'lease-deleted' }): void {
  const item = step.state.items.get(event.item);
  if (item !== undefined && item.leaseEpoch < event.revision) leaseGone(step, leaseOf(item));
}

export function leasesListed(step: Step, event: CoreEvent & { kind: 'leases-listed' }): void {
  const { state } = step;
  if (event.first === true) state.listing = begunAnew(state.listing);
  const { listing } = state;
  for (const lease of event.leases) {
    if (lease.leaseEpoch > listing.newestEpoch) listing.newestEpoch = lease.leaseEpoch;
    const item = takeListed(step, lease);
    if (item !== undefined) item.listing = listing;
  }
  if (event.more === true) return;
  state.listing = nextListing(listing);
  for (const agent of state.agents.values()) {
    for (const item of [...agent.holding]) {
      if (item.state === 'granting' || item.listing === listing) continue;
      // Epochs are revisions: the listing is at least as new as the newest it shows, and says
      // nothing of leases made after.
      if (item.leaseEpoch < listing.newestEpoch) leaseGone(step, leaseOf(item));
    }
  }
}

function takeListed(step: Step, lease: HolderRef): ItemEntry | undefined {
  if (isForgotten(step.state.listing, lease)) return undefined;
  const item = itemOfLease(step, lease);
  // An epoch seen before is either what we have, or was gone when the listing was made.
  if (item !== undefined && item.state !== 'granting' && lease.leaseEpoch > item.leaseEpoch)
    adopt(step, item, lease);
  return item;
}

export function released(step: Step, event: CoreEvent & { kind: 'released' }): void {
  const { sessionId, lease } = event;
  const agent = step.state.agents.get(sessionId);
  if (agent !== undefined) step.state.unconfirmed.confirm(agent.agentId, lease.item);
  const item = step.state.items.get(lease.item);
  if (item === undefined || !holds(item, sessionId, lease.leaseEpoch)) return;
  if (item.state === 'held' && item.holder?.draining === false)
    item.notBeforeMs = step.nowMs + REGRANT_DELAY_MS;
  step.release(item);
}

export function progress(step: Step, event: CoreEvent & { kind: 'progress' }): void {
  const item = step.state.items.get(event.lease.item);
  if (item === undefined || !holds(item, event.sessionId, event.lease.leaseEpoch)) return;
  item.copier = event.copier;
  const { holder } = item;
  if (holder !== undefined && event.copier === 'running') noteReached(step, holder, item.flow);
  if (holder !== undefined && event.inTrouble === true) noteTrouble(step, holder, item.flow);
  // Of one that is let go of it says nothing: what was accepted is for its successor.
  if (event.copier === 'running' && item.state === 'held') item.accept = '';
  item.halt = event.halt;
  noteRefusal(step, item);
  if (event.bytesPerSecond === undefined || step.nowMs < item.weighAtMs) return;
  // The first look at a new holder's rate is late enough to be of it alone.
  if (item.weighAtMs !== 0) setWeight(item, weigh(item.weight, event.bytesPerSecond));
  item.weighAtMs = step.nowMs + WEIGH_INTERVAL_MS;
}

/** Takes over a lease as the store has it; its agent is told once it may be. */
export function adopt(step: Step, item: ItemEntry, holder: HolderRef): void {
  const agent = knownAgent(step, holder.sessionId, holder.agentId);
  const before = item.holder;
  if (before !== undefined && before !== agent && item.state !== 'granting')
    step.state.unconfirmed.note(before.agentId, item.key);
  setHolder(step.state, item, { state: 'held', agent });
  item.leaseEpoch = holder.leaseEpoch;
  const isStopped = item.topic !== undefined && item.flow.stoppedTopics.has(item.topic.name);
  const isSteered = item.topic !== undefined && isSteeredAway(item.topic);
  if (isStopped || item.flow.mode === 'stopped') step.revoke(item, 'it is stopped');
  else if (isSteered) step.revoke(item, 'an operator wants it not copied');
  else step.confirm(item);
}

const isSteeredAway = ({ paused, name, flow }: TopicEntry): boolean =>
  paused || flow.steering.isExcluded(name);

/** The item of a lease found in the store, made if this flow is known. */
export function itemOfLease(step: Step, lease: HolderRef): ItemEntry | undefined {
  const known = step.state.items.get(lease.item);
  if (known !== undefined) return known;
  const work = parseItemKey(lease.item);
  const flow = work === undefined ? undefined : step.state.flows.get(work.flow);
  if (work?.kind !== 'partition' || flow === undefined) {
    // A flow that is no longer configured. Its agent is told when it says that it holds this.
    step.outbox.release({ item: lease.item, leaseEpoch: lease.leaseEpoch });
    return undefined;
  }
  const topic = flow.topics.get(work.topic) ?? addTopic(flow, work.topic);
  return addPartition(step.state, topic, { partition: work.partition, key: lease.item });
}
