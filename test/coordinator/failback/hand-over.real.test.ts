import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { systemClock } from '../../../common/clock.js';
import { rearmSeeds } from '../../../coordinator/failback/hand-over.js';
import type { MappedPosition } from '../../../coordinator/target/flow-positions.js';
import type { FlowTarget } from '../../../coordinator/target/flow-target.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../../../kafka/client/index.js';
import { clusterOf } from '../../kafka/records/on-broker.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { createTopics, writeUnique } from '../../kit/write-unique.js';
import { flowFrom, NEVER } from '../target/open-on-broker.js';

describe('where a flow is armed again', () => {
  let servers: KafkaServers;
  let cluster: KafkaCluster;

  before(async () => {
    servers = await startKafka({ name: 'hand-over' });
    cluster = clusterOf(servers.bootstrapServers);
    await createTopics(servers, [{ topic: 'orders' }, { topic: 'east.orders' }]);
    for (const topic of ['orders', 'east.orders']) await writeUnique(servers, { topic, count: 10 });
    await cluster.metadata(['orders', 'east.orders']);
  });

  after(async () => {
    await cluster.close();
    await servers.stop();
  });

  /** One broker stands for both: the copy back is from `east.orders` to `orders`. */
  function seeds(): ReturnType<typeof rearmSeeds> {
    const position: MappedPosition = {
      ...{ topic: 'east.orders', targetTopic: 'orders', partition: 0, producerEpoch: 1 },
      ...{ sourceTopicId: 'there', targetTopicId: 'here', corrupt: undefined },
      ...{ end: { sourceNext: 10n, targetNext: 10n }, fenceMarkers: 1n, fenceEnd: 10n },
    };
    const copy = { mappedPartitions: () => [position], arming: { mapRuns: () => [] } };
    const original = { mappedPartitions: () => [] };
    const side = { cluster, admin: new AdminClient({ cluster, clock: systemClock }) };
    const scope = {
      ...{ flow: flowFrom('east'), source: side, target: side, clock: systemClock },
      ...{ copy: copy as unknown as FlowTarget, original: original as unknown as FlowTarget },
    };
    return rearmSeeds(scope, NEVER);
  }

  it('is the end of both logs, and not before all that lies there went back', async () => {
    const quiet = await seeds();
    assert.equal(quiet.left, undefined);
    assert.deepEqual(quiet.seeds[0]?.start, { sourceOffset: 10n, targetOffset: 10n });
    // Somebody writes on the new primary after the last look at it.
    await writeUnique(servers, { topic: 'east.orders', count: 1 });
    const { seeds: none, left } = await seeds();
    assert.deepEqual(none, []);
    assert.match(left?.message ?? '', /1 partitions were written on west .*east\.orders-0/);
    assert.deepEqual(left?.seeds[0]?.start, { sourceOffset: 10n, targetOffset: 10n });
  });
});
