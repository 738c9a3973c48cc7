import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { median, percentile } from '../../bench/statistics.js';

describe('median', () => {
  it('is the middle value, or the mean of the two in the middle, in any order', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 3, 2]), 2.5);
    assert.equal(median([7]), 7);
  });
});

describe('percentile', () => {
  it('is the nearest rank', () => {
    const values = Array.from({ length: 1000 }, (_, index) => 1000 - index);
    assert.equal(percentile(values, 0.5), 500);
    assert.equal(percentile(values, 0.99), 990);
    assert.equal(percentile(values, 0.999), 999);
    assert.equal(percentile(values, 1), 1000);
  });

  it('of few values is one of them', () => {
    assert.equal(percentile([5, 1], 0.999), 5);
    assert.equal(percentile([5, 1], 0.5), 1);
  });
});
