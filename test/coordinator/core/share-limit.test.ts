import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { shareLimit, type LimitHolder } from '../../../coordinator/core/share-limit.js';

const idle = (partitions = 1): LimitHolder => ({ partitions, bytesPerSecond: 0, heldBack: false });
const hungry = (partitions = 1): LimitHolder => ({ ...idle(partitions), heldBack: true });

describe('shareLimit', () => {
  it('gives all to one holder, and equal parts to equal ones', () => {
    assert.deepEqual(shareLimit(1_000, []), []);
    assert.deepEqual(shareLimit(1_000, [idle()]), [1_000]);
    assert.deepEqual(shareLimit(1_000, [hungry(), hungry()]), [500, 500]);
    assert.deepEqual(shareLimit(1_000, [idle(), idle()]), [500, 500]);
  });

  it('gives those that are held back what the others leave, by their partitions', () => {
    const busy: LimitHolder = { partitions: 8, bytesPerSecond: 200, heldBack: false };
    const [first, second, third] = shareLimit(1_000, [busy, hungry(1), hungry(3)]);
    assert.equal(first, 300);
    assert.ok(second! > 150 && third! > 2 * second!, `${second} ${third}`);
  });

  it('leaves an idle one enough to begin with', () => {
    const [first, second] = shareLimit(1_000, [idle(), hungry(100)]);
    assert.deepEqual([first, second], [50, 950]);
  });

  it('never gives more than the limit, and wastes next to nothing of it', () => {
    const holder = fc.record({
      partitions: fc.nat(1_000),
      bytesPerSecond: fc.double({ min: 0, max: 1e9, noNaN: true }),
      heldBack: fc.boolean(),
    });
    const holders = fc.array(holder, { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 1e12 }), holders, (limit, all) => {
        const sum = shareLimit(limit, all).reduce((total, share) => total + share, 0);
        assert.ok(
          sum <= limit * (1 + 1e-9) && sum >= limit * (1 - 1e-9) - all.length - 1,
          `${sum} of ${limit}`,
        );
      }),
    );
  });
});
