import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { formatProperties } from '../../../common/config/properties.js';
import { nonSecretProperties } from '../../../mirror/config/mm2-config.js';
import { planReload } from '../../../mirror/config/reload-plan.js';
import { load, ONE_FLOW } from './load.js';

const plan = (before: string[], after: string[]) =>
  planReload(load(ONE_FLOW, ...before), load(ONE_FLOW, ...after));

describe('planReload', () => {
  it('finds nothing in a file that was only reordered or remarked', () => {
    const { added, removed, changed, keys } = plan(
      ['topics = a', '# why', 'groups = g'],
      ['groups = g', 'topics = a'],
    );
    assert.deepEqual([added, removed, changed, keys], [[], [], [], []]);
  });

  it('tells flows that are added, removed and changed apart', () => {
    const both = ['west->east.enabled = true', 'east->west.topics = orders'];
    const there = plan([], both);
    assert.deepEqual([there.added, there.changed], [['west->east'], ['east->west']]);
    assert.deepEqual(there.keys, ['east->west.topics', 'west->east.enabled']);
    const back = plan(both, ['west->east.enabled = false']);
    assert.deepEqual([back.removed, back.changed], [['west->east'], ['east->west']]);
  });

  it('finds a flow changed by any option, and by the way to its clusters', () => {
    for (const line of [
      'sync.group.offsets.enabled = true',
      'start.offset = timestamp:1000',
      'groups.exclude = x',
      'east.client.id = other',
      'west.security.protocol = SSL',
    ]) {
      assert.deepEqual(plan([], [line]).changed, ['east->west'], line);
    }
  });

  it('keeps what only a restart changes, and names the keys', () => {
    const { config, restartKeys, changed } = plan(
      ['coordinator.lease.ttl.ms = 5000'],
      ['coordinator.lease.ttl.ms = 9000', 'replication.policy.separator = -', 'topics = a'],
    );
    assert.deepEqual(restartKeys, ['coordinator.lease.ttl.ms', 'replication.policy.separator']);
    assert.equal(config.coordinator.leaseTtlMs, 5_000);
    assert.equal(config.flows[0]?.policy.formatRemoteTopic('east', 't'), 'east.t');
    assert.equal(config.flows[0]?.topicFilter.accepts('b'), false);
    assert.deepEqual(changed, ['east->west']);
  });

  it('refuses new flows that lead in a circle with the names that others keep', () => {
    const identity = 'replication.policy.class = IdentityReplicationPolicy';
    const both = 'west->east.enabled = true';
    const { problems, restartKeys } = plan([identity], [both]);
    assert.deepEqual(restartKeys, ['replication.policy.class']);
    assert.match(
      problems[0]?.message ?? '',
      /`east->west` keeps topic names while `west->east` pre/,
    );
    assert.deepEqual(plan([], [both]).problems, []);
    assert.deepEqual(plan([identity], ['topics = a']).problems, []);
  });

  it('lets agents have the names that flows keep, and new flows those of the file', () => {
    const before = load(ONE_FLOW, 'replication.policy.internal.topic.separator.enabled = false');
    const text = [ONE_FLOW, 'west->east.enabled = true', 'replication.policy.separator = _'];
    const first = planReload(before, load(...text)).config;
    // Another change must not lose them.
    const { config } = planReload(first, load(...text, 'topics = a'));
    const shipped = formatProperties(nonSecretProperties(config));
    const [kept, added] = load(shipped).flows;
    for (const flow of [kept, config.flows[0]]) {
      assert.equal(flow?.policy.formatRemoteTopic('east', 't'), 'east.t');
      assert.equal(flow?.policy.checkpointsTopic('east'), 'east.checkpoints.internal');
    }
    assert.equal(added?.policy.formatRemoteTopic('west', 't'), 'west_t');
    const back = planReload(config, before).config;
    assert.deepEqual([...(back.keptNames ?? [])], []);
  });
});
