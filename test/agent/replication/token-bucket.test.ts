import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TokenBucket } from '../../../agent/replication/token-bucket.js';

describe('TokenBucket', () => {
  it('is no limit at zero', () => {
    const bucket = new TokenBucket(0, 0);
    bucket.spend(1e12, 0);
    assert.equal(bucket.waitMs(0), 0);
    assert.equal(bucket.availableBytes(0), Infinity);
  });

  it('pays its debt before more may come', () => {
    const bucket = new TokenBucket(1_000, 0);
    assert.equal(bucket.waitMs(0), 0);
    bucket.spend(1_250, 0);
    assert.equal(bucket.waitMs(0), 1_125);
    assert.equal(bucket.waitMs(1_125), 0);
  });

  it('does not save up more than a burst', () => {
    const bucket = new TokenBucket(1_000, 0);
    assert.equal(bucket.availableBytes(3_600_000), 250);
  });

  it('takes a new limit at once', () => {
    const bucket = new TokenBucket(1_000, 0);
    bucket.spend(1_250, 0);
    bucket.limit(1_000_000, 0);
    assert.ok(bucket.waitMs(0) <= 127);
    bucket.limit(0, 0);
    assert.equal(bucket.waitMs(0), 0);
  });

  it('lets through the rate, a burst and one answer, whatever the answers are', () => {
    const answers = fc.array(fc.integer({ min: 0, max: 2_000_000 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 10_000_000 }), answers, (rate, sizes) => {
        const bucket = new TokenBucket(rate, 0);
        let nowMs = 0;
        let bytes = 0;
        for (const size of sizes) {
          nowMs += bucket.waitMs(nowMs);
          bytes += size;
          bucket.spend(size, nowMs);
          assert.ok(bytes <= (rate * (nowMs + 250)) / 1_000 + size + 1);
        }
      }),
    );
  });
});
