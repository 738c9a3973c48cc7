import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  decodeConnectOffset,
  encodeConnectOffset,
} from '../../../mirror/records/connect-offset.js';

// As the MirrorMaker 2 of Kafka 4.3.0 wrote it in dedicated mode.
const KEY = '["MirrorSourceConnector",{"cluster":"us-east","partition":2,"topic":"orders"}]';

const decode = (key: string, value: string | null) =>
  decodeConnectOffset(Buffer.from(key), value === null ? null : Buffer.from(value));

describe('offsets of Kafka Connect', () => {
  const at = { cluster: 'us-east', topic: 'orders', partition: 2 };

  it('has the bytes that Connect looks for', () => {
    const { key, value } = encodeConnectOffset({ ...at, offset: 41n });
    assert.equal(key.toString(), KEY);
    assert.equal(value.toString(), '{"offset":41}');
  });

  it('reads them, whatever the order and the name of the connector', () => {
    assert.deepEqual(decode(KEY, '{"offset":41}'), { ...at, offset: 41n });
    const other = '["a->b.MirrorSource",{"topic":"orders","partition":2,"cluster":"us-east"}]';
    assert.deepEqual(decode(other, '{"offset":0}'), { ...at, offset: 0n });
  });

  it('knows one that was forgotten', () => {
    assert.deepEqual(decode(KEY, null), { ...at, offset: undefined });
    assert.deepEqual(decode(KEY, '{"offset":null}'), { ...at, offset: undefined });
    assert.deepEqual(decode(KEY, '{"offset":-1}'), { ...at, offset: undefined });
  });

  for (const key of [
    '["MirrorHeartbeatConnector",{"sourceClusterAlias":"a","targetClusterAlias":"b"}]',
    '["MirrorCheckpointConnector",{"group":"g","topic":"t","partition":0}]',
    '["x",{"cluster":"a","partition":-1,"topic":"t"}]',
    '["x",{"cluster":"a","partition":1.5,"topic":"t"}]',
    '["x",{"cluster":1,"partition":1,"topic":"t"}]',
    '["x"]',
    '{}',
    'null',
    '',
    '\xff',
  ]) {
    it(`does not take ${JSON.stringify(key)} for one`, () => {
      assert.equal(decode(key, '{"offset":1}'), undefined);
    });
  }
});
