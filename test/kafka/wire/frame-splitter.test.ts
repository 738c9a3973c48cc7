import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrameSplitter, WireFormatError } from '../../../kafka/wire/index.js';

const FRAME_BYTES_MAX = 64;

function frameOf(...bytes: number[]): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, Buffer.from(bytes)]);
}

const frames = [[1, 2, 3], [], [4]];
const stream = Buffer.concat(frames.map((bytes) => frameOf(...bytes)));

/** Cuts the stream after each byte whose bit is set in `cuts`. */
function chunksOf(cuts: number): Buffer[] {
  const chunks: Buffer[] = [];
  let start = 0;
  for (let end = 1; end <= stream.length; end += 1) {
    if (end < stream.length && (cuts & (1 << (end - 1))) === 0) continue;
    chunks.push(stream.subarray(start, end));
    start = end;
  }
  return chunks;
}

describe('FrameSplitter', () => {
  it('finds the same frames however the stream is cut', () => {
    for (let cuts = 0; cuts < 1 << (stream.length - 1); cuts += 1) {
      const splitter = new FrameSplitter(FRAME_BYTES_MAX);
      const found = chunksOf(cuts).flatMap((chunk) => splitter.push(chunk));
      assert.equal(found.length, frames.length);
      for (const [index, frame] of found.entries()) {
        assert.equal(frame.compare(Buffer.from(frames[index] as number[])), 0);
      }
      assert.equal(splitter.idle, true);
    }
  });

  // A socket's chunks are views of its one read buffer, which the next read overwrites.
  it('keeps nothing of a chunk', () => {
    const chunk = Buffer.concat([frameOf(1, 2), frameOf(3)]);
    const found = new FrameSplitter(FRAME_BYTES_MAX).push(chunk);
    chunk.fill(0xff);
    assert.deepEqual(
      found.map((frame) => [...frame]),
      [[1, 2], [3]],
    );
  });

  it('gathers a frame over several chunks into a buffer of exactly its size', () => {
    const splitter = new FrameSplitter(FRAME_BYTES_MAX);
    const whole = frameOf(1, 2, 3, 4);
    assert.deepEqual(splitter.push(whole.subarray(0, 5)), []);
    assert.equal(splitter.idle, false);
    const [frame] = splitter.push(whole.subarray(5));
    assert.equal(frame?.buffer.byteLength, 4);
  });

  it('refuses a negative size, and one above the limit', () => {
    const tooLarge = Buffer.alloc(4);
    tooLarge.writeInt32BE(FRAME_BYTES_MAX + 1);
    for (const length of [Buffer.from([0xff, 0xff, 0xff, 0xff]), tooLarge]) {
      assert.throws(() => new FrameSplitter(FRAME_BYTES_MAX).push(length), WireFormatError);
    }
  });

  it('accepts a frame of exactly the limit', () => {
    const whole = frameOf(...Array<number>(FRAME_BYTES_MAX).fill(1));
    assert.equal(new FrameSplitter(FRAME_BYTES_MAX).push(whole).length, 1);
  });
});
