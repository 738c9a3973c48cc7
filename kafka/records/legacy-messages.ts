import { crc32 } from '@node-rs/crc32';
import {
  BATCH_OVERHEAD,
  CODEC_MASK,
  LOG_APPEND_TIME_FLAG,
  baseOffset,
  magic,
} from './batch-header.js';
import { splitBatches } from './batch-splitter.js';
import { buildBatch, type NewRecord } from './build-batch.js';
import { Codec, PLAIN_BYTES_MAX, decompress } from './compression.js';
import { CorruptBatchError, DecompressionError } from './errors.js';
import { withRightHeaderChecksum } from './lz4-legacy-frame.js';

/**
 * Messages of magic 0 and 1, as brokers before 0.11 wrote them and logs may hold to this day.
 *
 *   offset INT64 | size INT32 | crc INT32 | magic INT8 | attributes INT8 | [magic 1: timestamp INT64]
 *   | key BYTES | value BYTES
 *
 * The CRC-32 (IEEE, not Castagnoli) covers magic to end. Attributes: codec in bits 0 to 2, and in
 * magic 1 the timestamp type in bit 3. With a codec, the value is a message set of its own. Its
 * wrapper has the offset of the last inner message; inner offsets are absolute in magic 0, and count
 * from the set's first offset in magic 1. There are no headers and no producers.
 */
const CRC_OFFSET = BATCH_OVERHEAD;
const MAGIC_OFFSET = CRC_OFFSET + 4;
const ATTRIBUTES_OFFSET = MAGIC_OFFSET + 1;
const BODY_OFFSET = ATTRIBUTES_OFFSET + 1; // the timestamp in magic 1, the key in magic 0
const TIMESTAMP_BYTES = 8;

/** What Kafka gives a record that has no timestamp. */
const NO_TIMESTAMP = -1n;

/** Messages without a codec are gathered into batches of about this size. */
const GATHERED_BYTES_MAX = 256 * 1024;

/** Offset deltas are 32 bits; a gap beyond this begins a new batch. */
const OFFSET_DELTA_MAX = 2n ** 31n - 1n;

interface Message {
  magic: number;
  offset: bigint;
  codec: number;
  stamped: boolean; // by the broker: LogAppendTime
  timestamp: bigint;
  key: Buffer | null;
  value: Buffer | null;
}

interface LegacyRecord extends NewRecord {
  offset: bigint;
}

/**
 * The same records as v2 batches, in order, with their offsets, gaps and timestamps: as if the source
 * had written them so. A compressed set becomes one batch of its codec; single messages are gathered.
 * Throws CorruptBatchError at a message whose CRC or structure is wrong, after all before it.
 */
export function* convertLegacyMessages(
  messages: readonly Buffer[],
  plainBytesMax: number = PLAIN_BYTES_MAX,
): Generator<Buffer> {
  let gathered: LegacyRecord[] = [];
  let gatheredBytes = 0;
  for (const bytes of messages) {
    const isSingle = codecOf(bytes) === Codec.none && hasRightCrc(bytes);
    const first = gathered[0];
    const joins =
      isSingle &&
      gatheredBytes + bytes.length <= GATHERED_BYTES_MAX &&
      (first === undefined || baseOffset(bytes) - first.offset <= OFFSET_DELTA_MAX);
    if (first !== undefined && !joins) {
      yield toBatch(gathered, Codec.none);
      gathered = [];
      gatheredBytes = 0;
    }
    const message = readMessage(bytes);
    if (isSingle) {
      gathered.push(message);
      gatheredBytes += bytes.length;
    } else yield toBatch(unwrap(message, plainBytesMax), message.codec);
  }
  if (gathered.length > 0) yield toBatch(gathered, Codec.none);
}

function toBatch(records: readonly LegacyRecord[], codec: number): Buffer {
  const first = records[0]!.offset;
  let previous = -1n;
  const placed = records.map((record) => {
    const { offset, key, value, timestamp } = record;
    const delta = offset - first;
    if (delta <= previous || delta > OFFSET_DELTA_MAX) {
      throw new CorruptBatchError(first, `offset ${offset} follows ${first + previous}`);
    }
    previous = delta;
    return { key, value, timestamp, offsetDelta: Number(delta) };
  });
  return buildBatch({ records: placed, codec, baseOffset: first });
}

/** The records of a compressed set; rules as in AbstractLegacyRecordBatch of Kafka's clients. */
function unwrap(wrapper: Message, plainBytesMax: number): LegacyRecord[] {
  const { offset, value } = wrapper;
  if (value === null) throw new CorruptBatchError(offset, 'a compressed set has no value');
  const { batches, truncatedBytes } = splitBatches(plainSet(wrapper, value, plainBytesMax));
  const inner = batches.map(readMessage);
  const last = inner.at(-1);
  if (last === undefined || truncatedBytes > 0) {
    throw new CorruptBatchError(offset, 'a compressed set is empty or cut short');
  }
  // Some versions of librdkafka left the wrapper's offset at 0: then, too, offsets are absolute.
  const first = wrapper.magic === 1 && offset !== 0n ? offset - last.offset : 0n;
  if (first < 0n) {
    throw new CorruptBatchError(offset, `its last inner message has offset ${last.offset}`);
  }
  return inner.map((message) => {
    if (message.codec !== Codec.none) {
      throw new CorruptBatchError(offset, 'a compressed set holds a compressed message');
    }
    const timestamp =
      wrapper.stamped && message.magic === 1 ? wrapper.timestamp : message.timestamp;
    return { ...message, timestamp, offset: first + message.offset };
  });
}

function plainSet(wrapper: Message, value: Buffer, plainBytesMax: number): Buffer {
  const { codec, offset } = wrapper;
  const broken = wrapper.magic === 0 && codec === Codec.lz4;
  if (codec > Codec.lz4)
    throw new CorruptBatchError(offset, `format 0 and 1 have no codec ${codec}`);
  try {
    return decompress(codec, broken ? withRightHeaderChecksum(value) : value, plainBytesMax);
  } catch (cause) {
    if (!(cause instanceof DecompressionError)) throw cause;
    throw new CorruptBatchError(offset, cause.message, { cause });
  }
}

function readMessage(bytes: Buffer): Message {
  const offset = baseOffset(bytes);
  const version = magic(bytes);
  if (version > 1)
    throw new CorruptBatchError(offset, `magic ${version} in a set of format 0 or 1`);
  if (!hasRightCrc(bytes)) {
    throw new CorruptBatchError(offset, 'its CRC does not match its bytes');
  }
  const attributes = bytes.readUInt8(ATTRIBUTES_OFFSET);
  const keyAt = BODY_OFFSET + (version === 1 ? TIMESTAMP_BYTES : 0);
  const key = readField(bytes, keyAt, offset);
  const value = readField(bytes, key.end, offset);
  if (value.end !== bytes.length) throw new CorruptBatchError(offset, 'bytes follow its value');
  return {
    magic: version,
    offset,
    codec: codecOf(bytes),
    stamped: version === 1 && (attributes & LOG_APPEND_TIME_FLAG) !== 0,
    timestamp: version === 1 ? bytes.readBigInt64BE(BODY_OFFSET) : NO_TIMESTAMP,
    key: key.bytes,
    value: value.bytes,
  };
}

function hasRightCrc(bytes: Buffer): boolean {
  return crc32(bytes.subarray(MAGIC_OFFSET)) >>> 0 === bytes.readUInt32BE(CRC_OFFSET);
}

function codecOf(bytes: Buffer): number {
  return bytes.readUInt8(ATTRIBUTES_OFFSET) & CODEC_MASK;
}

function readField(
  bytes: Buffer,
  position: number,
  offset: bigint,
): { bytes: Buffer | null; end: number } {
  const start = position + 4;
  if (start > bytes.length) throw new CorruptBatchError(offset, 'it is cut short');
  const length = bytes.readInt32BE(position);
  if (length === -1) return { bytes: null, end: start };
  const end = start + length;
  if (length < 0 || end > bytes.length) {
    throw new CorruptBatchError(offset, `a field claims ${length} bytes`);
  }
  return { bytes: bytes.subarray(start, end), end };
}
