import type {
  ComparedRange,
  CompareSegment,
  RangeDifference,
} from '../../proto/gen/mirror/v1/site_task.js';
import { payload } from '../../kafka/records/batch-header.js';
import type { LogRecord } from './log-batch.js';
import type { LogCursor } from './log-cursor.js';
import { ContentChecksum, contentDifference, describePart } from './record-content.js';

/** Bytes or records after which a range is reported, so that progress shows and work is kept. */
export const RANGE_BYTES_MAX = 16 * 1024 * 1024;
export const RANGE_RECORDS_MAX = 100_000n;

export interface SegmentComparisonOptions {
  readonly source: LogCursor;
  readonly target: LogCursor;
  /** Whether compaction may have removed records. */
  readonly sourceCompacted: boolean;
  readonly targetCompacted: boolean;
  /** Bytes read since the last call, of both sides. */
  readonly takeBytes: () => number;
  readonly onRange: (range: ComparedRange) => Promise<void>;
}

type Counts = {
  -readonly [
    K in
      | 'sourceRecords'
      | 'targetRecords'
      | 'equalRecords'
      | 'deletedOnSource'
      | 'deletedOnTarget'
      | 'compacted'
  ]: bigint;
};

/**
 * Compares one partition, segment after segment, and tells ranges of it as they are done. Ends with
 * the first difference.
 *
 * In an exact segment offsets say which records belong together, so that what one side no longer has
 * is known record by record. In the others only the order is known: they are compared in step, and
 * once something is missing for a good reason the rest of the segment cannot be compared.
 */
export class SegmentComparison {
  readonly #options: SegmentComparisonOptions;
  #counts = noCounts();
  #sums = { source: new ContentChecksum(), target: new ContentChecksum() };
  #bytes = 0;
  #from: { source: bigint; target: bigint };

  constructor(options: SegmentComparisonOptions) {
    this.#options = options;
    this.#from = { source: options.source.next, target: options.target.next };
  }

  async run(segments: readonly CompareSegment[]): Promise<RangeDifference | undefined> {
    for (const segment of segments) {
      const { source, target } = this.#options;
      const difference = segment.exact ? await this.#exact(segment) : await this.#inOrder(segment);
      if (difference !== undefined) {
        await this.#endRange({ source: source.next, target: target.next });
        return difference;
      }
      source.skipTo(segment.sourceTo);
      target.skipTo(segment.targetTo);
      await this.#maybeEndRange({ source: segment.sourceTo, target: segment.targetTo });
    }
    await this.#endRange({ source: this.#options.source.next, target: this.#options.target.next });
    return undefined;
  }

  async #exact(segment: CompareSegment): Promise<RangeDifference | undefined> {
    const { source, target } = this.#options;
    const delta = segment.targetFrom - segment.sourceFrom;
    for (;;) {
      const hasSource = await source.has(segment.sourceTo);
      const hasTarget = await target.has(segment.targetTo);
      if (this.#skipDeleted(segment, delta)) continue;
      if (!hasSource && !hasTarget) return undefined;
      if (hasSource && hasTarget && this.#takeEqualBatches(segment, delta)) {
        await this.#maybeEndRange({ source: source.next, target: target.next });
        continue;
      }
      const one = hasSource ? source.record : undefined;
      const other = hasTarget ? target.record : undefined;
      const place = (one?.offset ?? segment.sourceTo) + delta;
      const otherPlace = other?.offset ?? segment.targetTo;
      const difference =
        one !== undefined && other !== undefined && place === otherPlace
          ? this.#compare(one, other)
          : this.#onOneSide(place < otherPlace ? { one } : { other });
      if (difference !== undefined) return difference;
      const done = place < otherPlace ? place : otherPlace;
      await this.#maybeEndRange({ source: done + 1n - delta, target: done + 1n });
    }
  }

  /** What one side no longer has, by its log start, is counted by offsets, and not read. */
  #skipDeleted(segment: CompareSegment, delta: bigint): boolean {
    const { source, target } = this.#options;
    const reached = max(source.next, target.next - delta, segment.sourceFrom);
    const onSource = source.logStart;
    const onTarget = target.logStart - delta;
    const to = min(max(onSource, onTarget), segment.sourceTo);
    if (to <= reached) return false;
    if (onSource >= onTarget) this.#counts.deletedOnSource += to - reached;
    else this.#counts.deletedOnTarget += to - reached;
    source.skipTo(to);
    target.skipTo(to + delta);
    return true;
  }

  async #inOrder(segment: CompareSegment): Promise<RangeDifference | undefined> {
    const { source, target, sourceCompacted, targetCompacted } = this.#options;
    for (;;) {
      const hasSource = await source.has(segment.sourceTo);
      const hasTarget = await target.has(segment.targetTo);
      if (!hasSource && !hasTarget) return undefined;
      if (source.logStart > source.next && segment.sourceFrom < segment.sourceTo)
        return this.#countRest(segment, 'deletedOnSource');
      if (target.logStart > target.next && segment.targetFrom < segment.targetTo)
        return this.#countRest(segment, 'deletedOnTarget');
      if (hasSource && hasTarget && this.#takeEqualBatches(segment, undefined)) {
        await this.#maybeEndRange({ source: source.next, target: target.next });
        continue;
      }
      const one = hasSource ? source.record : undefined;
      const other = hasTarget ? target.record : undefined;
      const alike = one !== undefined && other !== undefined && differs(one, other) === undefined;
      if (!alike && (sourceCompacted || targetCompacted))
        return this.#countRest(segment, 'compacted');
      const isForeign = segment.sourceFrom === segment.sourceTo && other !== undefined;
      const difference =
        one !== undefined && other !== undefined
          ? this.#compare(one, other)
          : isForeign
            ? foreignRecord(other)
            : this.#onOneSide({ one, other });
      if (difference !== undefined) return difference;
      await this.#maybeEndRange({ source: source.next, target: target.next });
    }
  }

  /** The rest of an in-order segment cannot be compared: its records are only counted. */
  async #countRest(
    segment: CompareSegment,
    as: 'deletedOnSource' | 'deletedOnTarget' | 'compacted',
  ): Promise<undefined> {
    const { source, target } = this.#options;
    let onSource = 0n;
    let onTarget = 0n;
    for (; await source.has(segment.sourceTo); source.takeRecord()) {
      if (source.record === undefined) break;
      onSource += 1n;
    }
    for (; await target.has(segment.targetTo); target.takeRecord()) {
      if (target.record === undefined) break;
      onTarget += 1n;
    }
    this.#counts.sourceRecords += onSource;
    this.#counts.targetRecords += onTarget;
    this.#counts[as] += max(onSource, onTarget);
  }

  /** The cheap way: batches that hold the same bytes hold the same records. */
  #takeEqualBatches(segment: CompareSegment, delta: bigint | undefined): boolean {
    const { source, target } = this.#options;
    const [one, other] = [source.wholeBatch, target.wholeBatch];
    if (one === undefined || other === undefined || !one.dense || !other.dense) return false;
    if (one.lastOffset >= segment.sourceTo || other.lastOffset >= segment.targetTo) return false;
    if (delta !== undefined && one.firstOffset + delta !== other.firstOffset) return false;
    if (!one.sameBytes(other)) return false;
    const count = BigInt(one.count);
    this.#counts.sourceRecords += count;
    this.#counts.targetRecords += count;
    this.#counts.equalRecords += count;
    this.#sums.source.addBytes(payload(one.bytes));
    this.#sums.target.addBytes(payload(other.bytes));
    source.takeBatch();
    target.takeBatch();
    return true;
  }

  #compare(one: LogRecord, other: LogRecord): RangeDifference | undefined {
    const { source, target } = this.#options;
    const withTime = !other.stamped;
    const what = differs(one, other);
    this.#counts.sourceRecords += 1n;
    this.#counts.targetRecords += 1n;
    this.#sums.source.addRecord(one.record, withTime);
    this.#sums.target.addRecord(other.record, withTime);
    if (what !== undefined) {
      const detail = describePart(what, one.record, other.record);
      return { what, sourceOffset: one.offset, targetOffset: other.offset, detail };
    }
    this.#counts.equalRecords += 1n;
    source.takeRecord();
    target.takeRecord();
    return undefined;
  }

  #onOneSide(present: {
    one?: LogRecord | undefined;
    other?: LogRecord | undefined;
  }): RangeDifference | undefined {
    const { source, target, sourceCompacted, targetCompacted } = this.#options;
    const { one, other } = present;
    if (one !== undefined) this.#counts.sourceRecords += 1n;
    else this.#counts.targetRecords += 1n;
    if (one !== undefined ? targetCompacted : sourceCompacted) {
      this.#counts.compacted += 1n;
      (one !== undefined ? source : target).takeRecord();
      return undefined;
    }
    if (one !== undefined) {
      const detail = 'the source has a record that the target does not have';
      return {
        ...{ what: 'missing-on-target', sourceOffset: one.offset, detail },
        targetOffset: target.next,
      };
    }
    const detail = 'the target has a record that the source does not have';
    return {
      ...{ what: 'missing-on-source', sourceOffset: source.next, detail },
      targetOffset: other?.offset,
    };
  }

  async #maybeEndRange(at: { source: bigint; target: bigint }): Promise<void> {
    this.#bytes += this.#options.takeBytes();
    const { sourceRecords, targetRecords } = this.#counts;
    if (
      this.#bytes >= RANGE_BYTES_MAX ||
      sourceRecords >= RANGE_RECORDS_MAX ||
      targetRecords >= RANGE_RECORDS_MAX
    )
      await this.#endRange(at);
  }

  async #endRange(at: { source: bigint; target: bigint }): Promise<void> {
    this.#bytes += this.#options.takeBytes();
    const { source: sourceFrom, target: targetFrom } = this.#from;
    if (at.source === sourceFrom && at.target === targetFrom) return;
    const range: ComparedRange = {
      ...{ sourceFrom, targetFrom, sourceTo: at.source, targetTo: at.target, ...this.#counts },
      sourceChecksum: this.#sums.source.digest(),
      targetChecksum: this.#sums.target.digest(),
      bytes: BigInt(this.#bytes),
    };
    this.#from = at;
    this.#counts = noCounts();
    this.#sums = { source: new ContentChecksum(), target: new ContentChecksum() };
    this.#bytes = 0;
    await this.#options.onRange(range);
  }
}

function differs(one: LogRecord, other: LogRecord): ReturnType<typeof contentDifference> {
  return contentDifference(one.record, other.record, !other.stamped);
}

export function foreignRecord(other: Pick<LogRecord, 'offset'>): RangeDifference {
  return {
    ...{ what: 'foreign-record', sourceOffset: undefined, targetOffset: other.offset },
    detail: 'the target has a record that this flow did not write',
  };
}

function noCounts(): Counts {
  return {
    ...{ sourceRecords: 0n, targetRecords: 0n, equalRecords: 0n },
    ...{ deletedOnSource: 0n, deletedOnTarget: 0n, compacted: 0n },
  };
}

function max(...values: bigint[]): bigint {
  return values.reduce((most, value) => (value > most ? value : most));
}

function min(left: bigint, right: bigint): bigint {
  return left < right ? left : right;
}
