import type { SourceRecords } from '../replication/align-source.js';
import { contentOf } from '../replication/record-content.js';
import {
  CONVINCING_RECORDS,
  END_SKIPPED_MAX,
  OUTSTANDING_RECORDS,
  OUTSTANDING_TIMES,
  PASSES_MAX,
  RESEND_PLACES_MAX,
  RESENDS_MAX,
  SOURCE_BEYOND_RECORDS,
  SOURCE_RECORDS_MAX,
} from './limits.js';
import type { TargetTail } from './read-target-tail.js';
import { SourcePart, type LoggedRecord, type Match } from './trace-back.js';

export interface TailMatcherOptions {
  /** One fetch of the source, from an offset on. */
  read: (fetchOffset: bigint, signal: AbortSignal) => Promise<SourceRecords>;
  tail: TargetTail;
  /** The last source offset that MirrorMaker 2 committed, if it did. */
  committed: bigint | undefined;
  /** Where the source is read from. */
  sourceFrom: bigint;
}

interface FindOptions {
  /** Index of the source record at which the stretch began at the latest; else what is committed. */
  bound: number | undefined;
  /** Index of the last source record that is known to be on the target. */
  furthest: number;
  recordsMax: number;
}

type Found = readonly Match[] | 'absent' | 'unclear';

/** Finds which source records lie at the target's end; reads no more of the source than it must. */
export class TailMatcher {
  readonly #options: TailMatcherOptions;
  readonly #part = new SourcePart();
  #next: bigint;
  #ended = false;
  /** The last stable offset of the source, once its end was reached. */
  #end = -1n;
  #open = false;

  constructor(options: TailMatcherOptions) {
    this.#options = options;
    this.#next = options.sourceFrom;
  }

  get sourceRecords(): readonly LoggedRecord[] {
    return this.#part.records;
  }

  get targetRecords(): readonly LoggedRecord[] {
    return this.#options.tail.records;
  }

  /**
   * The matches, newest first, of the start of the copy that came furthest; `absent` if the last
   * record is not in the source, `open` if it may be in a transaction that is not decided yet.
   */
  async furthest(signal: AbortSignal): Promise<readonly Match[] | 'absent' | 'unclear' | 'open'> {
    const last = await this.#findLast(signal);
    if (last === 'absent' && this.#open) return 'open';
    if (typeof last === 'string') return last;
    let furthest = last;
    let pass = last;
    for (let passes = 1; passes < PASSES_MAX; passes += 1) {
      const first = pass.at(-1)!;
      // The whole of what was read is one pass: whatever came before it did not come further.
      if (first.target === 0 || first.source === 0) break;
      // An earlier start began no later, since what is committed never goes back.
      const options = {
        bound: first.source,
        furthest: furthest[0]!.source,
        recordsMax: SOURCE_BEYOND_RECORDS,
      };
      const before = await this.#find(first.target - 1, options, signal);
      if (before === 'unclear') return before;
      if (before === 'absent') break;
      pass = before;
      if (pass[0]!.source > furthest[0]!.source) furthest = pass;
    }
    return furthest;
  }

  /** The last records may be gone from the source, if as many offsets are missing there. */
  async #findLast(signal: AbortSignal): Promise<Found> {
    const { length } = this.targetRecords;
    let found: Found = 'absent';
    for (let skipped = 0; skipped < Math.min(length, END_SKIPPED_MAX); skipped += 1) {
      const options = { bound: undefined, furthest: -1, recordsMax: SOURCE_RECORDS_MAX };
      found = await this.#find(length - 1 - skipped, options, signal);
      if (found === 'absent') continue;
      if (found === 'unclear' || skipped === 0) return found;
      const gap = await this.#gapAfter(found[0]!.source, signal);
      return gap >= BigInt(skipped) ? found : 'absent';
    }
    return found;
  }

  /** Reads on until the place is certain, or `recordsMax` more were looked at in vain. */
  async #find(index: number, options: FindOptions, signal: AbortSignal): Promise<Found> {
    let limit = Math.min(SOURCE_RECORDS_MAX, this.#part.records.length + options.recordsMax);
    for (let isFirst = true; ;) {
      const found = this.#choose(index, options);
      if (typeof found !== 'string') {
        if (this.#isConvincing(found)) return found;
        if (isFirst) limit = Math.min(limit, this.#part.records.length + SOURCE_BEYOND_RECORDS);
        isFirst = false;
      }
      if (this.#part.records.length >= limit || !(await this.#readMore(signal))) return found;
    }
  }

  /**
   * Each start of the copy is one stretch of the source that began at or before `bound`, and came at
   * least to the record before it. If exactly one place of the record has such a past, it is the one;
   * of several nobody can say.
   */
  #choose(index: number, { bound: given, furthest }: FindOptions): Found {
    const bound = given ?? this.#committedIndex();
    const traces = this.#part.traces(this.targetRecords, index);
    if (traces === undefined) return 'unclear';
    const whole = traces.filter(
      (each) => each[0]!.source >= bound - 1 && this.#isWhole(each, bound, 0),
    );
    if (whole.length === 0) return traces.length > 0 && given === undefined ? 'unclear' : 'absent';
    const best = this.#outstanding(whole);
    if (best !== undefined) return best;
    // An earlier start that came less far, wherever it ended, changes nothing.
    return whole.some((each) => each[0]!.source > furthest) ? 'unclear' : 'absent';
  }

  /**
   * The one with the most different records, if all others have hardly any beside it. Only where
   * timestamps are compared: without them, a stretch may well repeat what followed another one.
   */
  #outstanding(traces: readonly Match[][]): Match[] | undefined {
    if (traces.length === 1) return traces[0];
    if (!this.#options.tail.withTime) return undefined;
    const ranked = traces
      .map((matches) => ({ matches, different: this.#differentRecords(matches) }))
      .sort((one, other) => other.different - one.different);
    const [best, second] = ranked;
    if (best === undefined || second === undefined) return best?.matches;
    const isClear =
      best.different >= OUTSTANDING_RECORDS &&
      best.different >= OUTSTANDING_TIMES * second.different;
    return isClear ? best.matches : undefined;
  }

  /** A batch that a producer sent twice breaks a stretch; then what lies before must lead up to it. */
  #isWhole(matches: readonly Match[], bound: number, depth: number): boolean {
    const first = matches.at(-1)!;
    if (first.target === 0 || first.source <= bound) return true;
    if (depth === RESENDS_MAX) return false;
    const before = this.#part.traces(this.targetRecords, first.target - 1) ?? [];
    if (before.length > RESEND_PLACES_MAX) return false;
    return before.some(
      (each) => each[0]!.source >= first.source - 1 && this.#isWhole(each, bound, depth + 1),
    );
  }

  /** The first source record that MirrorMaker 2 has not committed. */
  #committedIndex(): number {
    const { committed = -1n } = this.#options;
    let low = 0;
    for (let high = this.sourceRecords.length; low < high;) {
      const middle = (low + high) >> 1;
      if (this.sourceRecords[middle]!.offset <= committed) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isConvincing(matches: readonly Match[]): boolean {
    return this.#differentRecords(matches) >= CONVINCING_RECORDS;
  }

  /** Counts no further than what convinces. */
  #differentRecords(matches: readonly Match[]): number {
    const contents = new Set<string>();
    for (const { source } of matches) {
      contents.add(this.sourceRecords[source]!.content);
      if (contents.size >= CONVINCING_RECORDS) break;
    }
    return contents.size;
  }

  /** Source offsets without a record behind one. */
  async #gapAfter(index: number, signal: AbortSignal): Promise<bigint> {
    while (this.sourceRecords[index + 1] === undefined) {
      if (!(await this.#readMore(signal))) break;
    }
    const next = this.sourceRecords[index + 1]?.offset ?? this.#end;
    return next - this.sourceRecords[index]!.offset - 1n;
  }

  /** False at the end of what is stable. */
  async #readMore(signal: AbortSignal): Promise<boolean> {
    if (this.#ended) return false;
    const { tail, read } = this.#options;
    const { records, fetchOffset, end, highWatermark } = await read(this.#next, signal);
    for (const { offset, record } of records) {
      this.#part.add({ offset, content: contentOf(record, tail.withTime) });
    }
    this.#end = end;
    this.#open = end < highWatermark;
    this.#ended = fetchOffset === this.#next || fetchOffset >= end;
    this.#next = fetchOffset;
    return records.length > 0 || !this.#ended;
  }
}
