import type { CoreAction, LeaseRef } from './events.js';

/** Collects what one step asks for, so that a thousand grants are one action and not a thousand. */
export class Outbox {
  readonly #actions: CoreAction[] = [];
  readonly #grants: { item: string; sessionId: string; agentId: string }[] = [];
  readonly #releases: LeaseRef[] = [];
  readonly #sendGrants = new Map<string, LeaseRef[]>();
  readonly #sendRevokes = new Map<string, Map<string, LeaseRef[]>>();

  action(action: CoreAction): void {
    this.#actions.push(action);
  }

  grant(request: { item: string; sessionId: string; agentId: string }): void {
    this.#grants.push(request);
  }

  release(lease: LeaseRef): void {
    this.#releases.push(lease);
  }

  sendGrant(sessionId: string, lease: LeaseRef): void {
    appendTo(this.#sendGrants, sessionId, lease);
  }

  sendRevoke(sessionId: string, lease: LeaseRef, reason: string): void {
    const byReason = this.#sendRevokes.get(sessionId) ?? new Map<string, LeaseRef[]>();
    this.#sendRevokes.set(sessionId, byReason);
    appendTo(byReason, reason, lease);
  }

  /** Revokes come before grants: an item lost and won in one step ends up won. */
  drain(): CoreAction[] {
    const actions = this.#actions;
    for (const [sessionId, byReason] of this.#sendRevokes) {
      for (const [reason, leases] of byReason)
        actions.push({ kind: 'send-revokes', sessionId, leases, reason });
    }
    for (const [sessionId, leases] of this.#sendGrants)
      actions.push({ kind: 'send-grants', sessionId, leases });
    if (this.#releases.length > 0) actions.push({ kind: 'release', leases: this.#releases });
    if (this.#grants.length > 0) actions.push({ kind: 'grant', requests: this.#grants });
    return actions;
  }
}

function appendTo(lists: Map<string, LeaseRef[]>, key: string, lease: LeaseRef): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [lease]);
  else list.push(lease);
}
