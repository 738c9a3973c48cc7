import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { withAdmin } from '../kit/with-admin.js';
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
    await Promise.all(running.map((maker) => maker.stop()));
    await Promise.all([east.stop(), west.stop()]);
  });

  const running: RunningProcess[] = [];

  async function start(): Promise<RunningProcess> {
    const maker = await startProcess({
      name: 'mirror-maker',
      args: ['mirror-maker/main.js', config],
    });
    running.push(maker);
    return maker;
  }

  async function mirrored(records: number, topic = 'us-east.orders'): Promise<void> {
    await eventually(
      async () => (await readTopic(west, topic).catch(() => [])).length >= records,
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

  it('halts where retention outran it, and goes on when an operator accepts that', async () => {
    await createTopics(east, [{ topic: 'payments', partitions: 2 }]);
    await writeUnique(east, { topic: 'payments', partitions: [0, 1], count: 20 });
    const first = await start();
    await mirrored(40, 'us-east.payments');
    await first.stop();
    await writeUnique(east, { topic: 'payments', partitions: [0, 1], count: 20, from: 20 });
    const trimmed = { topic: 'payments', partition: 0, beforeOffset: 30n };
    await withAdmin(east, (admin) => admin.deleteRecords([trimmed]));
    const maker = await start();
    const coordinator = { MIRRORCTL_COORDINATOR: String(maker.readyLine['grpc']) };
    const status = () => runMirrorctl(['status', 'us-east:us-west'], coordinator);
    // One partition stands still and says why; the other has gone on.
    const halted = /payments-0 source-data-lost: .* offsets 20 to 29 were/;
    await eventually(async () => halted.test((await status()).out), status);
    assert.equal((await status()).code, 3);
    await mirrored(60, 'us-east.payments');
    const halts = () => maker.lines.filter((line) => line['code'] === 'source-data-lost').length;
    const before = halts();
    const again = await runMirrorctl(['resume', 'us-east:us-west'], coordinator);
    assert.match(again.out, /payments +0 +source-data-lost/);
    // The first halt is shown until its copier is gone, and what is accepted must be the second.
    await eventually(() => halts() > before, halts);
    await eventually(async () => halted.test((await status()).out), status);
    const args = ['resume', 'us-east:us-west', '--topics', 'pay.*', '--accept', 'source-data-lost'];
    const accepted = await runMirrorctl(args, coordinator);
    assert.equal(accepted.code, 0, accepted.err);
    await mirrored(70, 'us-east.payments');
    await eventually(async () => (await status()).code === 0, status);
    const source = await readTopic(east, 'payments');
    const target = await readTopic(west, 'us-east.payments');
    const trimmedOff = target.filter(({ partition, offset }) => partition === 0 && offset < 20n);
    const after = target.filter((record) => !trimmedOff.includes(record));
    assertMirrored(source, after);
    await maker.stop();
  });

  it('drains before a planned promotion, and stays promoted after a restart', async () => {
    const total = RECORDS_PER_PARTITION * PARTITIONS.length + 1_000;
    const maker = await start();
    const coordinator = { MIRRORCTL_COORDINATOR: String(maker.readyLine['grpc']) };
    const status = () => runMirrorctl(['status', 'us-east:us-west'], coordinator);
    await eventually(async () => (await status()).code === 0, status);
    await writeUnique(east, { topic: 'orders', count: 1_000, from: RECORDS_PER_PARTITION });
    const promote = ['promote', 'us-east:us-west', '--yes'];
    const first = await runMirrorctl(promote, coordinator);
    assert.equal(first.code, 0, first.err);
    assert.match(first.out, /Source is reachable/);
    assert.match(first.out, /done +drain/);
    assert.equal((await readTopic(west, 'us-east.orders')).length, total);
    await maker.stop();

    const again = await start();
    const other = { MIRRORCTL_COORDINATOR: String(again.readyLine['grpc']) };
    const second = async () => runMirrorctl(promote, other);
    await eventually(async () => (await second()).out.includes('was promoted before'), second);
    await again.stop();
  });
});
