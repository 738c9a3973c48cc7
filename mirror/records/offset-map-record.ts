/**
 * Records of our own compacted topic on the target, `mm2-offset-map.<source>.internal`: everything
 * a new leader must know about a flow that the target's own logs do not tell. Big-endian, strict.
 *
 *   key => version INT16 (= 1), kind INT8, then by kind
 *     1 chunk   topic STRING, partition INT32, chunk index INT32
 *     2 flow    flow STRING
 *     3 base    topic STRING, partition INT32
 *     4 writer  (nothing: one record in all)
 *     5 start   topic STRING, partition INT32
 *     6 promotion  topic STRING, empty for the whole flow
 *     7 failback   flow STRING
 *     8 epoch   topic STRING, partition INT32
 *     16 acl    resource type INT8, pattern type INT8, resource STRING, principal STRING,
 *               host STRING, operation INT8, permission INT8: Kafka's numbers
 *     17 gone   topic STRING
 *     18 wider  topic STRING
 *     19 synced group STRING, topic STRING, partition INT32
 *   value, null for a deletion
 *     chunk     see offset-map-chunk.ts
 *     flow      version INT16 (= 1), producerId INT64, producerEpoch INT16,
 *               promotedAtMs INT64, completedAtMs INT64
 *     base      version INT16 (= 1), producerEpoch INT16, sequenceBase INT64,
 *               source topic id UUID, target topic id UUID
 *     writer    version INT16 (= 1), term INT64
 *     start     version INT16 (= 1), source offset INT64, target offset INT64
 *     promotion version INT16 (= 1), producerEpochBefore INT16, producerEpoch INT16,
 *               begunAtMs INT64, promotedAtMs INT64, completedAtMs INT64,
 *               counts INT32 and as many group patterns, accepted codes STRING
 *     failback  version INT16 (= 1), phase INT8, startedAtMs INT64, operator STRING,
 *               uncrossed INT64, finishedAtMs INT64
 *     epoch     version INT16 (= 1), source offset INT64, leader epoch INT32 of the record before it
 *     acl       version INT16 (= 1): the flow made this binding on the target, and may remove it
 *     gone      version INT16 (= 1), since INT64: when the topic was first missed on the source
 *     wider     version INT16 (= 1): the target may have more partitions than the source
 *     synced    version INT16 (= 1), count INT32, and as many: source offset INT64, target offset INT64,
 *               target topic id STRING, metadata STRING; the newest last
 */
import { decodeChunk, encodeChunk, type OffsetMapChunk } from '../offset-map-chunk.js';
import { OffsetMapChunkError } from '../offset-map-errors.js';
import { decodeFailbackState, encodeFailbackState, type FailbackState } from './failback-state.js';
import {
  decodeOffsetMapKey,
  encodeOffsetMapKey,
  type AclKey,
  type BaseKey,
  type ChunkKey,
  type EpochKey,
  type FailbackKey,
  type FlowKey,
  type GoneKey,
  type OffsetMapKey,
  type PromotionKey,
  type StartKey,
  type SyncedKey,
  type WiderKey,
  type WriterKey,
} from './offset-map-key.js';
import { SchemaReader } from './schema-reader.js';
import { SchemaWriter } from './schema-writer.js';

const VALUE_VERSION = 1;

export interface FlowProducer {
  producerId: bigint;
  /** Of the last fence, if there was one: whoever has a lower one cannot append any more. */
  producerEpoch: number;
  /** Wall clock of the fence that ended the copying, in ms since 1970; -1: not promoted. */
  promotedAtMs: bigint;
  /** When the groups, too, had been moved and verified; -1: not yet. */
  completedAtMs: bigint;
}

export interface SequenceBase {
  producerEpoch: number;
  /** A batch for target offset T has the base sequence (T - sequenceBase) mod 2^31. */
  sequenceBase: bigint;
  /** Topic ids tell a topic that was deleted and recreated from the one that was mapped. */
  sourceTopicId: string;
  targetTopicId: string;
}

export interface WriterTerm {
  term: bigint;
}

/** The first record at or after `sourceOffset` comes at `targetOffset`. */
export interface StartPair {
  sourceOffset: bigint;
  targetOffset: bigint;
}

/** The source's record before `offset` had this leader epoch when it was copied. */
export interface EpochMark {
  offset: bigint;
  epoch: number;
}

export interface PromotionMark {
  /** Of the flow when it began: a mark of the whole flow is void once that is another one. */
  producerEpochBefore: number;
  /** Of the fence; -1: not fenced yet. Of the whole flow the flow's own record tells. */
  producerEpoch: number;
  /** Wall clock, ms since 1970; from here on there is no way back. */
  begunAtMs: bigint;
  /** Of the fence; -1: not yet. */
  promotedAtMs: bigint;
  /** When the groups had been moved and verified; -1: not yet. */
  completedAtMs: bigint;
  /** Regular expressions of the groups to move; empty for all. */
  groups: readonly string[];
  /** Codes of what stood in the way and was accepted, for whoever ends what another began. */
  accept: readonly string[];
}

/** Nothing but that there is a record: an ACL is ours, a wider topic is accepted. */
export type Mark = Record<never, never>;

export interface GoneTopic {
  /** Wall clock, in ms since 1970. */
  sinceMs: bigint;
}

/** A commit on the target that was sent, or was about to be: whether it came there, nobody may know. */
export interface SyncAttempt {
  /** What the target offset was translated from. */
  sourceOffset: bigint;
  targetOffset: bigint;
  /** Of the topic on the target; empty if there was none yet. */
  targetTopicId: string;
  /** As committed. */
  metadata: string;
}

/** A record by kind; without a value it deletes what its key names. */
export type OffsetMapRecord =
  | (ChunkKey & { value: OffsetMapChunk | undefined })
  | (FlowKey & { value: FlowProducer | undefined })
  | (BaseKey & { value: SequenceBase | undefined })
  | (WriterKey & { value: WriterTerm | undefined })
  | (StartKey & { value: StartPair | undefined })
  | (EpochKey & { value: EpochMark | undefined })
  | (PromotionKey & { value: PromotionMark | undefined })
  | (FailbackKey & { value: FailbackState | undefined })
  | (AclKey & { value: Mark | undefined })
  | (GoneKey & { value: GoneTopic | undefined })
  | (WiderKey & { value: Mark | undefined })
  | (SyncedKey & { value: readonly SyncAttempt[] | undefined });

export function encodeOffsetMapRecord(record: OffsetMapRecord): {
  key: Buffer;
  value: Buffer | null;
} {
  return { key: encodeOffsetMapKey(record), value: encodeValue(record) };
}

function encodeValue(record: OffsetMapRecord): Buffer | null {
  if (record.value === undefined) return null;
  if (record.kind === 'chunk') return encodeChunk(record.value);

  const writer = new SchemaWriter().int16(VALUE_VERSION);
  switch (record.kind) {
    case 'flow':
      return writer
        .int64(record.value.producerId)
        .int16(record.value.producerEpoch)
        .int64(record.value.promotedAtMs)
        .int64(record.value.completedAtMs)
        .bytes();
    case 'base':
      return writer
        .int16(record.value.producerEpoch)
        .int64(record.value.sequenceBase)
        .uuid(record.value.sourceTopicId)
        .uuid(record.value.targetTopicId)
        .bytes();
    case 'writer':
      return writer.int64(record.value.term).bytes();
    case 'promotion':
      return encodePromotion(writer, record.value);
    case 'failback':
      return encodeFailbackState(writer, record.value);
    case 'start':
      return writer.int64(record.value.sourceOffset).int64(record.value.targetOffset).bytes();
    case 'epoch':
      return writer.int64(record.value.offset).int32(record.value.epoch).bytes();
    case 'acl':
    case 'wider':
      return writer.bytes();
    case 'gone':
      return writer.int64(record.value.sinceMs).bytes();
    case 'synced':
      return encodeAttempts(writer, record.value);
  }
}

function encodePromotion(writer: SchemaWriter, mark: PromotionMark): Buffer {
  writer.int16(mark.producerEpochBefore).int16(mark.producerEpoch);
  writer.int64(mark.begunAtMs).int64(mark.promotedAtMs).int64(mark.completedAtMs);
  for (const list of [mark.groups, mark.accept]) {
    writer.int32(list.length);
    for (const each of list) writer.string(each);
  }
  return writer.bytes();
}

function decodePromotion(reader: SchemaReader): PromotionMark {
  const producerEpochBefore = reader.int16('producerEpochBefore');
  const producerEpoch = reader.int16('producerEpoch');
  const begunAtMs = reader.int64('begunAtMs');
  const promotedAtMs = reader.int64('promotedAtMs');
  const completedAtMs = reader.int64('completedAtMs');
  const lists = { groups: decodeStrings(reader, 'group'), accept: decodeStrings(reader, 'code') };
  const epochs = { producerEpochBefore, producerEpoch };
  return { ...epochs, begunAtMs, promotedAtMs, completedAtMs, ...lists };
}

function decodeStrings(reader: SchemaReader, what: string): string[] {
  const strings: string[] = [];
  const count = reader.int32(`${what} count`);
  // Each takes a byte at least: the reader's end bounds what a wrong count can do.
  for (let index = 0; index < count; index += 1) strings.push(reader.string(what));
  return strings;
}

function encodeAttempts(writer: SchemaWriter, attempts: readonly SyncAttempt[]): Buffer {
  writer.int32(attempts.length);
  for (const { sourceOffset, targetOffset, targetTopicId, metadata } of attempts) {
    writer.int64(sourceOffset).int64(targetOffset).string(targetTopicId).string(metadata);
  }
  return writer.bytes();
}

function decodeAttempts(reader: SchemaReader): SyncAttempt[] {
  const attempts: SyncAttempt[] = [];
  const count = reader.int32('attempt count');
  for (let index = 0; index < count; index += 1) {
    const sourceOffset = reader.int64('source offset');
    const targetOffset = reader.int64('target offset');
    const targetTopicId = reader.string('target topic id');
    attempts.push({
      sourceOffset,
      targetOffset,
      targetTopicId,
      metadata: reader.string('metadata'),
    });
  }
  return attempts;
}

/** Throws RecordFormatError for bytes that encodeOffsetMapRecord() would not have written. */
export function decodeOffsetMapRecord(
  keyBytes: Uint8Array,
  valueBytes: Uint8Array | null,
): OffsetMapRecord {
  const key = decodeOffsetMapKey(keyBytes);
  if (valueBytes === null) return { ...key, value: undefined };

  const reader = new SchemaReader(`offset map ${key.kind}`, valueBytes);
  if (key.kind === 'chunk') return { ...key, value: decodeChunkValue(reader, valueBytes) };

  reader.version(VALUE_VERSION);
  const record = decodeValue(reader, key);
  reader.end();
  return record;
}

function decodeValue(reader: SchemaReader, key: Exclude<OffsetMapKey, ChunkKey>): OffsetMapRecord {
  switch (key.kind) {
    case 'flow': {
      const producerId = reader.int64('producerId');
      const producerEpoch = reader.int16('producerEpoch');
      const promotedAtMs = reader.int64('promotedAtMs');
      const completedAtMs = reader.int64('completedAtMs');
      return { ...key, value: { producerId, producerEpoch, promotedAtMs, completedAtMs } };
    }
    case 'base': {
      const producerEpoch = reader.int16('producerEpoch');
      const sequenceBase = reader.int64('sequenceBase');
      const sourceTopicId = reader.uuid('source topic id');
      const targetTopicId = reader.uuid('target topic id');
      return { ...key, value: { producerEpoch, sequenceBase, sourceTopicId, targetTopicId } };
    }
    case 'promotion':
      return { ...key, value: decodePromotion(reader) };
    case 'writer':
      return { ...key, value: { term: reader.int64('term') } };
    case 'failback':
      return { ...key, value: decodeFailbackState(reader) };
    case 'start': {
      const sourceOffset = reader.int64('source offset');
      return { ...key, value: { sourceOffset, targetOffset: reader.int64('target offset') } };
    }
    case 'epoch': {
      const offset = reader.int64('offset');
      return { ...key, value: { offset, epoch: reader.int32('epoch') } };
    }
    case 'acl':
    case 'wider':
      return { ...key, value: {} };
    case 'gone':
      return { ...key, value: { sinceMs: reader.int64('since') } };
    case 'synced':
      return { ...key, value: decodeAttempts(reader) };
  }
}

function decodeChunkValue(reader: SchemaReader, bytes: Uint8Array): OffsetMapChunk {
  try {
    return decodeChunk(bytes);
  } catch (cause) {
    if (!(cause instanceof OffsetMapChunkError)) throw cause;
    throw reader.error(cause.message, { cause });
  }
}
