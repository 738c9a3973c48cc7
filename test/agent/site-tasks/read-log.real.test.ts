import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { LogReader } from '../../../agent/site-tasks/read-log.js';
import { Throttle } from '../../../agent/site-tasks/throttle.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import { KafkaCluster } from '../../../kafka/client/index.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { createTopics, writeUnique } from '../../kit/write-unique.js';

describe('LogReader on a log that lost its beginning to retention', () => {
  let servers: KafkaServers;
  let cluster: KafkaCluster;
  let reader: LogReader;

  before(async () => {
    servers = await startKafka({ name: 'read-log' });
    cluster = new KafkaCluster({
      alias: 'read-log',
      bootstrapServers: servers.bootstrapServers.split(','),
      clientId: 'test',
      clock: systemClock,
      log: silentLogger,
    });
    await createTopics(servers, [{ topic: 'aged' }]);
    await writeUnique(servers, { topic: 'aged', count: 100, batchRecords: 10 });
    await cluster.metadata(['aged']);
    const admin = new AdminClient({ cluster, clock: systemClock });
    await admin.deleteRecords([{ topic: 'aged', partition: 0, beforeOffset: 50n }]);
    reader = new LogReader({
      cluster,
      topic: 'aged',
      topicId: cluster.topicIdOf('aged')!,
      partition: 0,
      clock: systemClock,
      throttle: new Throttle(systemClock, 0n),
      signal: new AbortController().signal,
    });
  });

  after(async () => {
    await cluster.close();
    await servers.stop();
  });

  it('goes on where the log begins, on either side', async () => {
    for (const read of [reader.readSource(10n), reader.readTarget(10n)]) {
      const { batches, next, logStart } = await read;
      assert.deepEqual({ batches, next, logStart }, { batches: [], next: 50n, logStart: 50n });
    }
    const [first] = (await reader.readTarget(50n)).batches;
    assert.equal(first?.firstOffset, 50n);
  });

  it('goes nowhere behind the end', async () => {
    const { next, logStart } = await reader.readSource(500n);
    assert.deepEqual({ next, logStart }, { next: 500n, logStart: 50n });
  });

  it('knows the end whatever was removed', async () => {
    assert.equal(await reader.end(), 100n);
  });
});
