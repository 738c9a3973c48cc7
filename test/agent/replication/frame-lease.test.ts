import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrameLease } from '../../../agent/replication/frame-lease.js';

describe('FrameLease', () => {
  it('gives the memory back once, when the last use of it has ended', () => {
    const memory = new ArrayBuffer(8);
    const given: ArrayBufferLike[] = [];
    const lease = new FrameLease(memory, (done) => given.push(done));
    lease.retain();
    lease.release();
    assert.deepEqual(given, []);
    lease.release();
    assert.equal(given.length, 1);
    assert.equal(given[0], memory);
  });

  it('keeps memory whose use never ends, and refuses to end one twice', () => {
    const lease = new FrameLease(new ArrayBuffer(8), () => {});
    lease.release();
    assert.throws(() => lease.release(), /ends once/);
    assert.throws(() => lease.retain(), /given back/);
  });
});
