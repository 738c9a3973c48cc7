import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { SiteWorker } from '../../../agent/site/site-worker.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { AgentMessage } from '../../../proto/gen/mirror/v1/agent.js';
import { flowFrom } from '../../coordinator/target/open-on-broker.js';
import { clusterOf } from '../../kafka/records/on-broker.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { createTopics } from '../../kit/write-unique.js';

const NEVER = new AbortController().signal;

describe('SiteWorker', () => {
  let source: KafkaServers;

  before(async () => {
    source = await startKafka({ name: 'site' });
  });

  after(() => source.stop());

  it('tells of every topic that there was when it was asked', async () => {
    const cluster = clusterOf(source.bootstrapServers);
    const said: NonNullable<AgentMessage['message']>[] = [];
    let taken = true;
    const worker = new SiteWorker({
      flow: flowFrom('east', 'topics = .*'),
      ...{ source: cluster, heartbeats: undefined, mirroredTopics: [] },
      ...{ clock: systemClock, log: silentLogger, onMissingRight: () => undefined },
      send: (message) => taken && said.push(message) > 0,
    });
    worker.start();
    const listed = (): string[] => {
      const last = said.findLast(({ $case }) => $case === 'inventory');
      return last?.$case === 'inventory' ? last.value.topics.map(({ name }) => name) : [];
    };
    try {
      // Not only when the look that is made now and then comes in time.
      for (const topic of ['one', 'two', 'three', 'four']) {
        await createTopics(source, [{ topic }]);
        await worker.reportGroups(NEVER);
        assert.ok(listed().includes(topic), `${topic} is not in ${listed().join(', ')}`);
      }
      taken = false;
      await createTopics(source, [{ topic: 'five' }]);
      await assert.rejects(worker.reportGroups(NEVER), /no coordinator took/);
    } finally {
      await worker.close();
      await cluster.close();
    }
    await assert.rejects(worker.reportGroups(NEVER));
  });
});
