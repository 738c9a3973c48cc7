import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SiteWorker } from '../../../agent/site/site-worker.js';
import { silentLogger } from '../../../common/log.js';
import { ClusterUnreachableError } from '../../../kafka/client/errors.js';
import type { KafkaCluster } from '../../../kafka/client/index.js';
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
  const state = { isBroken: true };
  const cluster = {
    alias: 'a',
    metadata: () =>
      state.isBroken
        ? Promise.reject(new ClusterUnreachableError('a', []))
        : Promise.resolve({ topics: new Map(), brokers: [] }),
    request: () => Promise.reject(new ClusterUnreachableError('a', [])),
  } as unknown as KafkaCluster;
  return { state, cluster };
}

describe('SiteWorker', () => {
  it('says that the source cannot be looked at until it can, whatever needs no look', async () => {
    const clock = new ManualClock();
    const { state, cluster } = brokenCluster();
    const problems: string[] = [];
    const send = (message: NonNullable<AgentMessage['message']>): boolean => {
      if (message.$case === 'siteProblem') problems.push(message.value.message);
      return true;
    };
    const site = new SiteWorker({
      flow: load(FLOW).flows[0]!,
      heartbeats: undefined,
      source: cluster,
      clock,
      log: silentLogger,
      mirroredTopics: [],
      send,
    });
    site.start();
    await clock.advance(10_000);
    assert.equal(problems.length, 1, problems.join('; '));
    assert.match(problems[0]!, /cluster a/);
    state.isBroken = false;
    await clock.advance(10_000);
    assert.deepEqual(problems.slice(1), ['']);
    await site.close();
  });
});
