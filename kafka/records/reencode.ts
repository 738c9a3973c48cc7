import {
  CODEC_MASK,
  LOG_APPEND_TIME_FLAG,
  PAYLOAD_OFFSET,
  attributes,
  baseOffset,
  baseTimestamp,
  lastOffsetDelta,
  maxTimestamp,
  recordCount,
  type BatchHeader,
} from './batch-header.js';
import { assembleBatch, plainPayload, sealBatch } from './build-batch.js';
import { Codec, PLAIN_BYTES_MAX } from './compression.js';
import { ensureBatchCrc } from './crc32c.js';
import { decodeRecords, encodeRecords, type KafkaRecord } from './record-codec.js';
import {
  appendRecords,
  createSink,
  ensureCountFits,
  isExactTimestamp,
  type DeltaRuns,
} from './record-rewriter.js';
import { corrupt } from './varint.js';

export interface ReencodeOptions {
  /** First source offset to keep, inclusive; the whole batch unless told. */
  fromOffset?: bigint;
  /** Last source offset to keep, inclusive. */
  toOffset?: bigint;
  /**
   * Whether a LogAppendTime batch's one timestamp becomes its records' own. True unless told: it is
   * what a consumer of the source reads. False keeps what the producer had set.
   */
  materialiseLogAppendTime?: boolean;
  /** Bytes that the payload may decompress to; PLAIN_BYTES_MAX unless told. */
  plainBytesMax?: number;
}

/** Consecutive source offsets, all of them present. */
export interface SourceRun {
  firstOffset: bigint;
  count: number;
}

export interface ReencodedBatch {
  /** A dense CreateTime batch; its base offset is the first kept record's on the source. */
  batch: Buffer;
  /** Where its records come from, in order. The counts add up to the batch's record count. */
  sourceOffsets: SourceRun[];
}

/**
 * Makes a batch that a broker takes from one that it would refuse or stamp anew: gapped by
 * compaction, wanted only in part, LogAppendTime, or with a delete horizon. Same codec; no flags;
 * producer fields unset. Undefined when no record is left.
 *
 * Checks the CRC first: the new one would hide corruption of the source.
 */
export function reencodeBatch(
  batch: Buffer,
  options: ReencodeOptions = {},
): ReencodedBatch | undefined {
  ensureBatchCrc(batch);
  const payload = plainPayload(batch, options.plainBytesMax ?? PLAIN_BYTES_MAX);
  const exact = isExactTimestamp(baseTimestamp(batch)) && isExactTimestamp(maxTimestamp(batch));
  const plan = planFor(batch, options);
  return exact || plan.flatten
    ? rewriteOnBytes(batch, payload, plan)
    : rewriteOnRecords(batch, payload, plan);
}

interface Plan {
  firstDelta: number;
  lastDelta: number;
  flatten: boolean; // every record gets the batch's maxTimestamp
}

function planFor(batch: Buffer, options: ReencodeOptions): Plan {
  const first = baseOffset(batch);
  const lastDelta = lastOffsetDelta(batch);
  const from = options.fromOffset ?? first;
  const to = options.toOffset ?? first + BigInt(lastDelta);
  const stamped = (attributes(batch) & LOG_APPEND_TIME_FLAG) !== 0;
  return {
    firstDelta: clamp(from - first, 0, lastDelta + 1),
    lastDelta: clamp(to - first, -1, lastDelta),
    flatten: stamped && (options.materialiseLogAppendTime ?? true),
  };
}

/** A distance of offsets as a delta: one beyond the batch's range means none or all of it. */
function clamp(distance: bigint, min: number, max: number): number {
  if (distance < BigInt(min)) return min;
  return distance > BigInt(max) ? max : Number(distance);
}

function rewriteOnBytes(batch: Buffer, payload: Buffer, plan: Plan): ReencodedBatch | undefined {
  const runs: DeltaRuns = { starts: [], counts: [] };
  ensureCountFits(payload, recordCount(batch), baseOffset(batch));
  const sink = createSink(payload.length, recordCount(batch));
  appendRecords(
    sink,
    { payload, recordCount: recordCount(batch), baseOffset: baseOffset(batch), runs },
    {
      firstDelta: plan.firstDelta,
      lastDelta: plan.lastDelta,
      offsetDeltaMax: lastOffsetDelta(batch),
      timestampShift: 0,
      flattenTimestamps: plan.flatten,
    },
  );
  if (sink.count === 0) return undefined;
  const base = plan.flatten ? maxTimestamp(batch) : baseTimestamp(batch);
  const header = headerFor(batch, runs, {
    recordCount: sink.count,
    baseTimestamp: base,
    maxTimestamp: base + BigInt(sink.timestampDeltaMax),
  });
  if ((header.attributes & CODEC_MASK) === Codec.none) {
    const sealed = sealBatch(sink.out.subarray(0, sink.position), header);
    return { batch: sealed, sourceOffsets: sourceRuns(batch, runs) };
  }
  const plain = sink.out.subarray(PAYLOAD_OFFSET, sink.position);
  return { batch: assembleBatch(plain, header), sourceOffsets: sourceRuns(batch, runs) };
}

/** The same with 64-bit arithmetic, for timestamps beyond what a number holds exactly. */
function rewriteOnRecords(batch: Buffer, payload: Buffer, plan: Plan): ReencodedBatch | undefined {
  const runs: DeltaRuns = { starts: [], counts: [] };
  const kept: KafkaRecord[] = [];
  let largest: bigint | undefined;
  let previousDelta = -1;
  for (const record of decodeRecords(payload, recordCount(batch), baseOffset(batch))) {
    const { offsetDelta, timestampDelta } = record;
    if (offsetDelta <= previousDelta || offsetDelta > lastOffsetDelta(batch)) {
      const cursor = { bytes: payload, position: 0, end: 0, baseOffset: baseOffset(batch) };
      throw corrupt(cursor, `offset delta ${offsetDelta} follows ${previousDelta}`);
    }
    previousDelta = offsetDelta;
    if (offsetDelta < plan.firstDelta || offsetDelta > plan.lastDelta) continue;
    addToRuns(runs, offsetDelta);
    kept.push({ ...record, offsetDelta: kept.length });
    // The sum may leave 64 bits and wraps then, as the producer's subtraction did.
    const timestamp = BigInt.asIntN(64, baseTimestamp(batch) + timestampDelta);
    if (largest === undefined || timestamp > largest) largest = timestamp;
  }
  if (largest === undefined) return undefined;
  const header = headerFor(batch, runs, {
    recordCount: kept.length,
    baseTimestamp: baseTimestamp(batch),
    maxTimestamp: largest,
  });
  return {
    batch: assembleBatch(encodeRecords(kept), header),
    sourceOffsets: sourceRuns(batch, runs),
  };
}

function addToRuns(runs: DeltaRuns, delta: number): void {
  const last = runs.starts.length - 1;
  if (last >= 0 && runs.starts[last]! + runs.counts[last]! === delta) runs.counts[last]!++;
  else {
    runs.starts.push(delta);
    runs.counts.push(1);
  }
}

function headerFor(
  batch: Buffer,
  runs: DeltaRuns,
  fields: Pick<BatchHeader, 'recordCount' | 'baseTimestamp' | 'maxTimestamp'>,
): BatchHeader {
  return {
    ...fields,
    baseOffset: baseOffset(batch) + BigInt(runs.starts[0]!),
    attributes: attributes(batch) & CODEC_MASK,
    lastOffsetDelta: fields.recordCount - 1,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
  };
}

function sourceRuns(batch: Buffer, runs: DeltaRuns): SourceRun[] {
  const first = baseOffset(batch);
  return runs.starts.map((start, index) => ({
    firstOffset: first + BigInt(start),
    count: runs.counts[index]!,
  }));
}

/**
 * Splits a batch into dense ones of at most `bytesMax` bytes each, by halving its records until
 * they fit: rare, so simple rather than tight. A record that alone does not fit is a batch of its
 * own: whoever set the limit refuses it. A batch that fits already is re-encoded all the same.
 */
export function splitBatch(
  batch: Buffer,
  bytesMax: number,
  options: ReencodeOptions = {},
): ReencodedBatch[] {
  const whole = reencodeBatch(batch, options);
  if (whole === undefined) return [];
  const records = recordCount(whole.batch);
  if (whole.batch.length <= bytesMax || records === 1) return [whole];
  const middle = nthSourceOffset(whole.sourceOffsets, records >>> 1);
  return [
    ...splitBatch(batch, bytesMax, { ...options, toOffset: middle - 1n }),
    ...splitBatch(batch, bytesMax, { ...options, fromOffset: middle }),
  ];
}

/** The source offset of the record with this index among those of the runs. */
function nthSourceOffset(runs: readonly SourceRun[], index: number): bigint {
  let rest = index;
  for (const run of runs) {
    if (rest < run.count) return run.firstOffset + BigInt(rest);
    rest -= run.count;
  }
  throw new RangeError(`no record ${index}`);
}
