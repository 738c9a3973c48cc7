import { SchemaReader } from './schema-reader.js';
import { SchemaWriter } from './schema-writer.js';

const CHECKPOINT_VERSION = 0;

/** Which committed offset a checkpoint is about: the identity of the record on the topic. */
export interface CheckpointKey {
  group: string;
  /** The topic's name on the target, as the replication policy renamed it. */
  topic: string;
  partition: number;
}

/** MirrorMaker 2's checkpoint: a group's committed source offset and its translation. */
export interface Checkpoint extends CheckpointKey {
  upstreamOffset: bigint;
  /** Where the group goes on reading on the target. */
  downstreamOffset: bigint;
  metadata: string;
}

/** key => group STRING, topic STRING, partition INT32. With a null value: the deletion of one. */
export function encodeCheckpointKey(key: CheckpointKey): Buffer {
  return new SchemaWriter().string(key.group).string(key.topic).int32(key.partition).bytes();
}

/** value => version INT16 (= 0), upstreamOffset INT64, offset INT64, metadata STRING */
export function encodeCheckpoint(checkpoint: Checkpoint): { key: Buffer; value: Buffer } {
  return {
    key: encodeCheckpointKey(checkpoint),
    value: new SchemaWriter()
      .int16(CHECKPOINT_VERSION)
      .int64(checkpoint.upstreamOffset)
      .int64(checkpoint.downstreamOffset)
      .string(checkpoint.metadata)
      .bytes(),
  };
}

export function decodeCheckpointKey(key: Uint8Array): CheckpointKey {
  const reader = new SchemaReader('Checkpoint key', key);
  const group = reader.string('group');
  const topic = reader.string('topic');
  const partition = reader.int32('partition');
  reader.end();
  return { group, topic, partition };
}

export function decodeCheckpoint(key: Uint8Array, value: Uint8Array): Checkpoint {
  const reader = new SchemaReader('Checkpoint value', value);
  reader.version(CHECKPOINT_VERSION);
  const upstreamOffset = reader.int64('upstreamOffset');
  const downstreamOffset = reader.int64('offset');
  const metadata = reader.string('metadata');
  reader.end();
  return { ...decodeCheckpointKey(key), upstreamOffset, downstreamOffset, metadata };
}
