/** A look at the source: at `atMs` it ended at `sourceEnd`. */
export interface Look {
  readonly atMs: number;
  readonly sourceEnd: bigint;
}

/** When its agent last heard from the source that nothing has changed; shared by all that stand. */
export interface Standing {
  seenAtMs: number;
}

/** Columns of whole numbers. Negative: not known yet. */
export const Count = {
  sourceNext: 0,
  targetNext: 1,
  /** Of the newest look. */
  sourceEnd: 2,
  recordsTotal: 3,
  bytesTotal: 4,
  leaseEpoch: 5,
  /** The counters of the present lease at its last report. */
  records: 6,
  bytes: 7,
  firstLookEnd: 8,
} as const;

/** Columns of other numbers. */
export const Gauge = {
  /** Not a number: never, or by nobody who copies it now. */
  reportedAtMs: 0,
  recordsPerMs: 1,
  bytesPerMs: 2,
  /** Of the looks whose ends are known. */
  lastLookAtMs: 3,
  firstLookAtMs: 4,
} as const;

const NEW_COUNTS = [-1n, -1n, -1n, 0n, 0n, 0n, 0n, 0n, -1n] as const;
const NEW_GAUGES = [Number.NaN, 0, 0, 0, 0] as const;

/**
 * The meters of one topic's partitions, a row each. A coordinator has a million of them: as objects
 * of their own they take four times as much memory, and each report makes garbage.
 */
export class MeterColumns {
  /** What keeps an agent from copying on, by row; few have any. */
  readonly troubles = new Map<number, string>();
  readonly standing: (Standing | undefined)[] = [];
  /** By row, the looks between the first and the last, oldest first; few have any. */
  readonly looksBetween = new Map<number, readonly Look[]>();
  #counts = new BigInt64Array(NEW_COUNTS.length);
  #gauges = new Float64Array(NEW_GAUGES.length);
  #rows = 0;

  addRow(): number {
    const row = this.#rows++;
    if (this.#rows * NEW_COUNTS.length > this.#counts.length) {
      const [counts, gauges] = [this.#counts, this.#gauges];
      this.#counts = new BigInt64Array(2 * counts.length);
      this.#counts.set(counts);
      this.#gauges = new Float64Array(2 * gauges.length);
      this.#gauges.set(gauges);
    }
    this.#counts.set(NEW_COUNTS, row * NEW_COUNTS.length);
    this.#gauges.set(NEW_GAUGES, row * NEW_GAUGES.length);
    this.standing.push(undefined);
    return row;
  }

  count(row: number, column: number): bigint {
    return this.#counts[row * NEW_COUNTS.length + column] ?? -1n;
  }

  setCount(row: number, column: number, count: bigint): void {
    this.#counts[row * NEW_COUNTS.length + column] = count;
  }

  gauge(row: number, column: number): number {
    return this.#gauges[row * NEW_GAUGES.length + column] ?? Number.NaN;
  }

  setGauge(row: number, column: number, value: number): void {
    this.#gauges[row * NEW_GAUGES.length + column] = value;
  }
}
