import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  decodeGroupOffsetKey,
  decodeGroupOffsetValue,
} from '../../../kafka/records/group-offset-record.js';
import { Writer } from '../../../kafka/wire/index.js';
import { WireFormatError } from '../../../kafka/wire/wire-format-error.js';

const key = (version: number): Buffer =>
  new Writer().writeInt16(version).writeString('g').writeString('orders').writeInt32(3).toBuffer();

describe('group offset records', () => {
  it('has one key for both of its versions', () => {
    const place = { group: 'g', topic: 'orders', partition: 3 };
    assert.deepEqual(decodeGroupOffsetKey(key(0)), place);
    assert.deepEqual(decodeGroupOffsetKey(key(1)), place);
  });

  it('passes over members and assignments of either protocol', () => {
    for (const version of [2, 3, 8, 17])
      assert.equal(decodeGroupOffsetKey(key(version)), undefined);
  });

  it('reads every version of the value', () => {
    const expected = { offset: 42n, metadata: 'm' };
    const start = (version: number): Writer => new Writer().writeInt16(version).writeInt64(42n);
    const values = [
      start(0).writeString('m').writeInt64(1n),
      start(1).writeString('m').writeInt64(1n).writeInt64(2n),
      start(2).writeString('m').writeInt64(1n),
      start(3).writeInt32(5).writeString('m').writeInt64(1n),
      start(4).writeInt32(5).writeCompactString('m').writeInt64(1n).writeNoTaggedFields(),
    ];
    for (const value of values) {
      assert.deepEqual(decodeGroupOffsetValue(value.toBuffer()), expected);
    }
  });

  it('refuses a newer version and bytes that are cut short', () => {
    const cut = new Writer().writeInt16(3).writeInt64(42n).writeInt32(5).toBuffer();
    const newer = new Writer().writeInt16(5).writeInt64(42n).toBuffer();
    for (const bytes of [cut, newer, Buffer.alloc(1)]) {
      assert.throws(() => decodeGroupOffsetValue(bytes), WireFormatError);
    }
    assert.throws(() => decodeGroupOffsetKey(key(1).subarray(0, 5)), WireFormatError);
  });
});
