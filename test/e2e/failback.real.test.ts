import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { connectKafkajs } from '../kit/kafkajs-client.js';
import { eventually } from '../kit/eventually.js';
import { assertMirrored, type HistoryRecord } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl, type Finished } from '../kit/run-mirrorctl.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, decodeUnique, writeUnique } from '../kit/write-unique.js';

const PARTITIONS = [0, 1];
/** Somewhere in the check, the seeding, the copying, the hand-over, the re-arming. */
const KILLED_AFTER_MS = [2_500, 1_500, 3_600, 4_200, 4_800, 5_400];

const FLOW = 'us-east:us-west';

function mm2Properties(east: KafkaServers, west: KafkaServers): string {
  return `
clusters = us-east, us-west
us-east.bootstrap.servers = ${east.bootstrapServers}
us-west.bootstrap.servers = ${west.bootstrapServers}
us-east->us-west.enabled = true
us-west->us-east.enabled = false
us-east->us-west.topics = orders
replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`;
}

describe('failback', () => {
  let east: KafkaServers;
  let west: KafkaServers;
  let config: string;
  let maker: RunningProcess;
  const folder = temporaryFolder('failback');

  before(async () => {
    [east, west] = await Promise.all([startKafka({ name: 'east' }), startKafka({ name: 'west' })]);
    config = join(folder, 'mm2.properties');
    writeFileSync(config, mm2Properties(east, west));
    await createTopics(east, [{ topic: 'orders', partitions: PARTITIONS.length }]);
    maker = await startMaker();
  });

  after(async () => {
    await maker?.stop();
    await Promise.all([east?.stop(), west?.stop()]);
  });

  function startMaker(): Promise<RunningProcess> {
    return startProcess({ name: 'mirror-maker', args: ['mirror-maker/main.js', config] });
  }

  function mirrorctl(...args: string[]): Promise<Finished> {
    const coordinator = String(maker.readyLine['grpc']);
    return runMirrorctl(args, { MIRRORCTL_COORDINATOR: coordinator });
  }

  async function write(
    servers: KafkaServers,
    topic: string,
    { producer, count }: { producer: string; count: number },
  ): Promise<void> {
    await writeUnique(servers, { topic, partitions: PARTITIONS, count, producer });
  }

  /** How many records of each writer a partition holds, in the order in which they come. */
  async function writersOf(servers: KafkaServers, topic: string): Promise<string[]> {
    const records = await readTopic(servers, topic);
    return PARTITIONS.map((partition) => stretches(records, partition));
  }

  async function until(servers: KafkaServers, topic: string, expected: string): Promise<void> {
    let found: string[] = [];
    await eventually(
      async () => {
        found = await writersOf(servers, topic).catch(() => []);
        return found.length > 0 && found.every((each) => each === expected);
      },
      () => found.join(' | '),
      60_000,
    );
  }

  async function setOffsets(servers: KafkaServers, group: string, topic: string, offset: number) {
    const admin = connectKafkajs(servers).admin();
    const partitions = PARTITIONS.map((partition) => ({ partition, offset: String(offset) }));
    await admin.setOffsets({ groupId: group, topic, partitions });
    await admin.disconnect();
  }

  async function offsetsOf(servers: KafkaServers, group: string, topic: string) {
    const admin = connectKafkajs(servers).admin();
    const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    await admin.disconnect();
    return found?.partitions.map(({ offset }) => Number(offset)) ?? [];
  }

  it('brings back what was written since, after the source was lost with a tail', async () => {
    await write(east, 'orders', { producer: 'first', count: 200 });
    await until(west, 'us-east.orders', 'first:200');
    await setOffsets(east, 'reader', 'orders', 120);
    await setOffsets(east, 'idle', 'orders', 200);
    await eventually(
      async () => (await mirrorctl('--json', 'status', FLOW)).out.includes('"idle"'),
      () => 'the groups are not known',
      60_000,
    );
    await maker.stop();
    await write(east, 'orders', { producer: 'lost', count: 10 });
    await east.brokers[0]!.kill();
    maker = await startMaker();
    const promoted = await mirrorctl('promote', FLOW, '--yes');
    assert.equal(promoted.code, 0, promoted.err);
    assert.equal((await mirrorctl('failback', FLOW, '--plan')).code, 4);

    await write(west, 'us-east.orders', { producer: 'west', count: 50 });
    await setOffsets(west, 'reader', 'us-east.orders', 150);
    await setOffsets(west, 'ahead', 'us-east.orders', 201 + 30);
    await east.brokers[0]!.start();

    const plan = await mirrorctl('--json', 'failback', FLOW, '--plan');
    assert.equal(plan.code, 0, plan.out + plan.err);
    const planned = JSON.parse(plan.out) as {
      partitions: { uncrossedRecords: number; copyFrom: number; copyTo: number }[];
    };
    assert.deepEqual(
      planned.partitions.map(({ uncrossedRecords, copyFrom, copyTo }) => [
        ...[uncrossedRecords, copyFrom, copyTo],
      ]),
      PARTITIONS.map(() => [10, 201, 251]),
    );

    const done = await mirrorctl('failback', FLOW, '--yes', '--quarantine-dir', folder);
    assert.equal(done.code, 0, done.err);
    await until(east, 'orders', 'first:200 lost:10 west:50');
    const file = readFileSync(join(folder, 'quarantine.us-east-us-west.jsonl'), 'utf8');
    assert.equal(file.trimEnd().split('\n').length, 20);
    assert.deepEqual(await offsetsOf(east, 'reader', 'orders'), [150, 150]);
    assert.deepEqual(await offsetsOf(east, 'idle', 'orders'), [200, 200]);
    assert.deepEqual(await offsetsOf(east, 'ahead', 'orders'), [240, 240]);

    await write(east, 'orders', { producer: 'back', count: 70 });
    await until(west, 'us-east.orders', 'first:200 west:50 back:70');
    const again = await mirrorctl('failback', FLOW, '--yes', '--quarantine-dir', folder);
    assert.equal(again.code, 0, again.err);
    assert.match(again.out, /failed back before; nothing was changed/);
    await eventually(
      async () => (await mirrorctl('status')).code === 0,
      () => '',
      60_000,
    );
  });

  it('does so again after a planned promotion, and all the same history lies on both', async () => {
    const promoted = await mirrorctl('promote', FLOW, '--yes');
    assert.equal(promoted.code, 0, promoted.err);
    await write(west, 'us-east.orders', { producer: 'second', count: 40 });
    const done = await mirrorctl('failback', FLOW, '--yes', '--quarantine-dir', folder);
    assert.equal(done.code, 0, done.err);
    await until(east, 'orders', 'first:200 lost:10 west:50 back:70 second:40');
    await write(east, 'orders', { producer: 'last', count: 20 });
    await until(west, 'us-east.orders', 'first:200 west:50 back:70 second:40 last:20');
    const source = (await readTopic(east, 'orders')).filter(
      (record) => decodeUnique(record.value!)?.producer !== 'lost',
    );
    assertMirrored(source, await readTopic(west, 'us-east.orders'));
  });

  it('refuses to hand over while somebody writes on the new primary, and can be killed at any time', async () => {
    assert.equal((await mirrorctl('promote', FLOW, '--yes')).code, 0);
    const stop = new AbortController();
    const { signal } = stop;
    const topic = 'us-east.orders';
    const writing = writeUnique(west, {
      topic,
      producer: 'busy',
      pauseMs: 100,
      batchRecords: 5,
      signal,
    });
    const busy = await mirrorctl('failback', FLOW, '--yes', '--quarantine-dir', folder);
    assert.equal(busy.code, 4, busy.out);
    assert.match(busy.err, /producers write on us-west: stop them .*us-east\.orders-0/);
    stop.abort();
    const { next } = await writing;
    for (const afterMs of KILLED_AFTER_MS) {
      const call = mirrorctl('failback', FLOW, '--yes', '--quarantine-dir', folder);
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      await maker.kill('SIGKILL');
      await call;
      maker = await startMaker();
    }
    const done = async (): Promise<Finished> =>
      mirrorctl('failback', FLOW, '--yes', '--wait', '--quarantine-dir', folder);
    let last: Finished | undefined;
    await eventually(
      async () => (last = await done()).code === 0,
      () => `${last?.out}${last?.err}`,
      120_000,
    );
    await writeUnique(east, { topic: 'orders', producer: 'after', count: 15 });
    const end = `second:40 last:20 busy:${next} after:15`;
    const first = async (): Promise<string> =>
      stretches(await readTopic(west, 'us-east.orders'), 0);
    await eventually(async () => (await first()).endsWith(end), first, 60_000);
    assert.ok(stretches(await readTopic(east, 'orders'), 0).endsWith(end));
  });
});

/** `first:200 west:50`: each writer with the count of its records that follow each other. */
function stretches(records: readonly HistoryRecord[], partition: number): string {
  const found: { producer: string; count: number }[] = [];
  for (const record of records.filter((each) => each.partition === partition)) {
    const { producer } = decodeUnique(record.value!)!;
    const last = found.at(-1);
    if (last?.producer === producer) last.count += 1;
    else found.push({ producer, count: 1 });
  }
  return found.map(({ producer, count }) => `${producer}:${count}`).join(' ');
}
