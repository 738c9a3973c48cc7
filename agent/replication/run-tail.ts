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

export interface KnownPosition extends Position {
  /** Whether the record before it was copied by this flow, for all that is known here. */
  inRun: boolean;
}

/** Runs kept beyond the durable end: enough to repair any plausible loss of the target's tail. */
const DURABLE_RUNS_KEPT = 64;

/** Runs that count as nothing: what is kept anyway, and about as much that waits to be acknowledged. */
const RUNS_FREE = 2 * DURABLE_RUNS_KEPT;

/** An object, its three offsets, and its place in the list: 107 as measured of a million, and some room. */
const RUN_BYTES = 128;

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
  /** A chosen position that is not durable yet: nothing may be appended behind it until it is. */
  #pendingStart: Position | undefined;
  /** The last run, where it only says that more of the source is done; and whether that is durable. */
  #rest: { readonly run: Run; isDurable: boolean } | undefined;
  #heldBytes = 0;
  /** Told of each change of `heldBytes`. */
  onHeld: (change: number) => void = () => {};

  constructor(durable: readonly Run[]) {
    this.#runs = durable.map((run) => ({ ...run }));
    this.#durableTarget = this.end?.targetNext ?? -1n;
  }

  /** What is certainly on the target, oldest first. */
  get runs(): readonly Run[] {
    return this.#runs;
  }

  /** Undefined if nothing was ever copied and no start was chosen. */
  get end(): Position | undefined {
    const last = this.#runs.at(-1);
    return last && { sourceNext: last.sourceStart + last.length, targetNext: endOf(last) };
  }

  /**
   * Memory of the runs that wait for a coordinator. Each gap of the source ends one, so that without
   * anybody who takes them they would grow without end.
   */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Chooses a position that does not follow from what was copied: the first one, or a jump ahead. */
  start(position: Position): void {
    const { sourceNext, targetNext } = position;
    assert.ok(this.end === undefined || targetNext >= this.end.targetNext, 'a jump goes ahead');
    this.#dropRest();
    this.#runs.push({ sourceStart: sourceNext, targetStart: targetNext, length: 0n });
    this.#pendingStart = position;
    this.#weigh();
  }

  /**
   * What follows the last record up to here is not to be copied: markers, aborted or compacted
   * records. Known, since the source may lose it to retention like any record; whoever fetched it
   * again would miss it.
   */
  rest({ sourceNext, targetNext }: Position): void {
    const { end } = this;
    if (end === undefined || this.#pendingStart !== undefined) return;
    if (targetNext !== end.targetNext || sourceNext <= end.sourceNext) return;
    this.#dropRest();
    const run = { sourceStart: sourceNext, targetStart: targetNext, length: 0n };
    this.#runs.push(run);
    this.#rest = { run, isDurable: false };
    this.#weigh();
  }

  /**
   * What follows, and is not durable. A position at its end is one that was chosen, or else, where it only
   * says that more of the source is done, a rest.
   */
  adopt(runs: readonly Run[], isChosen: boolean): void {
    for (const run of runs) {
      const position = { sourceNext: run.sourceStart, targetNext: run.targetStart };
      if (run.length > 0n) this.extend(run);
      else if (isChosen || run.targetStart !== this.end?.targetNext) this.start(position);
      else this.rest(position);
    }
  }

  /** Everything known is void. */
  reset(): void {
    this.#runs = [];
    this.#rest = undefined;
    this.#durableTarget = -1n;
    this.#pendingStart = undefined;
    this.#weigh();
  }

  extend(run: Run): void {
    this.#dropRest();
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
      this.#weigh();
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
    if (this.#runs.at(-1) !== this.#rest?.run) this.#rest = undefined;
    if (this.#durableTarget > targetOffset) this.#durableTarget = targetOffset;
    this.#pendingStart = undefined;
    this.#weigh();
  }

  /** Where a copied source offset lies on the target; undefined if that is not known here. */
  targetOf(sourceOffset: bigint): bigint | undefined {
    const run = this.#runs.find(({ sourceStart, length }) => {
      return sourceOffset >= sourceStart && sourceOffset <= sourceStart + length;
    });
    return run && run.targetStart + (sourceOffset - run.sourceStart);
  }

  /** The nearest exactly known position at or before a target offset. */
  floor(targetOffset: bigint): KnownPosition | undefined {
    for (let index = this.#runs.length - 1; index >= 0; index -= 1) {
      const run = this.#runs[index]!;
      if (run.targetStart > targetOffset) continue;
      const into = targetOffset < endOf(run) ? targetOffset - run.targetStart : run.length;
      return {
        sourceNext: run.sourceStart + into,
        targetNext: run.targetStart + into,
        inRun: into > 0n,
      };
    }
    return undefined;
  }

  /** What the coordinator has not yet acknowledged as durable; oldest first, and as many as asked for. */
  unacknowledged(runsMax = Infinity): Run[] {
    const first = this.#firstOpen();
    return this.#runs.slice(first, first + runsMax).map((run) => ({ ...run }));
  }

  get isAcknowledged(): boolean {
    return this.#firstOpen() === this.#runs.length;
  }

  /** The coordinator's map is known to be durable up to this target offset; -1 if nothing is. */
  get durableTarget(): bigint {
    return this.#durableTarget;
  }

  /** False while a chosen position waits to become durable. */
  get startIsDurable(): boolean {
    return this.#pendingStart === undefined && this.#runs.length > 0;
  }

  /** Whether the copy, as far as it is known here, came so far. */
  reaches({ targetNext }: Position): boolean {
    return this.end !== undefined && this.end.targetNext >= targetNext;
  }

  /** The coordinator's map is durable up to here. */
  acknowledge(durable: Position): void {
    const start = this.#pendingStart;
    if (start?.sourceNext === durable.sourceNext && start.targetNext === durable.targetNext) {
      this.#pendingStart = undefined;
    }
    if (this.#rest !== undefined && isStart(this.#rest.run, durable)) this.#rest.isDurable = true;
    if (durable.targetNext > this.#durableTarget) this.#durableTarget = durable.targetNext;
    const durableCount = this.#firstBeyond(this.#durableTarget);
    if (durableCount > DURABLE_RUNS_KEPT) this.#runs.splice(0, durableCount - DURABLE_RUNS_KEPT);
    this.#weigh();
  }

  /** Replaces the known runs by older ones the coordinator looked up. */
  replace(runs: readonly Run[]): void {
    this.#runs = runs.map((run) => ({ ...run }));
    this.#rest = undefined;
    this.#durableTarget = this.end?.targetNext ?? -1n;
    this.#weigh();
  }

  #weigh(): void {
    const bytes = RUN_BYTES * Math.max(0, this.#runs.length - RUNS_FREE);
    const change = bytes - this.#heldBytes;
    this.#heldBytes = bytes;
    if (change !== 0) this.onHeld(change);
  }

  /** Where what is to be reported begins: what has no length, and is new, is the last. */
  #firstOpen(): number {
    const beyond = this.#firstBeyond(this.#durableTarget);
    const last = this.#runs.at(-1);
    if (beyond < this.#runs.length || last === undefined) return beyond;
    const start = this.#pendingStart;
    const isNews =
      (start !== undefined && isStart(last, start)) ||
      (this.#rest?.run === last && !this.#rest.isDurable);
    return isNews ? beyond - 1 : beyond;
  }

  /** The first run that ends behind a target offset: there may be very many, since each gap ends one. */
  #firstBeyond(targetOffset: bigint): number {
    let low = 0;
    for (let high = this.#runs.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (endOf(this.#runs[middle]!) > targetOffset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #dropRest(): void {
    if (this.#rest !== undefined) this.#runs.pop();
    this.#rest = undefined;
  }
}

function endOf(run: Run): bigint {
  return run.targetStart + run.length;
}

function isStart(run: Run, start: Position): boolean {
  return run.targetStart === start.targetNext && run.sourceStart === start.sourceNext;
}
