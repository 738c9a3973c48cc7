import assert from 'node:assert/strict';

/** A stretch of copied records; both offsets advance by one for each. Length zero: a start point. */
export interface Run {
  sourceStart: bigint;
  targetStart: bigint;
  length: bigint;
}

/** The next source offset to copy when the target's end is `targetNext`. */
export interface Position {
  sourceNext: bigint;
  targetNext: bigint;
}

/** Runs kept beyond the durable end: enough to repair any plausible loss of the target's tail. */
const DURABLE_RUNS_KEPT = 64;

/**
 * The newest end of a partition's offset map, as its copier knows it: what was durable when the
 * lease was granted, and what was appended since. The coordinator holds the whole map.
 *
 * Invariants: runs ascend in both offsets and do not overlap; runs that continue each other are one;
 * durable <= end.
 */
export class RunTail {
  #runs: Run[];
  #durableTarget: bigint;

  constructor(durable: readonly Run[]) {
    this.#runs = durable.map((run) => ({ ...run }));
    this.#durableTarget = this.end?.targetNext ?? -1n;
  }

  /** Undefined if nothing was ever copied and no start was chosen. */
  get end(): Position | undefined {
    const last = this.#runs.at(-1);
    return last && { sourceNext: last.sourceStart + last.length, targetNext: endOf(last) };
  }

  /** Chooses where a never-copied partition starts; must become durable before the first append. */
  start(sourceNext: bigint, targetNext: bigint): void {
    assert.equal(this.#runs.length, 0);
    this.#runs.push({ sourceStart: sourceNext, targetStart: targetNext, length: 0n });
  }

  extend(run: Run): void {
    const last = this.#runs.at(-1);
    assert.ok(last === undefined || run.targetStart >= endOf(last), 'a run cannot go backwards');
    if (
      last &&
      endOf(last) === run.targetStart &&
      last.sourceStart + last.length === run.sourceStart
    ) {
      last.length += run.length;
    } else {
      this.#runs.push({ ...run });
    }
  }

  /** The target lost everything from `targetOffset` on. */
  truncateTo(targetOffset: bigint): void {
    for (
      let last = this.#runs.at(-1);
      last && endOf(last) > targetOffset;
      last = this.#runs.at(-1)
    ) {
      if (last.targetStart < targetOffset || this.#runs.length === 1) {
        last.length = targetOffset > last.targetStart ? targetOffset - last.targetStart : 0n;
        break;
      }
      this.#runs.pop();
    }
    if (this.#durableTarget > targetOffset) this.#durableTarget = targetOffset;
  }

  /** The nearest exactly known position at or before a target offset. */
  floor(targetOffset: bigint): Position | undefined {
    for (let index = this.#runs.length - 1; index >= 0; index -= 1) {
      const run = this.#runs[index]!;
      if (run.targetStart > targetOffset) continue;
      const into = targetOffset < endOf(run) ? targetOffset - run.targetStart : run.length;
      return { sourceNext: run.sourceStart + into, targetNext: run.targetStart + into };
    }
    return undefined;
  }

  /** What the coordinator has not yet acknowledged as durable; oldest first. */
  unacknowledged(): Run[] {
    return this.#runs.filter((run) => endOf(run) > this.#durableTarget).map((run) => ({ ...run }));
  }

  get startIsDurable(): boolean {
    const first = this.#runs[0];
    return first !== undefined && this.#durableTarget >= first.targetStart;
  }

  acknowledge(targetNext: bigint): void {
    if (targetNext > this.#durableTarget) this.#durableTarget = targetNext;
    const firstOpen = this.#runs.findIndex((run) => endOf(run) > this.#durableTarget);
    const durableCount = firstOpen < 0 ? this.#runs.length : firstOpen;
    if (durableCount > DURABLE_RUNS_KEPT) this.#runs.splice(0, durableCount - DURABLE_RUNS_KEPT);
  }

  /** Replaces the known runs by older ones the coordinator looked up. */
  replace(runs: readonly Run[]): void {
    this.#runs = runs.map((run) => ({ ...run }));
    this.#durableTarget = this.end?.targetNext ?? -1n;
  }
}

function endOf(run: Run): bigint {
  return run.targetStart + run.length;
}
