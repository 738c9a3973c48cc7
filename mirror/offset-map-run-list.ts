import assert from 'node:assert/strict';
import type { OffsetRun } from './offset-map-run.js';

/** The columns of a run: one 64-bit cell each. */
export const Column = {
  sourceStart: 0,
  targetStart: 1,
  records: 2,
  sourceGaps: 3,
  targetGaps: 4,
} as const;

const CELLS_PER_RUN = 5;

/** Shared by all empty lists; nothing is ever set in it. */
const NO_CELLS: bigint[] = [];

/**
 * Runs in order, five cells each. A coordinator holds the maps of a million partitions: a few have
 * many thousand runs, which are packed; most have one, for which a typed array would be 240 bytes
 * where a plain one is a hundred.
 * Invariant: every run begins at or after the end of the one before, on both sides.
 */
export class RunList {
  #cells: BigInt64Array | bigint[] = NO_CELLS;
  /** Cells after this many runs are meaningless. */
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(run: OffsetRun): void {
    const cells = (this.#length + 1) * CELLS_PER_RUN;
    if (cells === CELLS_PER_RUN) this.#cells = [0n, 0n, 0n, 0n, 0n];
    else if (cells > this.#cells.length) {
      const grown = new BigInt64Array(Math.max(cells, this.#cells.length * 2));
      grown.set(this.#cells);
      this.#cells = grown;
    }
    this.#length += 1;
    this.set(this.#length - 1, run);
  }

  set(index: number, run: OffsetRun): void {
    assert.ok(index < this.#length, 'a run outside the list was set');
    const { sourceStart, targetStart, records, sourceGaps, targetGaps } = run;
    const start = index * CELLS_PER_RUN;
    this.#cells[start + Column.sourceStart] = sourceStart;
    this.#cells[start + Column.targetStart] = targetStart;
    this.#cells[start + Column.records] = records;
    this.#cells[start + Column.sourceGaps] = sourceGaps;
    this.#cells[start + Column.targetGaps] = targetGaps;
  }

  get(index: number): OffsetRun {
    return {
      sourceStart: this.cell(index, Column.sourceStart),
      targetStart: this.cell(index, Column.targetStart),
      records: this.cell(index, Column.records),
      sourceGaps: this.cell(index, Column.sourceGaps),
      targetGaps: this.cell(index, Column.targetGaps),
    };
  }

  cell(index: number, column: number): bigint {
    const value = this.#cells[index * CELLS_PER_RUN + column];
    assert.ok(value !== undefined && index < this.#length, 'a run outside the list was read');
    return value;
  }

  /** The offset after run `index`, on the side the two columns belong to. */
  next(index: number, startColumn: number, gapsColumn: number): bigint {
    const start = this.cell(index, startColumn);
    return start + this.cell(index, Column.records) + this.cell(index, gapsColumn);
  }

  /** Forgets all runs from `length` on. */
  shorten(length: number): void {
    assert.ok(length >= 0 && length <= this.#length);
    this.#length = length;
  }

  /** Index of the last run whose start in `column` is at or before `offset`, or -1. */
  lastAtOrBefore(column: number, offset: bigint): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.cell(middle, column) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
