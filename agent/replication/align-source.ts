import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_EARLIEST } from '../../kafka/messages/list-offsets.js';
import {
  isControl,
  lastOffset,
  producerId,
  timestampType,
} from '../../kafka/records/batch-header.js';
import { readBatch, type ReadRecord } from '../../kafka/records/build-batch.js';
import { splitFetched } from '../../kafka/records/fetched-batches.js';
import { alignRecords, type TargetRecords } from './align-records.js';
import { HaltError } from './halt.js';
import { ALIGNED_CHUNK_RECORDS, PLAIN_BYTES_MAX } from './limits.js';
import type { TargetSegment } from './own-records.js';
import type { CopierAssignment } from './copier-assignment.js';
import { prepareFetched, type Prepared } from './prepared-batch.js';
import { FetchRetryError, logBound, readPartition } from './read-partition.js';
import { contentOf } from './record-content.js';
import type { Run } from './run-tail.js';
import { SegmentScale } from './segment-scale.js';

export interface AlignmentPlace {
  source: KafkaCluster;
  target: KafkaCluster;
  assignment: CopierAssignment;
}

export interface AlignmentOptions extends AlignmentPlace {
  /** Behind the last record that is known to be copied. */
  sourceNext: bigint;
  /** Where on the target, behind that one, records of this flow are; one at least. */
  segments: readonly TargetSegment[];
  /** Where an operator may go on, if what is found is not kept; otherwise behind the last of it. */
  goOnFrom: bigint | undefined;
  /** Told of runs in order, as they are found; may wait until there is room for more. */
  found: (runs: Iterable<Run>) => Promise<void>;
}

/**
 * Where to go on when counting does not come out right, because compaction of the source removed
 * records after they were copied: finds, by their contents, which source records are on the target
 * behind the known position. They were copied in order and without a gap, so the first source record
 * after the last of them is the first that was not copied. Returns its offset.
 *
 * Each target record that is not found came from a source offset of its own, which must be missing
 * there now. Otherwise the source did not lose it by compaction, and that is for an operator: to go on
 * behind the last that was found repeats the least, where that is in the map.
 */
export async function alignSource(options: AlignmentOptions, signal: AbortSignal): Promise<bigint> {
  const { segments } = options;
  const scale = new SegmentScale(segments);
  const { sourceNext, targetNext } = await alignRecords(
    {
      from: { sourceNext: options.sourceNext, targetNext: 0n },
      targetEnd: scale.length,
      chunkRecords: ALIGNED_CHUNK_RECORDS,
    },
    {
      source: (fromOffset) => sourceRecords(options, fromOffset, signal),
      target: (first, to) => scaledRecords(options, { scale, from: first, to }, signal),
      found: (runs) => options.found(scale.runs(runs)),
    },
  );
  const gap = await gapAfter(options, sourceNext, signal);
  const rest = { scale, from: targetNext, to: scale.length };
  let missing = 0n;
  for await (const { records } of scaledRecords(options, rest, signal)) {
    missing += BigInt(records.length);
    if (gap < missing) throw diverged(options, sourceNext);
  }
  return sourceNext;
}

/** Offsets from here on that hold no record: up to the next record, or to the end of what is stable. */
async function gapAfter(
  options: AlignmentPlace,
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

function diverged(options: AlignmentOptions, found: bigint): HaltError {
  const { topic, targetTopic, partition } = options.assignment;
  const sourceNext = options.goOnFrom ?? found;
  return new HaltError(
    'target-diverged',
    `${targetTopic}-${partition} holds records that ${topic}-${partition} no longer has before ` +
      `offset ${found}, though none is missing there; the source lost its tail, or ` +
      `something else wrote to the target; to go on from offset ${sourceNext} may repeat records`,
    { wayOut: { kind: 'go-on', sourceNext } },
  );
}

/** Batch by batch, so that no more than one is held as records. */
async function* sourceRecords(
  place: AlignmentPlace,
  fromOffset: bigint,
  signal: AbortSignal,
): AsyncGenerator<readonly ReadRecord[]> {
  for (let fetchOffset = fromOffset; ;) {
    const { prepared } = await fetchSource(place, fetchOffset, signal);
    for (const batch of prepared.batches) yield recordsOf(batch);
    if (prepared.sourceNext === fetchOffset) return;
    fetchOffset = prepared.sourceNext;
  }
}

/** Of an index of `scale` up to another, with indexes for offsets. */
async function* scaledRecords(
  place: AlignmentPlace,
  { scale, from, to }: { scale: SegmentScale; from: bigint; to: bigint },
  signal: AbortSignal,
): AsyncGenerator<TargetRecords> {
  if (from >= to) return;
  const range = { from: scale.offsetOf(from), to: scale.offsetOf(to - 1n) + 1n };
  for await (const { records, stamped } of targetRecords(place, range, signal)) {
    const scaled = records.flatMap((record) => {
      const offset = scale.indexOf(record.offset);
      return offset === undefined ? [] : [{ ...record, offset }];
    });
    if (scaled.length > 0) yield { records: scaled, stamped };
  }
}

/** Of this flow, from an offset up to another: what retention and compaction have left. */
async function* targetRecords(
  { target: cluster, assignment }: AlignmentPlace,
  { from, to }: { from: bigint; to: bigint },
  signal: AbortSignal,
): AsyncGenerator<TargetRecords> {
  const { targetTopic: topic, targetTopicId: topicId, partition } = assignment;
  const at = { cluster, topic, topicId, partition, readCommitted: false };
  for (let fetchOffset = from; fetchOffset < to;) {
    const answer = await readPartition({ ...at, fetchOffset }, signal);
    if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      const logStart = await logBound(at, TIMESTAMP_EARLIEST, { signal });
      if (logStart <= fetchOffset) return;
      fetchOffset = logStart; // retention removed what was before
      continue;
    }
    if (answer.errorCode !== ErrorCode.NONE) throw new FetchRetryError(topic, partition, answer);
    const { records: bytes, highWatermark: endOffset } = answer;
    const batches = splitFetched({ records: bytes, fetchOffset, endOffset });
    if (batches.length === 0) return;
    const isOwn = (each: Buffer): boolean =>
      producerId(each) === assignment.producerId && !isControl(each);
    for (const batch of batches.filter(isOwn)) {
      const records = readBatch(batch, PLAIN_BYTES_MAX).filter(
        ({ offset }) => offset >= from && offset < to,
      );
      yield { records, stamped: timestampType(batch) === 'LogAppendTime' };
    }
    fetchOffset = lastOffset(batches.at(-1)!) + 1n;
  }
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
  place: Pick<AlignmentPlace, 'source' | 'assignment'>,
  fetchOffset: bigint,
  signal: AbortSignal,
): Promise<SourceRecords> {
  const { prepared, end, highWatermark } = await fetchSource(place, fetchOffset, signal);
  const records = prepared.batches
    .flatMap(recordsOf)
    .map((record) => ({ offset: record.offset, record }));
  return { records, fetchOffset: prepared.sourceNext, end, highWatermark };
}

async function fetchSource(
  place: Pick<AlignmentPlace, 'source' | 'assignment'>,
  fetchOffset: bigint,
  signal: AbortSignal,
): Promise<{ prepared: Prepared; end: bigint; highWatermark: bigint }> {
  const { topic, sourceTopicId: topicId, partition } = place.assignment;
  const answer = await readPartition(
    { cluster: place.source, topic, topicId, partition, fetchOffset, readCommitted: true },
    signal,
  );
  if (answer.errorCode !== ErrorCode.NONE) throw new FetchRetryError(topic, partition, answer);
  const { records, abortedTransactions, lastStableOffset: end, highWatermark } = answer;
  const prepared = prepareFetched({ records, abortedTransactions, fetchOffset, endOffset: end });
  return { prepared, end, highWatermark };
}

/** With their offsets on the source: a batch that was re-encoded has others. */
function recordsOf({ batch, runs }: Prepared['batches'][number]): ReadRecord[] {
  const offsets = runs.flatMap(({ sourceStart, count }) =>
    Array.from({ length: count }, (_, index) => sourceStart + BigInt(index)),
  );
  return readBatch(batch, PLAIN_BYTES_MAX).map((record, index) => {
    return { ...record, offset: offsets[index]! };
  });
}

/**
 * Whether a count came out right: the last record on the target is the one that was counted last.
 * True as well when the target no longer has it, and so cannot tell.
 */
export async function endsAlike(
  place: AlignmentPlace,
  { sourceLast, targetLast }: { sourceLast: bigint; targetLast: bigint },
  signal: AbortSignal,
): Promise<boolean> {
  const range = { from: targetLast, to: targetLast + 1n };
  for await (const { records, stamped } of targetRecords(place, range, signal)) {
    const [last] = records;
    if (last === undefined) continue;
    const [first] = (await readSource(place, sourceLast, signal)).records;
    if (first?.offset !== sourceLast) return false;
    return contentOf(first.record, !stamped) === contentOf(last, !stamped);
  }
  return true;
}
