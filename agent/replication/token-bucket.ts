/** A second's worth would let a short look at a dashboard show twice the limit. */
const BURST_MS = 250;

/**
 * Bounds bytes per second. It is asked before bytes come and told afterwards how many came, since a
 * broker decides how much it sends: so it can be in debt, and is asked again once that is paid. Over
 * any stretch of time no more passes than the rate allows, a burst, and one answer.
 *
 * Pure: the caller brings the time, of a monotonic clock.
 */
export class TokenBucket {
  #bytesPerMs = 0;
  #tokens = 0;
  #atMs: number;
  #heldBack = false;

  /** Zero bytes per second is no limit. It begins full. */
  constructor(bytesPerSecond: number, nowMs: number) {
    this.#atMs = nowMs;
    this.limit(bytesPerSecond, nowMs);
    this.#tokens = this.#burst;
  }

  get isLimited(): boolean {
    return this.#bytesPerMs > 0;
  }

  /** From now on. */
  limit(bytesPerSecond: number, nowMs: number): void {
    this.#refill(nowMs);
    this.#bytesPerMs = bytesPerSecond / 1_000;
    this.#tokens = Math.min(this.#tokens, this.#burst);
  }

  /** Bytes that may come now; not above zero while in debt. Infinity without a limit. */
  availableBytes(nowMs: number): number {
    if (!this.isLimited) return Infinity;
    this.#refill(nowMs);
    return this.#tokens;
  }

  /** Until half a burst may come: asking for each byte as it is allowed would be all requests. */
  waitMs(nowMs: number): number {
    const missing = this.#burst / 2 - this.availableBytes(nowMs);
    if (missing <= 0 || !this.isLimited) return 0;
    this.#heldBack = true;
    return Math.ceil(missing / this.#bytesPerMs);
  }

  /** Whether it made anybody wait since this was asked last. */
  takeHeldBack(): boolean {
    const heldBack = this.#heldBack;
    this.#heldBack = false;
    return heldBack;
  }

  spend(bytes: number, nowMs: number): void {
    if (!this.isLimited) return;
    this.#refill(nowMs);
    this.#tokens -= bytes;
  }

  get #burst(): number {
    return this.#bytesPerMs * BURST_MS;
  }

  #refill(nowMs: number): void {
    const sinceMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#tokens = Math.min(this.#burst, this.#tokens + sinceMs * this.#bytesPerMs);
  }
}
