/**
 * One partition's offset map as agents report it: runs, and starting points without any record.
 *
 * OffsetMap holds records only. A copier that begins at source offset 500 with an empty target knows
 * more than that: "the first record at or after 500 comes at target offset 0". Such a pair is kept
 * as `start` beside the runs, as long as no run has gone past it.
 */
import { OffsetMapConflictError } from '../../mirror/offset-map-errors.js';
import { isExactRun, targetNextOf, type OffsetRun } from '../../mirror/offset-map-run.js';
import type { OffsetMapChunk } from '../../mirror/offset-map-chunk.js';
import {
  OffsetMap,
  type OffsetPair,
  type SourceTranslation,
  type TargetTranslation,
  type UnsavedChunk,
} from '../../mirror/offset-map.js';
import { MAP_RUNS_MAX } from './limits.js';
import { StoredPart } from './stored-part.js';

/** Records at consecutive offsets on both sides; length zero marks a starting point. */
export interface MapRun {
  sourceStart: bigint;
  targetStart: bigint;
  length: bigint;
}

/** The first offsets after everything known. */
export interface MapEnd {
  sourceNext: bigint;
  targetNext: bigint;
}

/** What has to be written; taking it counts as writing it, until `markUnsaved`. */
export interface UnsavedMap {
  /** Undefined: unchanged. `pair` undefined: to be deleted. */
  start: { pair: OffsetPair | undefined } | undefined;
  chunks: UnsavedChunk[];
  /** Of the map as it is then, once this is written. */
  end: MapEnd | undefined;
  cuts: number;
}

/** What is known and not durable: whoever gets the lease reports it as its own, or it is lost with us. */
export interface MapNews {
  readonly runs: readonly MapRun[];
  /** As in the reports that brought it. */
  readonly truncatedTo: bigint | undefined;
  readonly mapRestarted: boolean;
}

export class PartitionMap {
  readonly #runs: OffsetMap;
  /** Invariant: at or after the runs' end on both sides, or undefined. */
  #start: OffsetPair | undefined;
  #startUnsaved = false;
  readonly #stored: StoredPart;

  /** Of what is stored: nothing unless told. */
  constructor(runs: OffsetMap = new OffsetMap(), start?: OffsetPair) {
    this.#runs = runs;
    this.#start = start;
    this.#dropPassedStart();
    this.#stored = new StoredPart(this.end);
  }

  static restore(
    chunks: ReadonlyMap<number, OffsetMapChunk>,
    start: OffsetPair | undefined,
  ): PartitionMap {
    return new PartitionMap(OffsetMap.fromChunks(chunks), start);
  }

  /** Undefined while nothing is known: then nothing may be translated. */
  get end(): MapEnd | undefined {
    if (this.#start !== undefined) {
      return { sourceNext: this.#start.sourceOffset, targetNext: this.#start.targetOffset };
    }
    return this.#runs.runCount === 0 ? undefined : this.#runs.end;
  }

  get runCount(): number {
    return this.#runs.runCount;
  }

  /**
   * Takes a report; a repeat of what is known changes nothing. Throws OffsetMapConflictError at the
   * first run that contradicts the map; those before it stay.
   */
  apply(runs: readonly MapRun[], truncatedTo?: bigint): void {
    if (truncatedTo !== undefined) this.#truncateTo(truncatedTo);
    for (const run of runs) {
      if (run.length === 0n) this.#applyStart(run, truncatedTo !== undefined);
      else this.#applyRecords(run);
      this.#dropPassedStart();
    }
    this.#runs.merge(MAP_RUNS_MAX);
  }

  /**
   * Takes over runs of another map, and goes on at `start`. A repeat of what is known changes nothing.
   * Throws OffsetMapConflictError for what contradicts the map.
   */
  adopt(runs: readonly OffsetRun[], start: OffsetPair): void {
    // An older start stands where records are known by now.
    if (runs.length > 0) {
      this.#setStart(undefined);
      this.#stored.lowerTo(this.end);
    }
    for (const run of runs) this.#runs.adopt(run);
    this.#runs.merge(MAP_RUNS_MAX);
    const { sourceOffset: sourceStart, targetOffset: targetStart } = start;
    this.#applyStart({ sourceStart, targetStart, length: 0n });
  }

  /** Everything known is void. */
  reset(): void {
    this.#runs.truncateTo(0n);
    this.#setStart(undefined);
    this.#stored.restart();
  }

  /** As OffsetMap.toTarget(), with the starting point taken into account. */
  toTarget(sourceOffset: bigint): TargetTranslation {
    const start = this.#start;
    if (start === undefined) return this.#runs.toTarget(sourceOffset);
    const { sourceOffset: startSource, targetOffset } = start;
    if (sourceOffset > startSource) return { kind: 'beyond', targetOffset };
    if (sourceOffset === startSource) return { kind: 'exact', targetOffset };
    if (this.#runs.runCount === 0) return { kind: 'before', targetOffset };
    if (sourceOffset < this.#runs.end.sourceNext) return this.#runs.toTarget(sourceOffset);
    // Between the runs and the start: no record there, unless the map itself has a hole.
    const hole = targetOffset > this.#runs.end.targetNext;
    const from = this.#runs.end.targetNext;
    return hole ? { kind: 'floor', targetOffset: from } : { kind: 'gap', targetOffset };
  }

  /** As OffsetMap.toSource(), with the starting point taken into account. */
  toSource(targetOffset: bigint): SourceTranslation {
    const start = this.#start;
    if (start === undefined) return this.#runs.toSource(targetOffset);
    const { sourceOffset, targetOffset: startTarget } = start;
    if (targetOffset > startTarget) return { kind: 'beyond', sourceOffset };
    if (targetOffset === startTarget) return { kind: 'exact', sourceOffset };
    if (this.#runs.runCount === 0) return { kind: 'before', sourceOffset };
    if (targetOffset < this.#runs.end.targetNext) return this.#runs.toSource(targetOffset);
    // Between the runs and the start: no record there, unless the map itself has a hole.
    const from = this.#runs.end.sourceNext;
    const hole = sourceOffset > from;
    return hole ? { kind: 'floor', sourceOffset: from } : { kind: 'gap', sourceOffset };
  }

  /** How many mirrored records at most lie between a translation and the position it stands for. */
  rereadMax(sourceOffset: bigint): bigint {
    const { kind, targetOffset } = this.toTarget(sourceOffset);
    if (kind !== 'floor') return 0n;
    const { sourceOffset: from } = this.#runs.toSource(targetOffset);
    return from === undefined ? 0n : this.#runs.recordsBetween(from, sourceOffset).atMost;
  }

  /** All runs, oldest first, merged ones as well. */
  runs(): OffsetRun[] {
    return this.#runs.runs();
  }

  /** The newest runs that are durable, oldest first, all exact. */
  tail(runsMax: number): MapRun[] {
    const { end } = this.#stored;
    if (end === undefined) return [];
    const count = this.#storedRuns(end);
    const runs = this.#runs.runs(Math.max(0, count - runsMax), count);
    const firstExact = runs.findLastIndex((run) => !isExactRun(run)) + 1;
    const tail = runs.slice(firstExact).map((run) => upTo(end.targetNext, exactPart(run)));
    const last = tail.at(-1);
    return last !== undefined && isSame(endOf(last), end) ? tail : [...tail, startAt(end)];
  }

  /** What follows the tail, from its oldest on; undefined if all is durable. What is left out can be counted. */
  news(runsMax: number): MapNews | undefined {
    const { truncatedTo, restarted } = this.#stored;
    const runs = this.#newRuns(runsMax);
    if (runs.length === 0 && truncatedTo === undefined && !restarted) return undefined;
    return { runs, truncatedTo, mapRestarted: restarted };
  }

  /**
   * From the run that holds `targetOffset`, or the last one before it, to the end. Of a merged run
   * only the first record is known exactly, and only that is told.
   */
  runsFrom(targetOffset: bigint): MapRun[] {
    const runs = this.#runs.runs();
    const first = runs.findLastIndex((run) => run.targetStart <= targetOffset);
    const start = this.#startRun();
    if (first < 0) return start.filter((run) => run.targetStart <= targetOffset);
    return [...runs.slice(first).map(exactPart), ...start];
  }

  takeUnsaved(): UnsavedMap {
    const start = this.#startUnsaved ? { pair: this.#start } : undefined;
    this.#startUnsaved = false;
    const chunks = this.#runs.takeUnsavedChunks();
    return { start, chunks, end: this.end, cuts: this.#stored.cuts };
  }

  /** It was written: answers with what is durable now, unless that was cut meanwhile. */
  saved({ end, cuts }: UnsavedMap): MapEnd | undefined {
    return this.#stored.saved(end, cuts) ? end : undefined;
  }

  markUnsaved(unsaved: UnsavedMap): void {
    if (unsaved.start !== undefined) this.#startUnsaved = true;
    this.#runs.markUnsaved(unsaved.chunks);
  }

  /** How many runs begin before the end of what is stored. */
  #storedRuns({ targetNext }: MapEnd): number {
    let count = this.#runs.runCount;
    while (count > 0 && this.#runs.runs(count - 1, count)[0]!.targetStart >= targetNext) count -= 1;
    return count;
  }

  #newRuns(runsMax: number): MapRun[] {
    const { end } = this.#stored;
    if (isSame(end, this.end)) return [];
    const first = end === undefined ? 0 : Math.max(0, this.#storedRuns(end) - 1);
    const news: MapRun[] = [];
    for (let index = first; index < this.#runs.runCount; index += 1) {
      const run = this.#runs.runs(index, index + 1)[0]!;
      if (end !== undefined && targetNextOf(run) <= end.targetNext) continue;
      if (news.length === runsMax || !isExactRun(run)) return news;
      news.push(end === undefined ? exactPart(run) : from(end.targetNext, exactPart(run)));
    }
    return news.length === runsMax ? news : [...news, ...this.#startRun()];
  }

  #applyRecords(run: MapRun): void {
    const start = this.#start;
    const isBehind =
      start !== undefined &&
      (run.sourceStart < start.sourceOffset || run.targetStart < start.targetOffset);
    if (isBehind && !this.#reaches(run)) {
      const { sourceOffset, targetOffset } = start;
      const reason = `the copy goes on at source offset ${sourceOffset}, target offset ${targetOffset}`;
      throw new OffsetMapConflictError(reason, { ...run, records: run.length });
    }
    this.#runs.extend(run.sourceStart, run.targetStart, run.length);
  }

  /** Whether the runs go beyond it: then they say whether it is a repeat. */
  #reaches({ sourceStart, targetStart, length }: MapRun): boolean {
    const { sourceNext, targetNext } = this.#runs.end;
    return sourceStart + length <= sourceNext && targetStart + length <= targetNext;
  }

  /** `isCut`: what the source held behind the runs is another log's now, and so may be a start there. */
  #applyStart(run: MapRun, isCut = false): void {
    const end = isCut && this.#runs.runCount > 0 ? this.#runs.end : this.end;
    const isAhead =
      end === undefined || (run.sourceStart >= end.sourceNext && run.targetStart >= end.targetNext);
    if (isAhead) {
      const known = this.end;
      const same = run.sourceStart === known?.sourceNext && run.targetStart === known.targetNext;
      if (same) return;
      this.#setStart({ sourceOffset: run.sourceStart, targetOffset: run.targetStart });
      return;
    }
    const known = this.toTarget(run.sourceStart);
    if (known.kind === 'floor' || known.targetOffset === run.targetStart) return;
    const claim = { ...run, records: run.length };
    throw new OffsetMapConflictError(
      `it starts where target ${known.targetOffset} is known`,
      claim,
    );
  }

  #truncateTo(targetOffset: bigint): void {
    const first = this.#runs.runCount > 0 ? this.#runs.runs(0, 1)[0] : undefined;
    const start = this.#start;
    this.#runs.truncateTo(targetOffset);
    // Written even if there is none: one that runs had passed is still stored, and would count again.
    const isKept = start !== undefined && start.targetOffset <= targetOffset;
    this.#setStart(isKept ? start : undefined);
    // If nothing is left, the copy begins again where it once began.
    const sourceOffset = first?.sourceStart ?? start?.sourceOffset;
    if (this.end === undefined && sourceOffset !== undefined)
      this.#setStart({ sourceOffset, targetOffset });
    this.#stored.cutTo(targetOffset, this.end);
  }

  #startRun(): MapRun[] {
    if (this.#start === undefined) return [];
    const { sourceOffset: sourceNext, targetOffset: targetNext } = this.#start;
    return [startAt({ sourceNext, targetNext })];
  }

  #setStart(start: OffsetPair | undefined): void {
    this.#start = start;
    this.#startUnsaved = true;
  }

  /** The stored one is left behind: it is ignored for the same reason when it is loaded. */
  #dropPassedStart(): void {
    if (this.#start === undefined || this.#runs.runCount === 0) return;
    const { sourceNext, targetNext } = this.#runs.end;
    const isAhead =
      this.#start.sourceOffset >= sourceNext && this.#start.targetOffset >= targetNext;
    const isEnd =
      this.#start.sourceOffset === sourceNext && this.#start.targetOffset === targetNext;
    if (!isAhead || isEnd) this.#start = undefined;
  }
}

function endOf({ sourceStart, targetStart, length }: MapRun): MapEnd {
  return { sourceNext: sourceStart + length, targetNext: targetStart + length };
}

function isSame(one: MapEnd | undefined, other: MapEnd | undefined): boolean {
  return one?.sourceNext === other?.sourceNext && one?.targetNext === other?.targetNext;
}

function startAt({ sourceNext, targetNext }: MapEnd): MapRun {
  return { sourceStart: sourceNext, targetStart: targetNext, length: 0n };
}

/** What of the run lies before a target offset within it. */
function upTo(targetOffset: bigint, run: MapRun): MapRun {
  const length = targetOffset - run.targetStart;
  return length < run.length ? { ...run, length } : run;
}

/** What of the run lies at a target offset within it, and behind. */
function from(targetOffset: bigint, run: MapRun): MapRun {
  const into = targetOffset - run.targetStart;
  if (into <= 0n) return run;
  const { sourceStart, length } = run;
  return { sourceStart: sourceStart + into, targetStart: targetOffset, length: length - into };
}

function exactPart(run: OffsetRun): MapRun {
  const { sourceStart, targetStart } = run;
  return { sourceStart, targetStart, length: isExactRun(run) ? run.records : 1n };
}
