import type { TargetSegment } from './own-records.js';
import type { Run } from './run-tail.js';

/**
 * Counts the offsets of segments one after the other, from 0: without the markers of fences and what
 * others wrote between them, which have no counterpart on the source.
 *
 *   offsets  10 11 12 [marker] 14 15
 *   indexes   0  1  2           3  4
 */
export class SegmentScale {
  readonly length: bigint;
  readonly #segments: readonly (TargetSegment & { index: bigint })[];

  constructor(segments: readonly TargetSegment[]) {
    let index = 0n;
    this.#segments = segments.map((segment) => {
      const placed = { ...segment, index };
      index += segment.length;
      return placed;
    });
    this.length = index;
  }

  /** Undefined if the offset lies in no segment. */
  indexOf(offset: bigint): bigint | undefined {
    const segment = this.#segments[this.#lastUpTo('targetStart', offset)];
    if (segment === undefined || offset >= segment.targetStart + segment.length) return undefined;
    return segment.index + offset - segment.targetStart;
  }

  offsetOf(index: bigint): bigint {
    const segment = this.#segments[this.#lastUpTo('index', index)]!;
    return segment.targetStart + index - segment.index;
  }

  /** Runs of indexes as runs of offsets: one that goes over what lies between segments becomes two. */
  *runs(scaled: Iterable<Run>): Generator<Run> {
    for (const run of scaled) yield* this.#split(run);
  }

  *#split(run: Run): Generator<Run> {
    const { sourceStart, targetStart: first } = run;
    const end = first + run.length;
    for (let at = this.#lastUpTo('index', first); at < this.#segments.length; at += 1) {
      const { targetStart, length, index } = this.#segments[at]!;
      if (index >= end) return;
      const from = first > index ? first : index;
      const to = end < index + length ? end : index + length;
      yield {
        sourceStart: sourceStart + (from - first),
        targetStart: targetStart + (from - index),
        length: to - from,
      };
    }
  }

  /** Others may write between any two batches, so there may be very many segments; -1 if none is. */
  #lastUpTo(field: 'targetStart' | 'index', bound: bigint): number {
    let low = 0;
    for (let high = this.#segments.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.#segments[middle]![field] <= bound) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
