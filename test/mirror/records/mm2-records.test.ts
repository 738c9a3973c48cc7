import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decodeCheckpoint,
  decodeCheckpointKey,
  encodeCheckpoint,
} from '../../../mirror/records/checkpoint.js';
import { decodeHeartbeat, encodeHeartbeat } from '../../../mirror/records/heartbeat.js';
import { decodeOffsetSync, encodeOffsetSync } from '../../../mirror/records/offset-sync.js';
import { RecordFormatError } from '../../../mirror/records/record-format-error.js';

// The golden bytes are written by hand from the Schema declarations of Apache Kafka's
// connect/mirror-client: big-endian, STRING as INT16 length and UTF-8. The classes OffsetSync,
// Checkpoint and Heartbeat of Kafka 4.3.0 wrote the same bytes for the same fields.
const SYNC_KEY = '0006' + '6f7264657273' + '00000003';
const SYNC_VALUE = '0000000000000064' + '000000000000002a';
const CHECKPOINT_KEY = '0003' + '617070' + '0009' + '75732e6f7264657273' + '00000003';
const CHECKPOINT_VALUE = '0000' + '0000000100000000' + '000000000000002a' + '0001' + '78';
const HEARTBEAT_KEY = '0007' + '75732d65617374' + '0007' + '75732d77657374';
const HEARTBEAT_VALUE = '0000' + '0000018bcfe56800';

const SYNC = { topic: 'orders', partition: 3, upstreamOffset: 100n, downstreamOffset: 42n };
const CHECKPOINT = {
  group: 'app',
  topic: 'us.orders',
  partition: 3,
  upstreamOffset: 4_294_967_296n,
  downstreamOffset: 42n,
  metadata: 'x',
};
const HEARTBEAT = {
  sourceClusterAlias: 'us-east',
  targetClusterAlias: 'us-west',
  timestampMs: 1_700_000_000_000n,
};

function hex(record: { key: Buffer; value: Buffer }): { key: string; value: string } {
  return { key: record.key.toString('hex'), value: record.value.toString('hex') };
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

describe('MirrorMaker 2 records', () => {
  it('OffsetSync has its bytes', () => {
    assert.deepEqual(hex(encodeOffsetSync(SYNC)), { key: SYNC_KEY, value: SYNC_VALUE });
    assert.deepEqual(decodeOffsetSync(bytes(SYNC_KEY), bytes(SYNC_VALUE)), SYNC);
  });

  it('Checkpoint has its bytes', () => {
    const expected = { key: CHECKPOINT_KEY, value: CHECKPOINT_VALUE };
    assert.deepEqual(hex(encodeCheckpoint(CHECKPOINT)), expected);
    assert.deepEqual(decodeCheckpoint(bytes(CHECKPOINT_KEY), bytes(CHECKPOINT_VALUE)), CHECKPOINT);
    const { group, topic, partition } = CHECKPOINT;
    assert.deepEqual(decodeCheckpointKey(bytes(CHECKPOINT_KEY)), { group, topic, partition });
  });

  it('Heartbeat has its bytes', () => {
    const expected = { key: HEARTBEAT_KEY, value: HEARTBEAT_VALUE };
    assert.deepEqual(hex(encodeHeartbeat(HEARTBEAT)), expected);
    assert.deepEqual(decodeHeartbeat(bytes(HEARTBEAT_KEY), bytes(HEARTBEAT_VALUE)), HEARTBEAT);
  });

  it('negative offsets and names outside ASCII survive', () => {
    const sync = { topic: 'bücher-日本', partition: 0, upstreamOffset: -1n, downstreamOffset: -1n };
    const { key, value } = encodeOffsetSync(sync);

    assert.deepEqual(decodeOffsetSync(key, value), sync);
  });

  for (const [name, decode, key, value] of [
    ['OffsetSync', decodeOffsetSync, SYNC_KEY, SYNC_VALUE],
    ['Checkpoint', decodeCheckpoint, CHECKPOINT_KEY, CHECKPOINT_VALUE],
    ['Heartbeat', decodeHeartbeat, HEARTBEAT_KEY, HEARTBEAT_VALUE],
  ] as const) {
    it(`${name} of any other length is refused`, () => {
      for (let end = 0; end < key.length; end += 2) {
        assert.throws(() => decode(bytes(key.slice(0, end)), bytes(value)), RecordFormatError);
      }
      for (let end = 0; end < value.length; end += 2) {
        assert.throws(() => decode(bytes(key), bytes(value.slice(0, end))), RecordFormatError);
      }
      assert.throws(() => decode(bytes(key + '00'), bytes(value)), RecordFormatError);
      assert.throws(() => decode(bytes(key), bytes(value + '00')), RecordFormatError);
    });

    it(`${name} with a negative string length is refused`, () => {
      const hostile = bytes('ffff' + key.slice(4));
      assert.throws(() => decode(hostile, bytes(value)), /length -1/);
    });

    it(`${name} with a name that is not UTF-8 is refused`, () => {
      const hostile = bytes(key.slice(0, 4) + 'ff' + key.slice(6));
      assert.throws(() => decode(hostile, bytes(value)), /not UTF-8/);
    });
  }

  it('another version of Checkpoint or Heartbeat is refused, with a typed error', () => {
    const isTyped = (error: unknown): boolean =>
      error instanceof RecordFormatError &&
      error.code === 'MIRROR_RECORD_FORMAT' &&
      /version 1, not 0/.test(error.message);
    const checkpoint = bytes('0001' + CHECKPOINT_VALUE.slice(4));
    const heartbeat = bytes('0001' + HEARTBEAT_VALUE.slice(4));

    assert.throws(() => decodeCheckpoint(bytes(CHECKPOINT_KEY), checkpoint), isTyped);
    assert.throws(() => decodeHeartbeat(bytes(HEARTBEAT_KEY), heartbeat), isTyped);
  });
});
