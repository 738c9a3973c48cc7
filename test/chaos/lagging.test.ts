import assert from 'node:assert/strict';
import { it } from 'node:test';

import { findLagging } from './lagging.js';

const ENDS = new Map([['orders-0', 100]]);

it('takes for copied what is told of the whole log, and nothing else', () => {
  const name = 'orders-0';
  const told = (sourceEnd?: number, lagRecords?: number): string[] =>
    findLagging(ENDS, [{ name, sourceEnd, lagRecords }]);
  assert.deepEqual(told(100, 0), []);
  assert.deepEqual(told(101, 0), []);
  assert.deepEqual(told(100, 3), ['orders-0 ends at 100; told: ends at 100, 3 behind']);
  // Its agent has not heard from the source since then.
  assert.deepEqual(told(90, 0), ['orders-0 ends at 100; told: ends at 90, 0 behind']);
  assert.deepEqual(told(), ['orders-0 ends at 100; told: ends at -1, ? behind']);
  assert.equal(findLagging(ENDS, []).length, 1);
});
