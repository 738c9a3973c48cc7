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
 *     16 acl    resource type INT8, pattern type INT8, resource STRING, principal STRING,
 *               host STRING, operation INT8, permission INT8: Kafka's numbers
 *     17 gone   topic STRING
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
 *     acl       version INT16 (= 1): the flow made this binding on the target, and may remove it
 *     gone      version INT16 (= 1), since INT64: when the topic was first missed on the source
 */
import { decodeChunk, encodeChunk, type OffsetMapChunk } from '../offset-map-chunk.js';
import { OffsetMapChunkError } from '../offset-map-errors.js';
import { decodeFailbackState, encodeFailbackState, type FailbackState } from './failback-state.js';
import { SchemaReader } from './schema-reader.js';
import { SchemaWriter } from './schema-writer.js';

const KEY_VERSION = 1;
const VALUE_VERSION = 1;

const Kind = {
  ...{ chunk: 1, flow: 2, base: 3, writer: 4, start: 5, promotion: 6, failback: 7 },
  ...{ acl: 16, gone: 17 },
} as const;

/** Part of one partition's offset map. The topic is named as on the source. */
export interface ChunkKey {
  kind: 'chunk';
  topic: string;
  partition: number;
  chunkIndex: number;
}

/** The producer id a flow owns on the target. */
export interface FlowKey {
  kind: 'flow';
  flow: string;
}

/** What positioned append to one partition is based on. The topic is named as on the source. */
export interface BaseKey {
  kind: 'base';
  topic: string;
  partition: number;
}

/** The leader that writes this topic: whoever reads a higher term than its own must stop. */
export interface WriterKey {
  kind: 'writer';
}

/** Where a partition's copy goes on without any record yet. The topic is named as on the source. */
export interface StartKey {
  kind: 'start';
  topic: string;
  partition: number;
}

/** A promotion from its begin on: of one topic as on the source, or of the whole flow if empty. */
export interface PromotionKey {
  kind: 'promotion';
  topic: string;
}

/** How far the failback of a flow has come. */
export interface FailbackKey {
  kind: 'failback';
  flow: string;
}

/** A binding that the flow made on the target. */
export interface AclKey {
  kind: 'acl';
  binding: OwnedBinding;
}

/** A topic that the source no longer has. It is named as on the source. */
export interface GoneKey {
  kind: 'gone';
  topic: string;
}

/** One ACL binding, with Kafka's numbers. */
export interface OwnedBinding {
  resourceType: number;
  resourceName: string;
  patternType: number;
  principal: string;
  host: string;
  operation: number;
  permission: number;
}

export type OffsetMapKey =
  | ChunkKey
  | FlowKey
  | BaseKey
  | WriterKey
  | StartKey
  | PromotionKey
  | FailbackKey
  | AclKey
  | GoneKey;

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

/** Nothing but that it is ours. */
export type OwnedAcl = Record<never, never>;

export interface GoneTopic {
  /** Wall clock, in ms since 1970. */
  sinceMs: bigint;
}

/** A record by kind; without a value it deletes what its key names. */
export type OffsetMapRecord =
  | (ChunkKey & { value: OffsetMapChunk | undefined })
  | (FlowKey & { value: FlowProducer | undefined })
  | (BaseKey & { value: SequenceBase | undefined })
  | (WriterKey & { value: WriterTerm | undefined })
  | (StartKey & { value: StartPair | undefined })
  | (PromotionKey & { value: PromotionMark | undefined })
  | (FailbackKey & { value: FailbackState | undefined })
  | (AclKey & { value: OwnedAcl | undefined })
  | (GoneKey & { value: GoneTopic | undefined });

export function encodeOffsetMapKey(key: OffsetMapKey): Buffer {
  const writer = new SchemaWriter().int16(KEY_VERSION).int8(Kind[key.kind]);
  switch (key.kind) {
    case 'chunk':
      return writer.string(key.topic).int32(key.partition).int32(key.chunkIndex).bytes();
    case 'flow':
    case 'failback':
      return writer.string(key.flow).bytes();
    case 'base':
    case 'start':
      return writer.string(key.topic).int32(key.partition).bytes();
    case 'promotion':
      return writer.string(key.topic).bytes();
    case 'writer':
      return writer.bytes();
    case 'acl': {
      const { resourceType, patternType, resourceName, ...entry } = key.binding;
      const resource = writer.int8(resourceType).int8(patternType).string(resourceName);
      const subject = resource.string(entry.principal).string(entry.host);
      return subject.int8(entry.operation).int8(entry.permission).bytes();
    }
    case 'gone':
      return writer.string(key.topic).bytes();
  }
}

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
    case 'acl':
      return writer.bytes();
    case 'gone':
      return writer.int64(record.value.sinceMs).bytes();
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

export function decodeOffsetMapKey(bytes: Uint8Array): OffsetMapKey {
  const reader = new SchemaReader('offset map key', bytes);
  reader.version(KEY_VERSION);
  const key = decodeKeyOfKind(reader, reader.int8('kind'));
  reader.end();
  return key;
}

function decodeKeyOfKind(reader: SchemaReader, kind: number): OffsetMapKey {
  switch (kind) {
    case Kind.chunk: {
      const { topic, partition } = decodePartition(reader);
      const chunkIndex = reader.int32('chunk index');
      if (chunkIndex < 0) throw reader.error(`chunk index ${chunkIndex}`);
      return { kind: 'chunk', topic, partition, chunkIndex };
    }
    case Kind.flow:
      return { kind: 'flow', flow: reader.string('flow') };
    case Kind.base:
      return { kind: 'base', ...decodePartition(reader) };
    case Kind.writer:
      return { kind: 'writer' };
    case Kind.start:
      return { kind: 'start', ...decodePartition(reader) };
    case Kind.promotion:
      return { kind: 'promotion', topic: reader.string('topic') };
    case Kind.failback:
      return { kind: 'failback', flow: reader.string('flow') };
    case Kind.acl:
      return { kind: 'acl', binding: decodeBinding(reader) };
    case Kind.gone:
      return { kind: 'gone', topic: reader.string('topic') };
    default:
      throw reader.error(`kind ${kind}`);
  }
}

function decodeBinding(reader: SchemaReader): OwnedBinding {
  const resourceType = reader.int8('resource type');
  const patternType = reader.int8('pattern type');
  const resourceName = reader.string('resource');
  const principal = reader.string('principal');
  const host = reader.string('host');
  const operation = reader.int8('operation');
  const permission = reader.int8('permission');
  return { resourceType, patternType, resourceName, principal, host, operation, permission };
}

function decodePartition(reader: SchemaReader): { topic: string; partition: number } {
  const topic = reader.string('topic');
  const partition = reader.int32('partition');
  if (partition < 0) throw reader.error(`partition ${partition}`);
  return { topic, partition };
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
    case 'acl':
      return { ...key, value: {} };
    case 'gone':
      return { ...key, value: { sinceMs: reader.int64('since') } };
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
