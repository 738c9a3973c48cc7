import { Heap } from '../../../coordinator/core/heap.js';

interface Delivery {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** What is on its way, in time order; of what arrives together the first sent comes first. */
export class Deliveries {
  readonly #heap = new Heap<Delivery>(
    (a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order),
  );
  #order = 0;

  add(atMs: number, run: () => void): void {
    this.#heap.push({ atMs, order: this.#order++, run });
  }

  /** The next that arrives by then, taken out. */
  next(untilMs: number): Delivery | undefined {
    const next = this.#heap.peek();
    return next === undefined || next.atMs > untilMs ? undefined : this.#heap.pop();
  }
}
