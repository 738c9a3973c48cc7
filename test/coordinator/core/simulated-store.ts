import type { HolderRef, LeaseRef } from '../../../coordinator/core/events.js';
import { STORE_SESSION_TTLS } from '../../../coordinator/service/agent-directory.js';

export const LEASE_TTL_MS = 10_000;

/** What etcd keeps: sessions, which run out when nobody renews them, and the leases of each. */
export class SimulatedStore {
  readonly leases = new Map<string, HolderRef>();
  /** Agent ids by session id. */
  readonly sessions = new Map<string, string>();
  readonly #renewedAtMs = new Map<string, number>();
  #revision = 0n;
  #opened = 0;

  open(agentId: string, nowMs: number): string {
    const sessionId = String(++this.#opened);
    this.sessions.set(sessionId, agentId);
    this.#renewedAtMs.set(sessionId, nowMs);
    return sessionId;
  }

  /** False when it is gone. */
  renew(sessionId: string, nowMs: number): boolean {
    if (this.sessions.has(sessionId)) this.#renewedAtMs.set(sessionId, nowMs);
    return this.sessions.has(sessionId);
  }

  /** Ends the session, and says which leases went with it. */
  end(sessionId: string): HolderRef[] {
    this.sessions.delete(sessionId);
    this.#renewedAtMs.delete(sessionId);
    const gone = [...this.leases.values()].filter((lease) => lease.sessionId === sessionId);
    for (const { item } of gone) this.leases.delete(item);
    return gone;
  }

  /** Sessions whose time is over. */
  runOut(nowMs: number): string[] {
    const storeTtlMs = LEASE_TTL_MS * STORE_SESSION_TTLS;
    return [...this.#renewedAtMs]
      .filter(([, renewedAtMs]) => nowMs - renewedAtMs > storeTtlMs)
      .map(([sessionId]) => sessionId);
  }

  /** The lease as it is now; undefined if the session is gone. */
  grant(request: {
    readonly item: string;
    readonly sessionId: string;
    readonly agentId: string;
  }): { lease: HolderRef; isNew: boolean } | undefined {
    if (!this.sessions.has(request.sessionId)) return undefined;
    const held = this.leases.get(request.item);
    if (held !== undefined) return { lease: held, isNew: false };
    const lease = { ...request, leaseEpoch: ++this.#revision };
    this.leases.set(lease.item, lease);
    return { lease, isNew: true };
  }

  release({ item, leaseEpoch }: LeaseRef): void {
    if (this.leases.get(item)?.leaseEpoch === leaseEpoch) this.leases.delete(item);
  }
}
