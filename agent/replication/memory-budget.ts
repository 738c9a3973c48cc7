/**
 * Bytes of record batches that an agent may hold. Fetching pauses while they are used up; the
 * target's acknowledgements free them. Overshoot is bounded by one fetch answer per source broker.
 */
export class MemoryBudget {
  readonly bytesMax: number;
  #held = 0;
  readonly #waiting = new Set<() => void>();

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get heldBytes(): number {
    return this.#held;
  }

  get exhausted(): boolean {
    return this.#held >= this.bytesMax;
  }

  change(bytes: number): void {
    const wasExhausted = this.exhausted;
    this.#held += bytes;
    if (wasExhausted && !this.exhausted) for (const wake of this.#waiting) wake();
  }

  /** Calls back each time that memory is free again. */
  onFree(wake: () => void): void {
    this.#waiting.add(wake);
  }

  offFree(wake: () => void): void {
    this.#waiting.delete(wake);
  }
}
