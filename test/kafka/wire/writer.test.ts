import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Writer } from '../../../kafka/wire/index.js';

describe('Writer', () => {
  it('sends external payloads by reference, in their place', () => {
    const first = Buffer.from('AA');
    const second = Buffer.from('BBB');
    const writer = new Writer()
      .writeInt8(1)
      .writeExternal(first)
      .writeInt8(2)
      .writeExternal(second)
      .writeInt8(3);
    const segments = writer.toSegments();
    assert.deepEqual(
      segments.map((segment) => segment.toString('latin1')),
      ['\x01', 'AA', '\x02', 'BBB', '\x03'],
    );
    assert.equal(segments[1], first);
    assert.equal(segments[3], second);
    assert.equal(writer.byteLength, 8);
  });

  it('keeps finished segments whole when it grows', () => {
    const writer = new Writer(4);
    const expected: Buffer[] = [];
    for (let index = 0; index < 300; index += 1) {
      const payload = Buffer.from(`payload ${index}`);
      writer
        .writeInt32(index)
        .writeExternal(payload)
        .writeCompactString('x'.repeat(index % 50));
      const own = Buffer.alloc(4);
      own.writeInt32BE(index);
      const text = Buffer.from('x'.repeat(index % 50));
      expected.push(own, payload, Buffer.from([text.length + 1]), text);
    }
    const whole = Buffer.concat(expected);
    assert.deepEqual(Buffer.concat(writer.toSegments()), whole);
    assert.equal(writer.byteLength, whole.length);
  });

  it('makes no segment of an empty payload', () => {
    assert.deepEqual(new Writer().writeExternal(Buffer.alloc(0)).toSegments(), []);
  });

  it('refuses what is not a UUID', () => {
    assert.throws(() => new Writer().writeUuid('orders'), assert.AssertionError);
  });
});
