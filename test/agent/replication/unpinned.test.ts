import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { unpinned } from '../../../agent/replication/unpinned.js';

describe('unpinned', () => {
  it('leaves bytes where they are when they are a good part of their buffer', () => {
    const frame = Buffer.allocUnsafeSlow(1_000);
    const bytes = frame.subarray(100, 300);
    assert.equal(unpinned(bytes), bytes);
  });

  it('gives a small part of a large buffer memory of its own size', () => {
    const frame = Buffer.allocUnsafeSlow(100_000);
    const own = unpinned(frame.fill(7).subarray(10, 60));
    assert.equal(own.buffer.byteLength, 50);
    assert.ok(own.equals(Buffer.alloc(50, 7)));
  });
});
