import assert from 'node:assert/strict';
import { it } from 'node:test';

import { GroupWatch } from '../../../agent/site/group-watch.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import { flowFrom } from '../../coordinator/target/open-on-broker.js';
import { clusterOf } from '../../kafka/records/on-broker.js';
import { eventually } from '../../kit/eventually.js';
import { startKafka } from '../../kit/start-kafka.js';
import { withAdmin } from '../../kit/with-admin.js';
import { createTopics } from '../../kit/write-unique.js';

it('says which partition of the group coordinators has no leader, until it has one', async (t) => {
  const config = { 'offsets.topic.replication.factor': '1' };
  const source = await startKafka({ name: 'group-trouble', brokers: 2, config });
  t.after(() => source.stop());
  await createTopics(source, [{ topic: 'orders' }]);
  await withAdmin(source, (admin) =>
    admin.commitGroupOffsets('g', [{ topic: 'orders', partition: 0, offset: 0n }]),
  );
  await using cluster = clusterOf(source.bootstrapServers);
  const stop = new AbortController();
  const told: string[] = [];
  let reports = 0;
  const watch = new GroupWatch({
    ...{ flow: flowFrom('east', 'topics = orders'), source: cluster, clock: systemClock },
    admin: new AdminClient({ cluster, clock: systemClock }),
    log: silentLogger,
    send: () => (reports += 1) > 0,
    trouble: (problem) => told.push(problem),
  });
  const running = watch.run(stop.signal);
  await eventually(() => reports > 0, undefined, 30_000);
  // The tail is there already, and goes on with the partitions of the others.
  await source.brokers[1]!.kill();
  await eventually(() => told.length > 0, undefined, 60_000);
  assert.match(told[0]!, /^partition \d+ of __consumer_offsets cannot be read: /);
  await source.brokers[1]!.start();
  await eventually(
    () => told.at(-1) === '',
    () => told,
    60_000,
  );
  stop.abort();
  await running;
});
