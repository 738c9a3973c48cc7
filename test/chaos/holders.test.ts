import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { checkHolders, type HolderViews } from './holders.js';

const PARTITIONS = ['orders-0', 'orders-1'];

function views(change: Partial<HolderViews> = {}): HolderViews {
  return {
    leaders: ['c'],
    copiers: new Map([
      ['a', ['orders-0']],
      ['b', ['orders-1']],
    ]),
    leases: new Map([
      ['orders-0', 'a'],
      ['orders-1', 'b'],
    ]),
    told: new Map([
      ['orders-0', { holder: 'a', state: 'running' }],
      ['orders-1', { holder: 'b', state: 'running' }],
    ]),
    ...change,
  };
}

describe('checkHolders', () => {
  it('is silent when each partition has one holder, and all agree', () => {
    assert.deepEqual(checkHolders(PARTITIONS, views()), []);
  });

  it('names a partition that two copy, and one that nobody does', () => {
    const copiers = new Map([
      ['a', ['orders-0']],
      ['b', ['orders-0']],
    ]);
    assert.deepEqual(checkHolders(PARTITIONS, views({ copiers })), [
      'orders-0 is copied by a, b',
      'orders-1 is copied by nobody',
    ]);
  });

  it('names a lease of somebody else, and a status that is not so', () => {
    const leases = new Map([['orders-0', 'b']]);
    const [other, none] = checkHolders(PARTITIONS, views({ leases }));
    assert.equal(other, 'orders-0 is copied by a, and leased to b');
    assert.equal(none, 'orders-1 is copied by b, and leased to nobody');
    const told = new Map([['orders-0', { holder: 'a', state: 'recovering' }]]);
    assert.deepEqual(checkHolders(PARTITIONS, views({ told })), [
      'orders-0 is held by a, and status says a, recovering',
      'orders-1 is held by b, and status says nothing',
    ]);
  });

  it('names two leaders, and none', () => {
    assert.deepEqual(checkHolders(PARTITIONS, views({ leaders: ['c', 'd'] })), ['c, d leads']);
    assert.deepEqual(checkHolders(PARTITIONS, views({ leaders: [] })), ['nobody leads']);
  });

  it('names what is held and should not be', () => {
    const [only] = checkHolders(['orders-0'], views());
    assert.equal(only, 'orders-1 is held, and is no partition of the flow');
  });
});
