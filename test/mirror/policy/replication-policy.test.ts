import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  DefaultReplicationPolicy,
  IdentityReplicationPolicy,
} from '../../../mirror/policy/replication-policy.js';

const dot = { separator: '.', internalTopicSeparatorEnabled: true };
const underscores = { separator: '__', internalTopicSeparatorEnabled: true };

describe('DefaultReplicationPolicy', () => {
  const policy = new DefaultReplicationPolicy(dot);

  it('puts the alias of the source before the topic', () => {
    assert.equal(policy.formatRemoteTopic('us-east', 'orders'), 'us-east.orders');
    assert.equal(new DefaultReplicationPolicy(underscores).formatRemoteTopic('a', 'b'), 'a__b');
  });

  const names: readonly [string, string | null, string | null, string][] = [
    ['orders', null, null, 'orders'],
    ['us-east.orders', 'us-east', 'orders', 'orders'],
    ['a.b.orders', 'a', 'b.orders', 'orders'],
    ['orders.', null, null, 'orders.'], // Java's split drops the empty part at the end
    ['orders...', null, null, 'orders...'],
    ['.orders', '', 'orders', 'orders'],
  ];
  for (const [topic, source, upstream, original] of names) {
    it(`takes ${topic} to come from ${source ?? 'nowhere'}`, () => {
      assert.equal(policy.topicSource(topic), source);
      assert.equal(policy.upstreamTopic(topic), upstream);
      assert.equal(policy.originalTopic(topic), original);
    });
  }

  it('takes its own names apart, whatever the separator', () => {
    for (const separator of ['.', '_', '-', '__', '.-.']) {
      const each = new DefaultReplicationPolicy({ separator, internalTopicSeparatorEnabled: true });
      const remote = each.formatRemoteTopic('east', 'orders');
      assert.equal(each.topicSource(remote), 'east');
      assert.equal(each.upstreamTopic(remote), 'orders');
    }
  });

  it('names internal topics as MirrorMaker 2 does', () => {
    assert.equal(policy.offsetSyncsTopic('west'), 'mm2-offset-syncs.west.internal');
    assert.equal(policy.checkpointsTopic('east'), 'east.checkpoints.internal');
    assert.equal(policy.heartbeatsTopic(), 'heartbeats');
    assert.equal(policy.offsetMapTopic('east'), 'mm2-offset-map.east.internal');
  });

  it('uses the separator inside internal topics unless told not to (KIP-949)', () => {
    const enabled = new DefaultReplicationPolicy(underscores);
    assert.equal(enabled.offsetSyncsTopic('west'), 'mm2-offset-syncs__west__internal');
    assert.equal(enabled.checkpointsTopic('east'), 'east__checkpoints__internal');
    assert.equal(enabled.heartbeatsTopic(), 'heartbeats');
    const disabled = new DefaultReplicationPolicy({
      separator: '__',
      internalTopicSeparatorEnabled: false,
    });
    assert.equal(disabled.offsetSyncsTopic('west'), 'mm2-offset-syncs.west.internal');
    assert.equal(disabled.checkpointsTopic('east'), 'east.checkpoints.internal');
    assert.equal(disabled.isCheckpointsTopic('east.checkpoints.internal'), true);
  });

  const internal: readonly [string, boolean][] = [
    ['__consumer_offsets', true],
    ['.hidden', true],
    ['mm2-offset-syncs.west.internal', true],
    ['mm2-offset-map.east.internal', true],
    ['mm2-configs.east.internal', true],
    ['east.checkpoints.internal', true],
    ['orders.internal', false], // KIP-1074: a business topic may look like this
    ['orders-internal', false],
    ['mm2-orders', false],
    ['heartbeats', false],
    ['orders', false],
  ];
  for (const [topic, expected] of internal) {
    it(`takes ${topic} ${expected ? 'for internal' : 'for a topic to copy'}`, () => {
      assert.equal(policy.isInternalTopic(topic), expected);
    });
  }

  it('knows its own internal topics under every separator', () => {
    for (const internalTopicSeparatorEnabled of [true, false]) {
      for (const separator of ['.', '_', '__']) {
        const each = new DefaultReplicationPolicy({ separator, internalTopicSeparatorEnabled });
        for (const topic of [
          each.offsetSyncsTopic('a'),
          each.checkpointsTopic('a'),
          each.offsetMapTopic('a'),
        ]) {
          assert.equal(each.isInternalTopic(topic), true, topic);
        }
      }
    }
  });

  it('knows heartbeats after any number of hops', () => {
    assert.equal(policy.isHeartbeatsTopic('heartbeats'), true);
    assert.equal(policy.isHeartbeatsTopic('a.b.heartbeats'), true);
    assert.equal(policy.isHeartbeatsTopic('my-heartbeats'), false);
  });

  const cycles: readonly [name: string, topic: string, target: string, expected: boolean][] = [
    ['a topic of the target itself, straight back', 'west.orders', 'west', true],
    ['a topic that went round a ring of three', 'north.east.west.orders', 'west', true],
    ['a topic that passed the target on its way', 'north.west.east.orders', 'west', true],
    ['heartbeats of the target', 'west.heartbeats', 'west', true],
    ['a topic that came twice from the target', 'west.west.orders', 'west', true],
    ['a topic of a third cluster', 'north.orders', 'west', false],
    ['a topic of the source', 'orders', 'west', false],
    ['a topic named like the target', 'west', 'west', false],
    ['a topic of a cluster whose alias begins alike', 'west-2.orders', 'west', false],
  ];
  for (const [name, topic, target, expected] of cycles) {
    it(`${expected ? 'does not send back' : 'sends on'} ${name}`, () => {
      assert.equal(policy.wouldCycle(topic, target), expected);
    });
  }

  it('ends for names of nothing but separators', () => {
    const topic = '.'.repeat(249);
    assert.equal(policy.originalTopic(topic), topic);
    assert.equal(policy.wouldCycle(`${topic}x`, 'west'), false);
  });

  it('tells no source from an empty separator', () => {
    const empty = new DefaultReplicationPolicy({
      separator: '',
      internalTopicSeparatorEnabled: false,
    });
    assert.equal(empty.formatRemoteTopic('a', 'b'), 'ab');
    assert.equal(empty.topicSource('ab'), null);
    assert.equal(empty.originalTopic('ab'), 'ab');
  });
});

describe('IdentityReplicationPolicy', () => {
  const policy = new IdentityReplicationPolicy(dot);

  it('keeps names, but for heartbeats', () => {
    assert.equal(policy.formatRemoteTopic('east', 'orders'), 'orders');
    assert.equal(policy.formatRemoteTopic('east', 'heartbeats'), 'east.heartbeats');
    assert.equal(policy.topicSource('east.heartbeats'), 'east');
    assert.equal(policy.upstreamTopic('east.heartbeats'), 'heartbeats');
    assert.equal(policy.isHeartbeatsTopic('a.east.heartbeats'), true);
  });

  it('tells nothing about the origin of any other topic', () => {
    assert.equal(policy.topicSource('east.orders'), null);
    assert.equal(policy.upstreamTopic('east.orders'), 'east.orders');
    assert.equal(policy.originalTopic('east.orders'), 'east.orders');
    assert.equal(policy.wouldCycle('east.orders', 'east'), false);
  });

  it('does not send heartbeats back', () => {
    assert.equal(policy.wouldCycle('west.heartbeats', 'west'), true);
  });

  it('names internal topics with the alias', () => {
    assert.equal(policy.checkpointsTopic('east'), 'east.checkpoints.internal');
    assert.equal(policy.isInternalTopic('east.checkpoints.internal'), true);
  });
});
