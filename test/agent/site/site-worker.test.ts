import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SiteWorker } from '../../../agent/site/site-worker.js';
import { GROUPS_TROUBLE_AFTER_MS } from '../../../agent/site/limits.js';
import { silentLogger } from '../../../common/log.js';
import { ClusterUnreachableError } from '../../../kafka/client/errors.js';
import type { KafkaCluster } from '../../../kafka/client/index.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import { OFFSETS_TOPIC } from '../../../kafka/records/group-offset-record.js';
import type { AgentMessage } from '../../../proto/gen/mirror/v1/agent.js';
import { ManualClock } from '../../kit/manual-clock.js';
import { load } from '../../mirror/config/load.js';

const FLOW = `
clusters = a, b
a.bootstrap.servers = a:9092
b.bootstrap.servers = b:9092
a->b.enabled = true
sync.topic.acls.enabled = false
`;

/** A cluster of which no broker answers, until it is mended. */
function brokenCluster() {
  const topics = new Map<string, { errorCode: number }>();
  const state = { isBroken: true, topics };
  const cluster = {
    alias: 'a',
    metadata: () =>
      state.isBroken
        ? Promise.reject(new ClusterUnreachableError('a', []))
        : Promise.resolve({ topics: state.topics, brokers: [] }),
    request: () => Promise.reject(new ClusterUnreachableError('a', [])),
  } as unknown as KafkaCluster;
  return { state, cluster };
}

function startSite(clock: ManualClock, source: KafkaCluster) {
  const problems: { message: string; groups: string }[] = [];
  const site = new SiteWorker({
    flow: load(FLOW).flows[0]!,
    heartbeats: undefined,
    onMissingRight: () => undefined,
    ...{ source, clock, log: silentLogger, mirroredTopics: [] },
    send: (said: NonNullable<AgentMessage['message']>) => {
      if (said.$case !== 'siteProblem') return true;
      const { message, groups } = said.value;
      problems.push({ message, groups });
      return true;
    },
  });
  site.start();
  return { site, problems };
}

describe('SiteWorker', () => {
  it('says that the source cannot be looked at until it can, whatever needs no look', async () => {
    const clock = new ManualClock();
    const { state, cluster } = brokenCluster();
    const { site, problems } = startSite(clock, cluster);
    await clock.advance(10_000);
    assert.equal(problems.length, 1, JSON.stringify(problems));
    assert.match(problems[0]!.message, /cluster a/);
    state.topics.set(OFFSETS_TOPIC, { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
    state.isBroken = false;
    await clock.advance(10_000);
    assert.deepEqual(problems.slice(1), [{ message: '', groups: '' }]);
    await site.close();
  });

  it('says that groups are not followed once that has lasted, until they are', async () => {
    const clock = new ManualClock();
    const { state, cluster } = brokenCluster();
    state.isBroken = false;
    const { site, problems } = startSite(clock, cluster);
    // No trouble of its own: a coordinator may still know of one of who had the site before.
    await clock.advance(GROUPS_TROUBLE_AFTER_MS - 3_000);
    assert.deepEqual(problems, [{ message: '', groups: '' }]);
    await clock.advance(6_000);
    assert.equal(problems.length, 2, JSON.stringify(problems));
    assert.equal(problems[1]!.message, '');
    assert.match(problems[1]!.groups, /__consumer_offsets/);
    site.repeatAll();
    await clock.advance(3_000);
    assert.deepEqual(problems.slice(2), problems.slice(1, 2), 'a new session knows nothing');
    state.topics.set(OFFSETS_TOPIC, { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
    await clock.advance(3_000);
    assert.deepEqual(problems.slice(3), [{ message: '', groups: '' }]);
    await site.close();
  });
});
