import { SchemaReader } from './schema-reader.js';
import { SchemaWriter } from './schema-writer.js';

/** MirrorMaker 2's offset sync: one source record and the same record on the target. */
export interface OffsetSync {
  /** The topic's name on the source. */
  topic: string;
  partition: number;
  upstreamOffset: bigint;
  /** The target offset of the same record. */
  downstreamOffset: bigint;
}

/**
 *   key   => topic STRING, partition INT32
 *   value => upstreamOffset INT64, offset INT64        (no version: fixed for ever)
 */
export function encodeOffsetSync(sync: OffsetSync): { key: Buffer; value: Buffer } {
  return {
    key: new SchemaWriter().string(sync.topic).int32(sync.partition).bytes(),
    value: new SchemaWriter().int64(sync.upstreamOffset).int64(sync.downstreamOffset).bytes(),
  };
}

export function decodeOffsetSync(key: Uint8Array, value: Uint8Array): OffsetSync {
  const keyReader = new SchemaReader('OffsetSync key', key);
  const topic = keyReader.string('topic');
  const partition = keyReader.int32('partition');
  keyReader.end();

  const valueReader = new SchemaReader('OffsetSync value', value);
  const upstreamOffset = valueReader.int64('upstreamOffset');
  const downstreamOffset = valueReader.int64('offset');
  valueReader.end();
  return { topic, partition, upstreamOffset, downstreamOffset };
}
