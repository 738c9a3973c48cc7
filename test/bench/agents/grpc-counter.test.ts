import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GrpcCounter } from '../../../bench/agents/grpc-counter.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

function frame(type: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

function message(length: number): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, Buffer.alloc(length, 7)]);
}

/** Three messages on two streams; one message of stream 1 is cut by a frame of stream 3. */
function connection(): Buffer {
  const two = Buffer.concat([message(300), message(0)]);
  return Buffer.concat([
    PREFACE,
    frame(4, 0, Buffer.alloc(18)),
    frame(0, 1, two.subarray(0, 100)),
    frame(0, 3, message(70_000)),
    frame(0, 1, two.subarray(100)),
    frame(4, 0, Buffer.alloc(0)),
  ]);
}

describe('GrpcCounter', () => {
  for (const step of [1, 2, 7, 1_000, 1_000_000]) {
    it(`counts messages however they are cut: pieces of ${step}`, () => {
      const counter = new GrpcCounter();
      const bytes = connection();
      for (let at = 0; at < bytes.length; at += step) counter.push(bytes.subarray(at, at + step));
      assert.deepEqual([counter.messages, counter.bytes], [3, bytes.length]);
    });
  }

  it('counts what a server sends, which begins with a frame', () => {
    const counter = new GrpcCounter();
    counter.push(Buffer.concat([frame(4, 0, Buffer.alloc(0)), frame(0, 1, message(5))]));
    assert.equal(counter.messages, 1);
  });
});
