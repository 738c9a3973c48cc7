/**
 * Where Kafka Connect keeps how far MirrorMaker 2 has copied: JSON in `mm2-offsets.<source>.internal`.
 *
 *   key   => ["MirrorSourceConnector",{"cluster":"us-east","partition":0,"topic":"orders"}]
 *   value => {"offset":41}, the last source offset that is certainly on the target
 */

/** Of dedicated mode; a Connect cluster may call it something else. */
export const MIRROR_SOURCE_CONNECTOR = 'MirrorSourceConnector';

export interface ConnectOffset {
  /** Alias of the source. */
  cluster: string;
  /** As on the source. */
  topic: string;
  partition: number;
  /** Undefined: forgotten, or set back by a person. */
  offset: bigint | undefined;
}

/** Undefined for what another connector keeps there; nothing is guessed from what is malformed. */
export function decodeConnectOffset(
  key: Uint8Array,
  value: Uint8Array | null,
): ConnectOffset | undefined {
  const keyJson = parse(key);
  if (!Array.isArray(keyJson) || keyJson.length !== 2) return undefined;
  const place: unknown = keyJson[1];
  if (!isObject(place)) return undefined;
  const { cluster, topic, partition } = place;
  if (typeof cluster !== 'string' || typeof topic !== 'string') return undefined;
  if (!Number.isSafeInteger(partition) || Number(partition) < 0) return undefined;
  const at = { cluster, topic, partition: Number(partition) };
  const valueJson = value === null ? undefined : parse(value);
  const offset = isObject(valueJson) ? valueJson['offset'] : undefined;
  const isOffset = Number.isSafeInteger(offset) && Number(offset) >= 0;
  return { ...at, offset: isOffset ? BigInt(Number(offset)) : undefined };
}

/**
 * The members of the key in the order of Connect's own JSON: it finds what it wrote by the key's
 * bytes, and would take another order for another key.
 */
export function encodeConnectOffset(at: ConnectOffset & { offset: bigint }): {
  key: Buffer;
  value: Buffer;
} {
  const { cluster, partition, topic, offset } = at;
  return {
    key: Buffer.from(JSON.stringify([MIRROR_SOURCE_CONNECTOR, { cluster, partition, topic }])),
    value: Buffer.from(`{"offset":${offset}}`),
  };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
