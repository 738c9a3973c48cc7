import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { connectKafkajs } from '../kit/kafkajs-client.js';
import { eventually } from '../kit/eventually.js';
import { assertMirrored, checkFence } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const TOPICS = ['orders', 'payments'];
const FLOW = 'us-east:us-west';
const COUNT = 500;

function properties(east: KafkaServers, west: KafkaServers): string {
  return `
clusters = us-east, us-west
us-east.bootstrap.servers = ${east.bootstrapServers}
us-west.bootstrap.servers = ${west.bootstrapServers}
us-east->us-west.enabled = true
us-east->us-west.topics = orders, payments
us-east->us-west.groups = billing
replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`;
}

describe('failover by mirrorctl', () => {
  let east: KafkaServers;
  let west: KafkaServers;
  let config: string;
  let maker: RunningProcess;
  const running: RunningProcess[] = [];

  before(async () => {
    [east, west] = await Promise.all([startKafka({ name: 'east' }), startKafka({ name: 'west' })]);
    config = join(temporaryFolder('failover'), 'mm2.properties');
    writeFileSync(config, properties(east, west));
    await createTopics(
      east,
      TOPICS.map((topic) => ({ topic, partitions: 2 })),
    );
    for (const topic of TOPICS)
      await writeUnique(east, { topic, partitions: [0, 1], count: COUNT });
    await commit(east, { orders: 120, payments: 30 });
    maker = await start();
    await eventually(async () => (await mirrorctl('status', FLOW)).code === 0, status, 60_000);
    await eventually(async () => /billing +payments/.test((await status()).out), status);
  });

  after(async () => {
    await Promise.all(running.map((each) => each.stop()));
    await Promise.all([east.stop(), west.stop()]);
  });

  async function start(): Promise<RunningProcess> {
    const started = await startProcess({
      name: 'mirror-maker',
      args: ['mirror-maker/main.js', config],
    });
    running.push(started);
    return started;
  }

  const mirrorctl = (...args: string[]): ReturnType<typeof runMirrorctl> =>
    runMirrorctl(args, { MIRRORCTL_COORDINATOR: String(maker.readyLine['grpc']) });
  const status = (): ReturnType<typeof runMirrorctl> => mirrorctl('status', FLOW);

  async function commit(kafka: KafkaServers, offsets: Record<string, number>): Promise<void> {
    const admin = connectKafkajs(kafka).admin();
    await admin.connect();
    for (const [topic, offset] of Object.entries(offsets)) {
      const partitions = [0, 1].map((partition) => ({ partition, offset: String(offset) }));
      await admin.setOffsets({ groupId: 'billing', topic, partitions });
    }
    await admin.disconnect();
  }

  /** Offsets of the first records that a real consumer of the group gets, by partition. */
  async function firstRead(topic: string): Promise<Record<number, string>> {
    const consumer = connectKafkajs(west).consumer({ groupId: 'billing' });
    const first: Record<number, string> = {};
    await consumer.connect();
    await consumer.subscribe({ topics: [topic] });
    await consumer.run({
      eachMessage: ({ partition, message }) => {
        first[partition] ??= message.offset;
        return Promise.resolve();
      },
    });
    await eventually(
      () => Promise.resolve(Object.keys(first).length === 2),
      () => first,
    );
    await consumer.disconnect();
    return first;
  }

  /** What a cluster still has of a rehearsal, by its own name or as a copy. */
  const leftOf = (kafka: KafkaServers, topic: string): Promise<string[]> =>
    withAdmin(kafka, async (admin, cluster) => {
      const groups = (await admin.listGroups()).map(({ groupId }) => groupId);
      const { topics } = await cluster.metadata(null);
      return [...groups, ...topics.keys()].filter((name) => name.endsWith(topic));
    });

  it('rehearses in a topic and a group of its own, and leaves nothing behind', async () => {
    const folder = mkdtempSync(join(temporaryFolder('drills'), 'q1-'));
    const expected = ['--expect-rto', '10m', '--expect-rpo', '0', '--report', folder];
    const drill = await mirrorctl('drill', FLOW, ...expected);
    assert.equal(drill.code, 0, `${drill.out}${drill.err}`);
    assert.match(drill.out, /done +promote\/fence/);
    assert.match(drill.out, /Skipped 0, read twice 0/);

    const files = readdirSync(folder).sort();
    const document = JSON.parse(readFileSync(join(folder, files[0]!), 'utf8')) as {
      verdict: string;
      rpoRecords: number;
      topic: string;
    };
    const { verdict, rpoRecords, topic } = document;
    assert.deepEqual([verdict, rpoRecords], ['met', 0]);
    assert.match(readFileSync(join(folder, files[1]!), 'utf8'), /\| RTO, .* \| 10 min 0 s \|/);

    // A broker may hear of it a moment after its controller has answered.
    const left = () => Promise.all([leftOf(east, topic), leftOf(west, topic)]);
    await eventually(async () => (await left()).flat().length === 0, left, 60_000);
    const after = await mirrorctl('status', FLOW);
    assert.equal(after.code, 0, after.out);
    assert.doesNotMatch(after.out, /mirrorctl-drill/);
    const journal = await mirrorctl('journal', FLOW);
    assert.match(journal.out, /drill us-east->us-west +done .*rpo 0 records/);
    const missed = await mirrorctl('drill', FLOW, '--expect-rto', '1ms', '--expect-rpo', '0');
    assert.equal(missed.code, 3, `${missed.out}${missed.err}`);
  });

  it('promotes one topic for good, while the other is copied on', async () => {
    const plan = await mirrorctl('promote', FLOW, '--plan', '--topics', 'orders');
    assert.match(plan.out, /orders +us-east\.orders +2 +0/);
    assert.doesNotMatch(plan.out, /payments/);
    const promoted = await mirrorctl('promote', FLOW, '--yes', '--topics', 'orders');
    assert.equal(promoted.code, 0, `${promoted.out}${promoted.err}`);
    const atFence = await readTopic(west, 'us-east.orders');
    assert.deepEqual(await firstRead('us-east.orders'), { 0: '120', 1: '120' });
    for (const topic of TOPICS) {
      await writeUnique(east, { topic, partitions: [0, 1], count: 50, from: COUNT });
    }
    const copied = async (): Promise<number> => (await readTopic(west, 'us-east.payments')).length;
    await eventually(async () => (await copied()) === 2 * (COUNT + 50), copied);
    assert.equal((await readTopic(west, 'us-east.orders')).length, 2 * COUNT);
    assert.match((await status()).out, /orders +0 +promoted/);

    await maker.kill('SIGKILL');
    maker = await start();
    await writeUnique(east, { topic: 'payments', partitions: [0, 1], count: 10, from: COUNT + 50 });
    await eventually(async () => (await copied()) === 2 * (COUNT + 60), copied, 60_000);
    assertMirrored(await readTopic(east, 'payments'), await readTopic(west, 'us-east.payments'));
    assert.match((await status()).out, /orders +0 +promoted/);
    assert.deepEqual(checkFence(atFence, await readTopic(west, 'us-east.orders')), []);
    const again = await mirrorctl('promote', FLOW, '--yes', '--topics', 'orders');
    assert.match(again.out, /orders of us-east->us-west was promoted before/);
  });

  it('names who still writes on the source', async () => {
    const producer = connectKafkajs(east).producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    await producer.send({ topic: 'payments', messages: [{ partition: 1, value: 'last' }] });
    const plan = () => mirrorctl('promote', FLOW, '--plan');
    const named =
      /producers-active: the source is still written to: producer \d+ on payments-\d, last at 2/;
    // A plan waits three seconds for a source that has to tell; one without it says that.
    await eventually(async () => named.test((await plan()).out), plan, 60_000);
    await producer.disconnect();
  });

  it('promotes the rest when the source is dead', async () => {
    await eventually(async () => (await mirrorctl('status', FLOW)).code === 0, status, 60_000);
    for (const broker of east.brokers) await broker.kill();
    const refused = await mirrorctl('promote', FLOW, '--yes', '--planned');
    const seen = `${refused.out}${refused.err}`;
    assert.equal(refused.code, 4, seen);
    const promoted = await mirrorctl('promote', FLOW, '--yes');
    assert.equal(promoted.code, 0, `${promoted.out}${promoted.err}`);
    assert.deepEqual(await firstRead('us-east.payments'), { 0: '30', 1: '30' });
    const drill = await mirrorctl('drill', FLOW);
    assert.equal(drill.code, 4, drill.err);
  });
});
