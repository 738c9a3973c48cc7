import type { KafkaCluster } from '../../kafka/client/index.js';
import { contentOf, readSource } from '../replication/align-source.js';
import type { CopierAssignment } from '../replication/partition-copier.js';
import {
  CONVINCING_RECORDS,
  END_SKIPPED_MAX,
  PASSES_MAX,
  SOURCE_BEYOND_RECORDS,
  SOURCE_RECORDS_MAX,
} from './limits.js';
import type { TargetTail } from './read-target-tail.js';
import { SourcePart, type FoundTrace, type LoggedRecord, type Match } from './trace-back.js';

export interface TailMatcherOptions {
  source: KafkaCluster;
  assignment: CopierAssignment;
  tail: TargetTail;
  /** Where the source is read from. */
  sourceFrom: bigint;
}

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
    if (last.kind !== 'found') return last.kind === 'absent' && this.#open ? 'open' : last.kind;
    let furthest: readonly Match[] = last.matches;
    let pass: readonly Match[] = last.matches;
    for (let passes = 1; passes < PASSES_MAX; passes += 1) {
      const first = pass.at(-1)!;
      // The whole of what was read is one pass: whatever came before it did not come further.
      if (first.target === 0 || first.source === 0) break;
      const before = await this.#find(first.target - 1, SOURCE_BEYOND_RECORDS, signal);
      if (before.kind !== 'found') break;
      pass = before.matches;
      if (pass[0]!.source > furthest[0]!.source) furthest = pass;
    }
    return furthest;
  }

  /** The last records may be gone from the source, if as many offsets are missing there. */
  async #findLast(signal: AbortSignal): Promise<FoundTrace> {
    const { length } = this.targetRecords;
    let found: FoundTrace = { kind: 'absent' };
    for (let skipped = 0; skipped < Math.min(length, END_SKIPPED_MAX); skipped += 1) {
      found = await this.#find(length - 1 - skipped, SOURCE_RECORDS_MAX, signal);
      if (found.kind === 'absent') continue;
      if (found.kind === 'unclear' || skipped === 0) return found;
      const gap = await this.#gapAfter(found.matches[0]!.source, signal);
      return gap >= BigInt(skipped) ? found : { kind: 'absent' };
    }
    return found;
  }

  /** Reads on until the place is certain, or `recordsMax` more were looked at in vain. */
  async #find(index: number, recordsMax: number, signal: AbortSignal): Promise<FoundTrace> {
    let limit = Math.min(SOURCE_RECORDS_MAX, this.#part.records.length + recordsMax);
    for (let isFirst = true; ;) {
      const found = this.#part.find(this.targetRecords, index);
      if (found.kind === 'found') {
        if (this.#isConvincing(found.matches)) return found;
        if (isFirst) limit = Math.min(limit, this.#part.records.length + SOURCE_BEYOND_RECORDS);
        isFirst = false;
      }
      if (this.#part.records.length >= limit || !(await this.#readMore(signal))) return found;
    }
  }

  #isConvincing(matches: readonly Match[]): boolean {
    const contents = new Set<string>();
    for (const { source } of matches) {
      contents.add(this.sourceRecords[source]!.content);
      if (contents.size >= CONVINCING_RECORDS) return true;
    }
    return false;
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
    const { tail } = this.#options;
    const { records, fetchOffset, end, highWatermark } = await readSource(
      this.#options,
      this.#next,
      signal,
    );
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
