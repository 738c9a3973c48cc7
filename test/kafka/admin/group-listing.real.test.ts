import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';

import { systemClock } from '../../../common/clock.js';
import { MirrorError } from '../../../common/errors.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import { offsetsPartitionOf, probeFor } from '../../../kafka/admin/groups-loaded.js';
import { clusterOf } from '../records/on-broker.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { createTopics } from '../../kit/write-unique.js';

const GROUPS = 60;
const RESTARTS = 3;
const OFFSET = { topic: 't', partition: 0, offset: 1n, leaderEpoch: -1, metadata: '' };

let kafka: KafkaServers;

before(async () => {
  kafka = await startKafka({ name: 'groups' });
  await createTopics(kafka, [{ topic: 't' }]);
});

after(() => kafka.stop());

it('finds the partition of a group as brokers do', () => {
  assert.equal(offsetsPartitionOf('abc', 50), 96_354 % 50);
  assert.equal(offsetsPartitionOf('polygenelubricants', 50), 0, 'the least of all integers');
  const probes = Array.from({ length: 50 }, (_, partition) => probeFor(partition, 50));
  assert.deepEqual(
    probes.map((name) => offsetsPartitionOf(name, 50)),
    probes.map((_, partition) => partition),
  );
});

it('lists all groups or none, also of a broker that has just started', async () => {
  {
    await using cluster = clusterOf(kafka.bootstrapServers);
    const admin = new AdminClient({ cluster, clock: systemClock });
    for (let n = 0; n < GROUPS; n += 1) await admin.commitGroupOffsets(`group-${n}`, [OFFSET]);
    assert.equal((await admin.listGroups()).length, GROUPS);
  }
  for (let restart = 0; restart < RESTARTS; restart += 1) {
    await kafka.brokers[0]!.kill();
    kafka.brokers[0]!.launch();
    let listed: number | undefined;
    while (listed === undefined) {
      // Each its own, which waits for nothing: the moment in question is short.
      await using cluster = clusterOf(kafka.bootstrapServers);
      const admin = new AdminClient({ cluster, clock: systemClock });
      try {
        listed = (await admin.listGroups()).length;
      } catch (error) {
        assert.ok(error instanceof MirrorError && error.retriable, String(error));
      }
    }
    assert.equal(listed, GROUPS);
  }
});
