import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { changedOffsets, type CommittedOffset } from '../../../agent/site/changed-offsets.js';
import { commitKey } from '../../../agent/site/commit-reader.js';
import type { TopicSelection } from '../../../mirror/policy/topic-selection.js';
import type { GroupOffset } from '../../../proto/gen/mirror/v1/agent.js';

/** Only what decides: everything but `secret` is copied. */
const flow = {
  target: 'b',
  policy: { isInternalTopic: () => false, wouldCycle: () => false, isHeartbeatsTopic: () => false },
  topicFilter: { accepts: (topic: string) => topic !== 'secret' },
  heartbeatsReplicationEnabled: false,
} as unknown as TopicSelection;

const committed = (offset: bigint, rest: Partial<CommittedOffset> = {}): CommittedOffset => ({
  topic: 'orders',
  partition: 0,
  offset,
  metadata: null,
  ...rest,
});

const reportedAs = (offset: bigint, metadata = ''): Map<string, GroupOffset> =>
  new Map([
    [commitKey('g', 'orders', 0), { group: 'g', topic: 'orders', partition: 0, offset, metadata }],
  ]);

const change = (
  offsets: readonly CommittedOffset[],
  reported: ReadonlyMap<string, GroupOffset> = new Map(),
) => changedOffsets(flow, new Map([['g', offsets]]), reported);

describe('changedOffsets', () => {
  it('reports what was never reported', () => {
    assert.deepEqual(change([committed(0n)]), [
      { group: 'g', topic: 'orders', partition: 0, offset: 0n, metadata: '' },
    ]);
  });

  it('is silent about what was reported as it is', () => {
    assert.deepEqual(change([committed(7n)], reportedAs(7n)), []);
  });

  it('reports a group that went back', () => {
    assert.equal(change([committed(3n)], reportedAs(7n))[0]?.offset, 3n);
  });

  it('reports metadata that changed at the same offset', () => {
    const offsets = [committed(7n, { metadata: 'new' })];
    assert.equal(change(offsets, reportedAs(7n, 'old'))[0]?.metadata, 'new');
  });

  it('leaves out partitions without a commit, and topics that are not copied', () => {
    assert.deepEqual(change([committed(-1n), committed(5n, { topic: 'secret' })]), []);
  });
});
