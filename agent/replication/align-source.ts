import { createHash } from 'node:crypto';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_EARLIEST } from '../../kafka/messages/list-offsets.js';
import { isControl, lastOffset, timestampType } from '../../kafka/records/batch-header.js';
import { splitFetched } from '../../kafka/records/fetched-batches.js';
import { readBatch, type ReadRecord } from '../../kafka/records/build-batch.js';
import { HaltError } from './halt.js';
import { ALIGNED_RECORDS_MAX, PLAIN_BYTES_MAX } from './limits.js';
import type { TargetSegment } from './own-records.js';
import type { CopierAssignment } from './copier-assignment.js';
import { prepareFetched } from './prepared-batch.js';
import { FetchRetryError, logBound, readPartition } from './read-partition.js';
import type { Position, Run } from './run-tail.js';
import type { SourceScan } from './source-scan.js';

export interface AlignmentOptions {
  source: KafkaCluster;
  target: KafkaCluster;
  assignment: CopierAssignment;
  /** The last exactly known position. */
  from: Position;
  /** Behind it, what of the target is this flow's; not empty. */
  segments: readonly TargetSegment[];
}

/**
 * Where to go on when counting does not come out right, because compaction of the source removed
 * records after they were copied: finds, by their contents, which source records are on the target
 * behind the known position. They were copied in order and without a gap, so the first source record
 * after the last of them is the first that was not copied.
 *
 * Each target record that is not found came from a source offset of its own, which must be missing
 * there now. Otherwise the source did not lose it by compaction, and that is for an operator.
 */
export async function alignSource(
  options: AlignmentOptions,
  signal: AbortSignal,
): Promise<SourceScan> {
  const index = await indexTarget(options, signal);
  const runs: Run[] = [];
  let { sourceNext } = options.from;
  let place = 0n;
  let fetchOffset = sourceNext;
  // Behind the last of them, the source holds nothing that was copied.
  for (let looked = 0; !index.exhausted && looked < ALIGNED_RECORDS_MAX;) {
    const read = await readSource(options, fetchOffset, signal);
    for (const { offset, record } of read.records) {
      looked += 1;
      // As many records may be missing in the source as offsets are, and no more.
      const taken = index.take(record, place + offset - sourceNext);
      if (taken === undefined) continue;
      const targetStart = offsetAt(options.segments, taken);
      runs.push({ sourceStart: offset, targetStart, length: 1n });
      sourceNext = offset + 1n;
      place = taken + 1n;
    }
    if (read.fetchOffset === fetchOffset) break;
    fetchOffset = read.fetchOffset;
  }
  const gap = await gapAfter(options, sourceNext, signal);
  if (gap < index.countFrom(place)) throw diverged(options, sourceNext);
  return { sourceNext, runs };
}

/** Offsets from here on that hold no record: up to the next record, or to the end of what is stable. */
async function gapAfter(
  options: AlignmentOptions,
  sourceNext: bigint,
  signal: AbortSignal,
): Promise<bigint> {
  for (let fetchOffset = sourceNext; ;) {
    const read = await readSource(options, fetchOffset, signal);
    const first = read.records[0]?.offset;
    if (first !== undefined) return first - sourceNext;
    if (read.fetchOffset === fetchOffset) return read.end - sourceNext;
    fetchOffset = read.fetchOffset;
  }
}

function diverged(options: AlignmentOptions, sourceOffset: bigint): HaltError {
  const { topic, targetTopic, partition } = options.assignment;
  const { sourceNext } = options.from;
  return new HaltError(
    'target-diverged',
    `${targetTopic}-${partition} holds records that ${topic}-${partition} no longer has before ` +
      `offset ${sourceOffset}, though none is missing there; the source lost its tail, or ` +
      `something else wrote to the target; to go on from offset ${sourceNext} may repeat records`,
    { wayOut: { kind: 'go-on', sourceNext } },
  );
}

/** How many of the flow's offsets come before this one; undefined if it is none of them. */
function placeOf(segments: readonly TargetSegment[], offset: bigint): bigint | undefined {
  let before = 0n;
  for (const { targetStart, length } of segments) {
    if (offset < targetStart) return undefined;
    if (offset < targetStart + length) return before + offset - targetStart;
    before += length;
  }
  return undefined;
}

function offsetAt(segments: readonly TargetSegment[], place: bigint): bigint {
  let before = 0n;
  for (const { targetStart, length } of segments) {
    if (place < before + length) return targetStart + place - before;
    before += length;
  }
  throw new RangeError(`the segments have no place ${place}`);
}

/**
 * The flow's records on the target by content, each at its place among them: markers and what others
 * wrote take offsets as well, but no place. What was taken moves a cursor that only goes forward.
 */
class TargetIndex {
  readonly #places = new Map<string, bigint[]>();
  readonly #all: bigint[] = [];
  #last = -1n;
  #taken = -1n;
  /** The target stamps records itself: their timestamps say nothing. */
  #stamped = false;

  get count(): number {
    return this.#all.length;
  }

  get exhausted(): boolean {
    return this.#taken >= this.#last;
  }

  add(record: ReadRecord, place: bigint, stamped: boolean): void {
    this.#stamped ||= stamped;
    // Both forms, since one stretch may hold stamped batches and others.
    for (const withTime of [true, false]) {
      const content = contentOf(record, withTime);
      const places = this.#places.get(content);
      if (places === undefined) this.#places.set(content, [place]);
      else places.push(place);
    }
    this.#last = place;
    this.#all.push(place);
  }

  /** Records at this place or behind it. */
  countFrom(place: bigint): bigint {
    return BigInt(this.#all.filter((one) => one >= place).length);
  }

  /**
   * The place of an equal record, behind those taken and up to `offsetMax`: of several the last, since
   * of equal records compaction keeps the last.
   */
  take(record: ReadRecord, placeMax: bigint): bigint | undefined {
    const places = this.#places.get(contentOf(record, !this.#stamped));
    const found = places?.findLast((place) => place <= placeMax);
    if (found === undefined || found <= this.#taken) return undefined;
    this.#taken = found;
    return found;
  }
}

/** A digest: a long stretch of records must fit into memory. */
export function contentOf(record: ReadRecord, withTime: boolean): string {
  const hash = createHash('sha1');
  const fields = [
    record.key,
    record.value,
    ...record.headers.flatMap((one) => [one.key, one.value]),
  ];
  for (const field of fields) {
    hash.update(`${field?.length ?? -1}:`);
    if (field !== null) hash.update(field);
  }
  if (withTime) hash.update(`@${record.timestamp}`);
  return hash.digest('base64');
}

async function indexTarget(options: AlignmentOptions, signal: AbortSignal): Promise<TargetIndex> {
  const { target: cluster, assignment, from, segments } = options;
  const { targetTopic: topic, targetTopicId: topicId, partition } = assignment;
  const index = new TargetIndex();
  const { targetStart, length } = segments.at(-1)!;
  const end = targetStart + length;
  for (let fetchOffset = segments[0]!.targetStart; fetchOffset < end;) {
    const answer = await readPartition(
      { cluster, topic, topicId, partition, fetchOffset, readCommitted: false },
      signal,
    );
    if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      const at = { cluster, topic, partition };
      const logStart = await logBound(at, TIMESTAMP_EARLIEST, { signal });
      if (logStart <= fetchOffset) break;
      fetchOffset = logStart; // retention removed what was before
      continue;
    }
    if (answer.errorCode !== ErrorCode.NONE) throw new FetchRetryError(topic, partition, answer);
    const { records, highWatermark: endOffset } = answer;
    const batches = splitFetched({ records, fetchOffset, endOffset });
    if (batches.length === 0) break;
    for (const batch of batches.filter((each) => !isControl(each))) {
      const stamped = timestampType(batch) === 'LogAppendTime';
      for (const record of readBatch(batch, PLAIN_BYTES_MAX)) {
        const place = placeOf(segments, record.offset);
        if (place !== undefined) index.add(record, place, stamped);
      }
    }
    if (index.count > ALIGNED_RECORDS_MAX) throw diverged(options, from.sourceNext);
    fetchOffset = lastOffset(batches.at(-1)!) + 1n;
  }
  return index;
}

export interface SourceRecords {
  records: { offset: bigint; record: ReadRecord }[];
  /** Where to read on; the same offset again at the end. */
  fetchOffset: bigint;
  /** The last stable offset. */
  end: bigint;
  /** Behind it while a transaction is open. */
  highWatermark: bigint;
}

/** What a consumer would read next, one fetch of it. */
export async function readSource(
  options: Pick<AlignmentOptions, 'source' | 'assignment'>,
  fetchOffset: bigint,
  signal: AbortSignal,
): Promise<SourceRecords> {
  const { topic, sourceTopicId: topicId, partition } = options.assignment;
  const answer = await readPartition(
    { cluster: options.source, topic, topicId, partition, fetchOffset, readCommitted: true },
    signal,
  );
  if (answer.errorCode !== ErrorCode.NONE) throw new FetchRetryError(topic, partition, answer);
  const prepared = prepareFetched({
    records: answer.records,
    abortedTransactions: answer.abortedTransactions,
    fetchOffset,
    endOffset: answer.lastStableOffset,
  });
  const records = prepared.batches.flatMap(({ batch, runs }) => {
    const offsets = runs.flatMap(({ sourceStart, count }) =>
      Array.from({ length: count }, (_, index) => sourceStart + BigInt(index)),
    );
    return readBatch(batch, PLAIN_BYTES_MAX).map((record, index) => {
      return { offset: offsets[index]!, record };
    });
  });
  const { lastStableOffset: end, highWatermark } = answer;
  return { records, fetchOffset: prepared.sourceNext, end, highWatermark };
}

/**
 * Whether a count came out right: the last record on the target is the one that was counted last.
 * True as well when the target no longer has it, and so cannot tell.
 */
export async function endsAlike(
  options: AlignmentOptions,
  counted: { sourceLast: bigint; targetLast: bigint },
  signal: AbortSignal,
): Promise<boolean> {
  const { sourceLast, targetLast } = counted;
  const last = { ...options, segments: [{ targetStart: targetLast, length: 1n }] };
  const index = await indexTarget(last, signal);
  if (index.count === 0) return true;
  const [first] = (await readSource(options, sourceLast, signal)).records;
  return first?.offset === sourceLast && index.take(first.record, 0n) === 0n;
}
