import { SchemaReader } from './schema-reader.js';
import { SchemaWriter } from './schema-writer.js';

const HEARTBEAT_VERSION = 0;

/** MirrorMaker 2's heartbeat: proof that something writes to a cluster, and when it last did. */
export interface Heartbeat {
  sourceClusterAlias: string;
  targetClusterAlias: string;
  /** Milliseconds since 1970 by the emitter's wall clock. */
  timestampMs: bigint;
}

/**
 *   key   => sourceClusterAlias STRING, targetClusterAlias STRING
 *   value => version INT16 (= 0), timestamp INT64
 */
export function encodeHeartbeat(heartbeat: Heartbeat): { key: Buffer; value: Buffer } {
  return {
    key: new SchemaWriter()
      .string(heartbeat.sourceClusterAlias)
      .string(heartbeat.targetClusterAlias)
      .bytes(),
    value: new SchemaWriter().int16(HEARTBEAT_VERSION).int64(heartbeat.timestampMs).bytes(),
  };
}

export function decodeHeartbeat(key: Uint8Array, value: Uint8Array): Heartbeat {
  const keyReader = new SchemaReader('Heartbeat key', key);
  const sourceClusterAlias = keyReader.string('sourceClusterAlias');
  const targetClusterAlias = keyReader.string('targetClusterAlias');
  keyReader.end();

  const valueReader = new SchemaReader('Heartbeat value', value);
  valueReader.version(HEARTBEAT_VERSION);
  const timestampMs = valueReader.int64('timestamp');
  valueReader.end();
  return { sourceClusterAlias, targetClusterAlias, timestampMs };
}
