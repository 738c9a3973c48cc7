import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FAR, NEAR, paceOf, type Pace } from '../../../agent/replication/pace.js';

const KEYS = Object.keys(NEAR) as (keyof Pace)[];

describe('paceOf', () => {
  it('keeps little under way near by, and a bounded amount however far', () => {
    assert.equal(paceOf(0), NEAR);
    assert.equal(paceOf(10), NEAR);
    assert.equal(paceOf(100), FAR);
    assert.equal(paceOf(Number.POSITIVE_INFINITY), FAR);
  });

  it('never has less under way over a longer link', () => {
    for (let ms = 1; ms <= 120; ms++) {
      for (const key of KEYS)
        assert.ok(paceOf(ms)[key] >= paceOf(ms - 1)[key], `${key} at ${ms} ms`);
    }
  });
});
