/**
 * The offset map of one partition: which source offset lies at which target offset.
 *
 * A list of runs with constant delta (see OffsetRun). A partition without gaps has one run however
 * long it is; compaction, dropped control batches and fence markers each begin a new one.
 *
 * Rules that everything here keeps:
 * - An answer may point earlier than the first unread record, never later: later is loss.
 * - Where neighbouring runs leave offsets out on *both* sides, records may be missing from the map
 *   (a report that never arrived), not only from the log. Such a hole is answered with its start. If
 *   nothing but markers is in it, the consumer meets the same next record either way.
 */
import assert from 'node:assert/strict';
import { RUNS_PER_CHUNK, type OffsetMapChunk } from './offset-map-chunk.js';
import { OffsetMapConflictError, type RunClaim } from './offset-map-errors.js';
import {
  isExactRun,
  mergeOldRuns,
  OFFSET_MAX,
  sourceNextOf,
  targetNextOf,
  type OffsetRun,
} from './offset-map-run.js';
import { Column, RunList } from './offset-map-run-list.js';

/**
 * How a position translates.
 * - exact: the very record, or the end of everything mapped.
 * - gap: no record there; the next record's offset.
 * - floor: inside a merged run or a hole; at or before the first unread record.
 * - beyond: past the mapped end; the end on the other side.
 * - before: ahead of the first run; the first run's start.
 */
export type TranslationKind = 'exact' | 'gap' | 'floor' | 'beyond' | 'before';

/** `unknown` only for an empty map: nothing may be emitted then. */
export type Translation<Offset extends string> =
  | ({ kind: TranslationKind } & Record<Offset, bigint>)
  | ({ kind: 'unknown' } & Record<Offset, undefined>);

export type TargetTranslation = Translation<'targetOffset'>;
export type SourceTranslation = Translation<'sourceOffset'>;

/** When the target's end is `targetOffset`, the next source offset to copy is `sourceOffset`. */
export interface OffsetPair {
  sourceOffset: bigint;
  targetOffset: bigint;
}

export interface RecordCount {
  atLeast: bigint;
  /** Equal to `atLeast` where only exact runs are involved. */
  atMost: bigint;
}

/** A chunk to be written, or, without runs, to be deleted. */
export interface UnsavedChunk extends OffsetMapChunk {
  index: number;
}

/** A direction of translation: which columns it starts from and which it answers with. */
interface Direction {
  fromStart: number;
  fromGaps: number;
  toStart: number;
  toGaps: number;
}

const TO_TARGET: Direction = {
  fromStart: Column.sourceStart,
  fromGaps: Column.sourceGaps,
  toStart: Column.targetStart,
  toGaps: Column.targetGaps,
};
const TO_SOURCE: Direction = {
  fromStart: Column.targetStart,
  fromGaps: Column.targetGaps,
  toStart: Column.sourceStart,
  toGaps: Column.sourceGaps,
};

export class OffsetMap {
  #list = new RunList();
  /** Runs before this index are stored as they are here. Invariant: <= runCount. */
  #unsavedFrom = 0;
  /** Chunks the store holds; those no longer needed are deleted by the next save. */
  #storedChunks = 0;
  /** Raised by each truncation, so that chunks it made void are told from valid ones. */
  #generation = 0;

  /** Builds a map from runs in order; adjoining exact runs are joined. */
  static fromRuns(runs: Iterable<OffsetRun>): OffsetMap {
    const map = new OffsetMap();
    for (const run of runs) map.#append(run);
    return map;
  }

  /**
   * Restores a stored map from its chunks by index. Only the unbroken beginning is used: a missing
   * chunk, or one older than a truncation, ends it. Runs that a merge has already covered are
   * skipped, so a crash between the writes of one save loses nothing.
   */
  static fromChunks(chunks: ReadonlyMap<number, OffsetMapChunk>): OffsetMap {
    const map = new OffsetMap();
    let index = 0;
    let runsRead = 0;
    let aligned = true;
    for (; ; index += 1) {
      const chunk = chunks.get(index);
      if (chunk === undefined || chunk.generation < map.#generation) break;
      map.#generation = chunk.generation;
      // A chunk that was not full, or a run skipped or joined, shifts what later chunks must hold.
      aligned &&= map.runCount === index * RUNS_PER_CHUNK;
      runsRead += chunk.runs.length;
      for (const run of chunk.runs) {
        if (run.sourceStart >= map.end.sourceNext && run.targetStart >= map.end.targetNext) {
          map.#append(run);
        }
      }
    }
    for (const [stored, { generation }] of chunks) {
      map.#storedChunks = Math.max(map.#storedChunks, stored + 1);
      // Above every void chunk, so that one left behind by the next save is void as well.
      if (stored >= index) map.#generation = Math.max(map.#generation, generation + 1);
    }
    aligned &&= runsRead === map.runCount;
    map.#unsavedFrom = aligned && index === map.#storedChunks ? map.runCount : 0;
    return map;
  }

  get runCount(): number {
    return this.#list.length;
  }

  /** The first offsets after everything mapped; 0 and 0 for an empty map. */
  get end(): { sourceNext: bigint; targetNext: bigint } {
    if (this.runCount === 0) return { sourceNext: 0n, targetNext: 0n };
    const last = this.runCount - 1;
    return {
      sourceNext: this.#list.next(last, Column.sourceStart, Column.sourceGaps),
      targetNext: this.#list.next(last, Column.targetStart, Column.targetGaps),
    };
  }

  /** The runs from index `from` up to, not including, `to`. */
  runs(from = 0, to = this.runCount): OffsetRun[] {
    const runs: OffsetRun[] = [];
    for (let index = from; index < to; index += 1) runs.push(this.#list.get(index));
    return runs;
  }

  /**
   * Appends `count` records that lie from `sourceStart` on in the source and from `targetStart` on
   * in the target. A repeat of what is already known is accepted, and answered with false.
   */
  extend(sourceStart: bigint, targetStart: bigint, count: bigint): boolean {
    const claim: RunClaim = { sourceStart, targetStart, records: count };
    if (count <= 0n) throw new OffsetMapConflictError('it has no records', claim);
    if (sourceStart < 0n || targetStart < 0n) {
      throw new OffsetMapConflictError('an offset is negative', claim);
    }
    if (sourceStart + count > OFFSET_MAX || targetStart + count > OFFSET_MAX) {
      throw new OffsetMapConflictError('an offset exceeds 64 bits', claim);
    }
    const known = this.#knownPrefix(claim);
    if (known >= count) return false;
    this.#append({
      sourceStart: sourceStart + known,
      targetStart: targetStart + known,
      records: count - known,
      sourceGaps: 0n,
      targetGaps: 0n,
    });
    return true;
  }

  /**
   * Takes over a run of another map, merged or not. What is known already is left out; of a merged run
   * that begins before the end nothing is taken, which leaves a hole, and a hole is answered with its
   * start.
   */
  adopt(run: OffsetRun): void {
    const { sourceNext, targetNext } = this.end;
    if (sourceNextOf(run) <= sourceNext && targetNextOf(run) <= targetNext) return;
    if (isExactRun(run)) this.extend(run.sourceStart, run.targetStart, run.records);
    else if (run.sourceStart >= sourceNext && run.targetStart >= targetNext) this.#append(run);
  }

  /**
   * Forgets everything at or after `targetOffset`: the target lost its tail, or, with 0, the topic
   * is another one. Save it before anything is appended there: a reader of the store could
   * otherwise take the old runs for the new records.
   */
  truncateTo(targetOffset: bigint): void {
    if (targetOffset >= this.end.targetNext) return;
    const index = this.#list.lastAtOrBefore(Column.targetStart, targetOffset - 1n);
    this.#list.shorten(index + 1);
    this.#generation += 1;
    if (index >= 0) {
      const run = this.#list.get(index);
      if (targetNextOf(run) > targetOffset) {
        // Of a merged run only the start is known exactly, so only that much is kept.
        const records = isExactRun(run) ? targetOffset - run.targetStart : 1n;
        this.#list.set(index, { ...run, records, sourceGaps: 0n, targetGaps: 0n });
      }
    }
    // The last chunk is written even if its runs are unchanged: it carries the new generation.
    this.#unsavedFrom = Math.min(this.#unsavedFrom, Math.max(0, index));
  }

  /** For a committed source offset: where on the target to read on. */
  toTarget(sourceOffset: bigint): TargetTranslation {
    const [kind, targetOffset] = this.#translate(sourceOffset, TO_TARGET);
    if (kind === 'unknown' || targetOffset === undefined) {
      return { kind: 'unknown', targetOffset: undefined };
    }
    return { kind, targetOffset };
  }

  /** For a position on the target: where in the source the same next record is. */
  toSource(targetOffset: bigint): SourceTranslation {
    const [kind, sourceOffset] = this.#translate(targetOffset, TO_SOURCE);
    if (kind === 'unknown' || sourceOffset === undefined) {
      return { kind: 'unknown', sourceOffset: undefined };
    }
    return { kind, sourceOffset };
  }

  /**
   * The greatest pair known exactly whose target offset is at or before `targetOffset`: where
   * recovery starts to count. Inside a merged run that is the run's start.
   */
  floorByTarget(targetOffset: bigint): OffsetPair | undefined {
    const index = this.#list.lastAtOrBefore(Column.targetStart, targetOffset);
    if (index < 0) return undefined;
    const run = this.#list.get(index);
    if (targetOffset >= targetNextOf(run)) {
      return { sourceOffset: sourceNextOf(run), targetOffset: targetNextOf(run) };
    }
    const into = isExactRun(run) ? targetOffset - run.targetStart : 0n;
    return { sourceOffset: run.sourceStart + into, targetOffset: run.targetStart + into };
  }

  /** How many mirrored records lie at source offsets from `sourceFrom` up to before `sourceTo`. */
  recordsBetween(sourceFrom: bigint, sourceTo: bigint): RecordCount {
    const total: RecordCount = { atLeast: 0n, atMost: 0n };
    const first = Math.max(0, this.#list.lastAtOrBefore(Column.sourceStart, sourceFrom));
    for (let index = first; index < this.runCount; index += 1) {
      const run = this.#list.get(index);
      if (run.sourceStart >= sourceTo) break;
      const covered = overlap([sourceFrom, sourceTo], [run.sourceStart, sourceNextOf(run)]);
      const uncovered = run.records + run.sourceGaps - covered;
      total.atLeast += max(0n, run.records - uncovered);
      // Holes merged into the run can hold as many records more as fit on both sides.
      total.atMost += min(covered, run.records + min(run.sourceGaps, run.targetGaps));
      if (index + 1 === this.runCount) break;
      const next = this.#list.get(index + 1);
      const inHole = overlap([sourceFrom, sourceTo], [sourceNextOf(run), next.sourceStart]);
      total.atMost += min(inHole, next.targetStart - targetNextOf(run));
    }
    return total;
  }

  /**
   * Bounds the map: with more than `runsMax` runs, old ones are merged until a quarter of `runsMax`
   * is free again, so that merging is rare. Returns whether anything changed.
   */
  merge(runsMax: number): boolean {
    assert.ok(runsMax >= 4, 'a map needs room for four runs to be merged');
    if (this.runCount <= runsMax) return false;
    const merged = mergeOldRuns(this.runs(), runsMax - (runsMax >> 2));
    this.#list = new RunList();
    for (const run of merged) this.#list.push(run);
    this.#unsavedFrom = 0;
    return true;
  }

  /**
   * The chunks that differ from what the store holds, which from now on count as saved. They are to
   * be written in this order. After a failed write call markUnsaved().
   */
  takeUnsavedChunks(): UnsavedChunk[] {
    const chunks: UnsavedChunk[] = [];
    const chunkCount = this.#chunkCount();
    const from = Math.floor(this.#unsavedFrom / RUNS_PER_CHUNK);
    const generation = this.#generation;
    if (this.#unsavedFrom < this.runCount) {
      for (let index = from; index < chunkCount; index += 1) {
        const start = index * RUNS_PER_CHUNK;
        const runs = this.runs(start, Math.min(start + RUNS_PER_CHUNK, this.runCount));
        chunks.push({ index, generation, runs });
      }
    }
    for (let index = chunkCount; index < this.#storedChunks; index += 1) {
      chunks.push({ index, generation, runs: [] });
    }
    this.#unsavedFrom = this.runCount;
    this.#storedChunks = chunkCount;
    return chunks;
  }

  /** Undoes takeUnsavedChunks() for chunks whose write failed or is in doubt. */
  markUnsaved(chunks: readonly UnsavedChunk[]): void {
    for (const { index } of chunks) {
      this.#unsavedFrom = Math.min(this.#unsavedFrom, index * RUNS_PER_CHUNK);
      this.#storedChunks = Math.max(this.#storedChunks, index + 1);
    }
  }

  #chunkCount(): number {
    return Math.ceil(this.runCount / RUNS_PER_CHUNK);
  }

  /** How many records at the start of `claim` the map already holds, at the same target offsets. */
  #knownPrefix(claim: RunClaim): bigint {
    const { sourceNext, targetNext } = this.end;
    if (claim.sourceStart >= sourceNext && claim.targetStart >= targetNext) return 0n;
    const index = this.#list.lastAtOrBefore(Column.sourceStart, claim.sourceStart);
    const conflict = (reason: string): never => {
      const mapped = `the map ends at source offset ${sourceNext}, target offset ${targetNext}`;
      throw new OffsetMapConflictError(`${reason}; ${mapped}`, claim);
    };
    if (index < 0) return conflict('it goes backwards, to before the first run');
    const run = this.#list.get(index);
    if (!isExactRun(run) && contains(run, claim)) return claim.records;
    const delta = claim.targetStart - claim.sourceStart;
    if (!isExactRun(run) || run.targetStart - run.sourceStart !== delta) {
      return conflict('it goes backwards and differs from what is known there');
    }
    const known = sourceNextOf(run) - claim.sourceStart;
    const last = index === this.runCount - 1;
    if (known <= 0n || (known < claim.records && !last)) {
      return conflict('it goes backwards and differs from what is known there');
    }
    return known;
  }

  #append(run: OffsetRun): void {
    const { sourceNext, targetNext } = this.end;
    if (run.sourceStart < sourceNext || run.targetStart < targetNext) {
      throw new OffsetMapConflictError('it goes backwards', run);
    }
    const last = this.runCount - 1;
    const adjoins = run.sourceStart === sourceNext && run.targetStart === targetNext;
    if (last >= 0 && adjoins && isExactRun(run) && isExactRun(this.#list.get(last))) {
      const before = this.#list.get(last);
      this.#list.set(last, { ...before, records: before.records + run.records });
      this.#unsavedFrom = Math.min(this.#unsavedFrom, last);
      return;
    }
    this.#list.push(run);
  }

  #translate(offset: bigint, way: Direction): [TranslationKind | 'unknown', bigint | undefined] {
    if (this.runCount === 0) return ['unknown', undefined];
    const index = this.#list.lastAtOrBefore(way.fromStart, offset);
    if (index < 0) return ['before', this.#list.cell(0, way.toStart)];

    const fromNext = this.#list.next(index, way.fromStart, way.fromGaps);
    const toStart = this.#list.cell(index, way.toStart);
    if (offset < fromNext) {
      const into = offset - this.#list.cell(index, way.fromStart);
      const gaps = this.#list.cell(index, way.fromGaps) + this.#list.cell(index, way.toGaps);
      if (gaps === 0n || into === 0n) return ['exact', toStart + into];
      // At most `fromNext - offset` records of the run are still unread; the others came before.
      const read = max(0n, this.#list.cell(index, Column.records) - (fromNext - offset));
      return ['floor', toStart + read];
    }
    const toNext = this.#list.next(index, way.toStart, way.toGaps);
    if (index + 1 === this.runCount) return [offset === fromNext ? 'exact' : 'beyond', toNext];
    const hole = this.#list.cell(index + 1, way.toStart) > toNext;
    return [hole ? 'floor' : 'gap', toNext];
  }
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** Whether a claim lies inside a merged run: as much as can be said of it since the merge. */
function contains(run: OffsetRun, claim: RunClaim): boolean {
  return (
    claim.targetStart >= run.targetStart &&
    claim.sourceStart + claim.records <= sourceNextOf(run) &&
    claim.targetStart + claim.records <= targetNextOf(run)
  );
}

type OffsetRange = readonly [from: bigint, next: bigint];

/** How many offsets two ranges have in common. */
function overlap(a: OffsetRange, b: OffsetRange): bigint {
  return max(0n, min(a[1], b[1]) - max(a[0], b[0]));
}
