import type { Clock } from '../../common/clock.js';

/** Holds work to a rate: whoever took much waits before more. */
export class Throttle {
  readonly #clock: Clock;
  readonly #bytesPerMs: number;
  /** When what was taken so far is paid for. */
  #freeAtMs: number;

  constructor(clock: Clock, bytesPerSecond: bigint) {
    this.#clock = clock;
    this.#bytesPerMs = Number(bytesPerSecond) / 1_000;
    this.#freeAtMs = clock.nowMs();
  }

  took(bytes: number): void {
    this.#freeAtMs = Math.max(this.#freeAtMs, this.#clock.nowMs()) + bytes / this.#bytesPerMs;
  }

  /** Resolves when more may be taken. */
  async wait(signal: AbortSignal): Promise<void> {
    const waitMs = this.#freeAtMs - this.#clock.nowMs();
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
  }
}
