import type { Clock } from '../../common/clock.js';

/** Part of the TTL kept back, for the difference between two clocks' speeds and for pauses. */
const MARGIN_SHARE = 0.1;

/**
 * Until when this agent's leases are good, by its own monotonic clock: the time at which the last
 * acknowledged heartbeat was *sent*, plus the TTL, less a margin. Never an event from a library,
 * never the wall clock, never the time of the answer.
 */
export class LeaseClock {
  readonly #clock: Clock;
  #ttlMs = 0;
  #deadlineMs = -Infinity;
  #sequence = 0n;
  /** Heartbeats not yet acknowledged: when each was sent. */
  readonly #sentAtMs = new Map<bigint, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Heartbeats are due three times in a TTL. */
  get intervalMs(): number {
    return this.#ttlMs / 3;
  }

  get valid(): boolean {
    return this.#clock.nowMs() < this.#deadlineMs;
  }

  /** A session was opened by a message sent at `sentAtMs`. */
  open(ttlMs: number, sentAtMs: number): void {
    this.#ttlMs = ttlMs;
    this.#sentAtMs.clear();
    this.#renew(sentAtMs);
  }

  /** The sequence number for a heartbeat that is sent now. */
  send(): bigint {
    this.#sequence += 1n;
    this.#sentAtMs.set(this.#sequence, this.#clock.nowMs());
    return this.#sequence;
  }

  acknowledge(sequence: bigint): void {
    const sentAtMs = this.#sentAtMs.get(sequence);
    if (sentAtMs === undefined) return;
    this.#renew(sentAtMs);
    for (const earlier of this.#sentAtMs.keys()) {
      if (earlier <= sequence) this.#sentAtMs.delete(earlier);
    }
  }

  #renew(sentAtMs: number): void {
    const deadlineMs = sentAtMs + this.#ttlMs * (1 - MARGIN_SHARE);
    if (deadlineMs > this.#deadlineMs) this.#deadlineMs = deadlineMs;
  }
}
