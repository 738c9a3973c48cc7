import { SchemaReader } from './schema-reader.js';
import { SchemaWriter } from './schema-writer.js';

/** The layout is described with the records: offset-map-record.ts. */
const KEY_VERSION = 1;

const Kind = {
  ...{ chunk: 1, flow: 2, base: 3, writer: 4, start: 5, promotion: 6, failback: 7 },
  ...{ epoch: 8 },
  ...{ acl: 16, gone: 17, wider: 18, synced: 19 },
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

/** Where a partition's source log was known to be the copied one. The topic is named as on the source. */
export interface EpochKey {
  kind: 'epoch';
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

/** An operator accepted that the target has more partitions. The topic is named as on the source. */
export interface WiderKey {
  kind: 'wider';
  topic: string;
}

/** A group's offset that the flow commits on the target. The topic is named as on the source. */
export interface SyncedKey {
  kind: 'synced';
  group: string;
  topic: string;
  partition: number;
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
  | EpochKey
  | PromotionKey
  | FailbackKey
  | AclKey
  | GoneKey
  | WiderKey
  | SyncedKey;

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
    case 'epoch':
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
    case 'wider':
      return writer.string(key.topic).bytes();
    case 'synced':
      return writer.string(key.group).string(key.topic).int32(key.partition).bytes();
  }
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
    case Kind.epoch:
      return { kind: 'epoch', ...decodePartition(reader) };
    case Kind.promotion:
      return { kind: 'promotion', topic: reader.string('topic') };
    case Kind.failback:
      return { kind: 'failback', flow: reader.string('flow') };
    case Kind.acl:
      return { kind: 'acl', binding: decodeBinding(reader) };
    case Kind.gone:
      return { kind: 'gone', topic: reader.string('topic') };
    case Kind.wider:
      return { kind: 'wider', topic: reader.string('topic') };
    case Kind.synced:
      return { kind: 'synced', group: reader.string('group'), ...decodePartition(reader) };
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
