import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { Backend } from './backend.js';
import { LeadershipLostError, StoreUnavailableError } from './errors.js';
import { LEADER_MARGIN_FRACTION, RENEWAL_FRACTION, RENEWAL_RETRY_FRACTION } from './limits.js';

export interface LeaderTermOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
  readonly term: bigint;
  readonly leaseId: string;
  readonly ttlMs: number;
  /** When the request that created the lease was sent, by the monotonic clock. */
  readonly leaseSentMs: number;
}

/**
 * One term of leadership: keeps its lease alive, and knows until when it may be believed in.
 *
 * The deadline counts from the *sending* of the last good renewal, on the monotonic clock, less a
 * margin: whatever the answer's way took, the store cannot have counted from any earlier moment. So
 * this side stops before the store gives the seat away, without trusting any event or wall clock.
 * It is checked on every call, too: after a freeze, timers run late.
 */
export class LeaderTerm {
  readonly #options: LeaderTermOptions;
  readonly #lost = new AbortController();
  /** Invariant: only rises. */
  #deadlineMs: number;

  constructor(options: LeaderTermOptions) {
    this.#options = options;
    this.#deadlineMs = this.#deadlineFrom(options.leaseSentMs);
  }

  get term(): bigint {
    return this.#options.term;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get leaseId(): string {
    return this.#options.leaseId;
  }

  /** Starts renewing; both loops end with the term. */
  start(): void {
    void this.#renew();
    void this.#watchDeadline();
  }

  /** Throws LeadershipLostError once the term is over or must be assumed to be. */
  assertLeading(): void {
    if (!this.#lost.signal.aborted && this.#options.clock.nowMs() >= this.#deadlineMs) {
      this.lose('its lease was not renewed in time');
    }
    this.#lost.signal.throwIfAborted();
  }

  lose(why: string): void {
    if (this.#lost.signal.aborted) return;
    this.#options.log.warn({ term: this.term, why }, 'leadership lost');
    this.#lost.abort(new LeadershipLostError(this.term, why));
  }

  async #renew(): Promise<void> {
    const { backend, clock, leaseId, log, ttlMs } = this.#options;
    let waitMs = ttlMs * RENEWAL_FRACTION;
    while (await this.#sleep(waitMs)) {
      const sentMs = clock.nowMs();
      try {
        if (await backend.keepLeaseAlive(leaseId)) {
          this.#deadlineMs = Math.max(this.#deadlineMs, this.#deadlineFrom(sentMs));
          waitMs = ttlMs * RENEWAL_FRACTION;
        } else {
          this.lose('its lease is gone');
        }
      } catch (error) {
        // Nothing here is fatal before the deadline, a refusal included: rights can be restored.
        log.warn({ err: error, term: this.term }, 'renewal of leadership failed');
        waitMs =
          ttlMs *
          (error instanceof StoreUnavailableError ? RENEWAL_RETRY_FRACTION : RENEWAL_FRACTION);
      }
    }
  }

  async #watchDeadline(): Promise<void> {
    const { clock } = this.#options;
    while (await this.#sleep(Math.max(0, this.#deadlineMs - clock.nowMs()))) {
      if (clock.nowMs() >= this.#deadlineMs) this.lose('its lease was not renewed in time');
    }
  }

  /** False once the term is over. */
  async #sleep(ms: number): Promise<boolean> {
    if (this.#lost.signal.aborted) return false;
    return this.#options.clock.sleep(ms, this.#lost.signal).then(
      () => !this.#lost.signal.aborted,
      () => false,
    );
  }

  #deadlineFrom(sentMs: number): number {
    return sentMs + this.#options.ttlMs * (1 - LEADER_MARGIN_FRACTION);
  }
}
