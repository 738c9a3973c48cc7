import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NameFilter } from '../../../mirror/policy/name-filter.js';
import { overlap } from '../../../mirror/policy/overlap.js';

describe('overlap', () => {
  const cases: readonly [string[], string[], 'overlapping' | 'disjoint' | 'unknown'][] = [
    [['.*'], ['.*'], 'overlapping'],
    [['.*'], ['orders'], 'overlapping'],
    [['orders.*'], ['.*-eu', '.*'], 'overlapping'],
    [['orders', 'payments'], ['payments'], 'overlapping'],
    [['orders|payments'], ['payments'], 'overlapping'],
    [['eu\\..*'], ['eu\\.orders.*'], 'overlapping'],
    [['orders'], ['payments'], 'disjoint'],
    [['orders.*'], ['payments.*'], 'disjoint'],
    [['eu\\..*'], ['us\\..*'], 'disjoint'],
    [['eu-orders'], ['us-.*'], 'disjoint'],
    [['.*'], [], 'disjoint'],
    [['.*-eu'], ['.*-us'], 'disjoint'],
    [['.*\\.eu'], ['.*\\.us'], 'disjoint'],
    [['.*-eu'], ['.*u'], 'overlapping'],
    [['x.*[-eu]'], ['x.*[-us]'], 'unknown'],
    [['.+\\d'], ['.+\\D'], 'unknown'], // the ends say nothing: one is a class
    [['.*[0-9]eu'], ['.*[0-9]us'], 'unknown'], // disjoint, and not shown
    [['(?i)q', 'pay\\d.*'], ['PAY\\d.*'], 'unknown'], // the flag holds for the second pattern
    [['ab?.*[0-9]'], ['ac.*[0-9]'], 'unknown'], // `b` may be absent: only `a` is certain
  ];
  for (const [one, other, expected] of cases) {
    it(`of ${one.join()} and ${other.join()} is ${expected}`, () => {
      assert.equal(overlap([NameFilter.of(one), NameFilter.of(other)]).kind, expected);
      assert.equal(overlap([NameFilter.of(other), NameFilter.of(one)]).kind, expected);
    });
  }

  it('respects what is excluded', () => {
    const everythingButUs = NameFilter.of(['.*'], ['us\\..*']);
    assert.equal(overlap([everythingButUs, NameFilter.of(['us\\..*'])]).kind, 'disjoint');
    assert.equal(
      overlap([NameFilter.of(['orders'], ['orders']), NameFilter.of(['.*'])]).kind,
      'disjoint',
    );
  });

  it('names a topic that all filters accept', () => {
    const filters = [NameFilter.of(['.*']), NameFilter.of(['orders']), NameFilter.of(['o.*'])];
    assert.deepEqual(overlap(filters), { kind: 'overlapping', name: 'orders' });
  });
});
