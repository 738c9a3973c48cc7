import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FRAMES_KEPT_BYTES_MAX, FramePool } from '../../../kafka/wire/frame-pool.js';
import { FrameSplitter } from '../../../kafka/wire/frame-splitter.js';

const MIB = 1024 * 1024;

describe('FramePool', () => {
  it('hands out given memory again, to a frame of about the size', () => {
    const pool = new FramePool();
    const first = pool.take(3 * MIB);
    pool.give(first.buffer);
    assert.notEqual(pool.take(64 * 1024).buffer, first.buffer);
    const again = pool.take(3 * MIB - 100);
    assert.equal(again.buffer, first.buffer);
    assert.equal(again.length, 3 * MIB - 100);
    assert.equal(pool.keptBytes, 0);
    assert.notEqual(pool.take(3 * MIB).buffer, first.buffer);
  });

  it('keeps no more than its bound, and the newest of it', () => {
    const pool = new FramePool();
    const frames = Array.from({ length: 12 }, () => pool.take(4 * MIB));
    for (const { buffer } of frames) pool.give(buffer);
    assert.ok(pool.keptBytes <= FRAMES_KEPT_BYTES_MAX);
    assert.equal(pool.take(4 * MIB).buffer, frames.at(-1)?.buffer);
  });

  it('lets a frame be read to its place, however the reads fall', () => {
    const payload = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => index));
    const stream = Buffer.alloc(4 + payload.length);
    stream.writeInt32BE(payload.length);
    payload.copy(stream, 4);
    for (const step of [1_000, 65_536, 150_001, 400_000]) {
      const splitter = new FrameSplitter(MIB);
      const frames: Buffer[] = [];
      for (let at = 0; at < stream.length;) {
        const target = splitter.readTarget();
        const bytes = stream.copy(target, 0, at, Math.min(stream.length, at + step));
        frames.push(...splitter.push(target.subarray(0, bytes)));
        at += bytes;
      }
      assert.equal(frames.length, 1);
      assert.equal(frames[0]?.compare(payload), 0, `in steps of ${step}`);
    }
  });
});
