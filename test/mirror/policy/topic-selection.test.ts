import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NameFilter } from '../../../mirror/policy/name-filter.js';
import { DefaultReplicationPolicy } from '../../../mirror/policy/replication-policy.js';
import { topicExclusion } from '../../../mirror/policy/topic-selection.js';

const flow = {
  target: 'west',
  policy: new DefaultReplicationPolicy({ separator: '.', internalTopicSeparatorEnabled: true }),
  topicFilter: NameFilter.of(['orders.*', '__.*', 'west\\..*'], ['orders-x']),
  heartbeatsReplicationEnabled: true,
};

describe('topicExclusion', () => {
  const cases: readonly [string, string | null][] = [
    ['orders', null],
    ['orders-x', 'filtered'],
    ['payments', 'filtered'],
    ['__consumer_offsets', 'internal'], // whatever the filter says
    ['west.orders', 'cycle'],
    ['heartbeats', null], // whatever the filter says
    ['north.heartbeats', null],
    ['west.heartbeats', 'cycle'],
  ];
  for (const [topic, expected] of cases) {
    it(`of ${topic} is ${expected ?? 'none'}`, () =>
      assert.equal(topicExclusion(flow, topic), expected));
  }

  it('filters heartbeats as other topics if their replication is off (KIP-1089)', () => {
    const off = { ...flow, heartbeatsReplicationEnabled: false };
    assert.equal(topicExclusion(off, 'heartbeats'), 'filtered');
  });
});
