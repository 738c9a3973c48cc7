import { Reader } from '../wire/index.js';
import { WireFormatError } from '../wire/wire-format-error.js';

/** Each partition of it has the groups whose names fall to it; its leader coordinates them. */
export const OFFSETS_TOPIC = '__consumer_offsets';

/**
 * What group coordinators keep in `__consumer_offsets` about committed offsets. Groups of the classic
 * protocol and of the new one (KIP-848) have the same records; those about members and assignments
 * have key versions of their own, and are none of our business.
 *
 *   key   => version INT16 (0 or 1), group STRING, topic STRING, partition INT32
 *   value => version INT16
 *     v0, v2  offset INT64, metadata STRING, commit_timestamp INT64
 *     v1      offset INT64, metadata STRING, commit_timestamp INT64, expire_timestamp INT64
 *     v3      offset INT64, leader_epoch INT32, metadata STRING, commit_timestamp INT64
 *     v4      as v3, with COMPACT_STRING and TAG_BUFFER (KIP-915)
 *
 * A null value deletes: the offset expired, or the group, or somebody deleted it. The layouts are those
 * of Kafka's OffsetCommitKey and OffsetCommitValue.
 */
export interface GroupOffsetKey {
  group: string;
  topic: string;
  partition: number;
}

export interface GroupOffsetValue {
  /** The next record to read. */
  offset: bigint;
  metadata: string;
}

const OFFSET_KEY_VERSION_MAX = 1;
const VALUE_VERSION_MAX = 4;
const LEADER_EPOCH_SINCE = 3;
const FLEXIBLE_SINCE = 4;

/** Undefined for records of another kind. Throws WireFormatError. */
export function decodeGroupOffsetKey(key: Buffer): GroupOffsetKey | undefined {
  const reader = new Reader(key);
  const version = reader.readInt16();
  if (version < 0 || version > OFFSET_KEY_VERSION_MAX) return undefined;
  const group = reader.readString();
  const topic = reader.readString();
  return { group, topic, partition: reader.readInt32() };
}

/** Throws WireFormatError, also for a version that is newer than this. */
export function decodeGroupOffsetValue(value: Buffer): GroupOffsetValue {
  const reader = new Reader(value);
  const version = reader.readInt16();
  if (version < 0 || version > VALUE_VERSION_MAX) {
    throw new WireFormatError('offset commit version', 0, `${version} is not known`);
  }
  const offset = reader.readInt64();
  if (version >= LEADER_EPOCH_SINCE) reader.readInt32();
  const metadata = version >= FLEXIBLE_SINCE ? reader.readCompactString() : reader.readString();
  reader.readInt64(); // when it was committed
  return { offset, metadata };
}
