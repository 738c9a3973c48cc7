import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { LogReadError, readLog, type LogPlace } from '../../../coordinator/failback/log-reader.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import { KafkaCluster } from '../../../kafka/client/index.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { createTopics, writeUnique } from '../../kit/write-unique.js';

describe('readLog', () => {
  let servers: KafkaServers;
  let cluster: KafkaCluster;

  before(async () => {
    servers = await startKafka({ name: 'log-reader' });
    cluster = new KafkaCluster({
      alias: 'log-reader',
      bootstrapServers: servers.bootstrapServers.split(','),
      clientId: 'test',
      clock: systemClock,
      log: silentLogger,
    });
    await createTopics(servers, [{ topic: 'aged' }]);
    await writeUnique(servers, { topic: 'aged', count: 100, batchRecords: 10 });
    await cluster.metadata(['aged']);
    const admin = new AdminClient({ cluster, clock: systemClock });
    await admin.deleteRecords([{ topic: 'aged', partition: 0, beforeOffset: 45n }]);
  });

  after(async () => {
    await cluster.close();
    await servers.stop();
  });

  async function offsets(from: bigint, to: bigint): Promise<bigint[]> {
    const sleep = (ms: number): Promise<void> => systemClock.sleep(ms);
    const place: LogPlace = { cluster, topic: 'aged', partition: 0, from, to, sleep };
    const found: bigint[] = [];
    for await (const batch of readLog(place, new AbortController().signal)) {
      found.push(...batch.records().map(({ offset }) => offset));
    }
    return found;
  }

  // A fetch below the log's start answers with a log start offset of -1.
  it('reads what retention has left of a stretch', async () => {
    const found = await offsets(0n, 60n);
    assert.ok(found[0]! >= 40n && found[0]! <= 45n, `it begins at ${found[0]}`);
    assert.equal(found.at(-1), 59n);
  });

  it('says so when the log ends before the stretch does', async () => {
    await assert.rejects(offsets(150n, 200n), LogReadError);
  });
});
