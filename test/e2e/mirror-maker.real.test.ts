import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const RECORDS_PER_PARTITION = 15_000;
const PARTITIONS = [0, 1, 2, 3];

/** The seed's first example, with addresses replaced and one broker per cluster. */
function mm2Properties(east: KafkaServers, west: KafkaServers): string {
  return `
clusters = us-east, us-west
us-east.bootstrap.servers = ${east.bootstrapServers}
us-west.bootstrap.servers = ${west.bootstrapServers}
us-east->us-west.enabled = true
us-west->us-east.enabled = false # Disable for Active-Passive
us-east->us-west.topics = orders.*, payments.*, inventory.*
us-east->us-west.topics.blacklist = .*\\\\.internal, __consumer_offsets
us-east->us-west.groups = payment-consumer-group, order-processor-group
us-east->us-west.replication.factor = 1
replication.policy.class = org.apache.kafka.connect.mirror.DefaultReplicationPolicy
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`;
}

describe('mirror-maker', () => {
  let east: KafkaServers;
  let west: KafkaServers;
  let config: string;

  before(async () => {
    [east, west] = await Promise.all([startKafka({ name: 'east' }), startKafka({ name: 'west' })]);
    config = join(temporaryFolder('mirror-maker'), 'mm2.properties');
    writeFileSync(config, mm2Properties(east, west));
  });

  after(async () => {
    await Promise.all([east.stop(), west.stop()]);
  });

  const start = (): Promise<RunningProcess> =>
    startProcess({
      name: 'mirror-maker',
      args: ['mirror-maker/main.js', config],
    });

  async function mirrored(records: number): Promise<void> {
    await eventually(
      async () => (await readTopic(west, 'us-east.orders').catch(() => [])).length >= records,
      () => '',
      60_000,
    );
  }

  it('mirrors every record once and in order, though it is killed three times', async () => {
    await createTopics(east, [{ topic: 'orders', partitions: PARTITIONS.length }]);
    const writing = writeUnique(east, {
      topic: 'orders',
      partitions: PARTITIONS,
      count: RECORDS_PER_PARTITION,
    });
    const total = RECORDS_PER_PARTITION * PARTITIONS.length;
    for (const share of [0.2, 0.5, 0.8]) {
      const maker = await start();
      await mirrored(share * total);
      await maker.kill('SIGKILL');
    }
    const maker = await start();
    await writing;
    await mirrored(total);
    assertMirrored(await readTopic(east, 'orders'), await readTopic(west, 'us-east.orders'));
    assert.deepEqual(await maker.stop(), { code: 0, signal: null });
  });
});
