import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type LogLine, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const PARTITIONS = [0, 1];

describe('a changed configuration file', () => {
  let east: KafkaServers;
  let west: KafkaServers;
  let file: string;
  let maker: RunningProcess;

  /** The file with more lines, as an operator would write it over the old one. */
  function write(...lines: string[]): void {
    const text = `
clusters = east, west
east.bootstrap.servers = ${east.bootstrapServers}
west.bootstrap.servers = ${west.bootstrapServers}
east->west.enabled = true
replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
${lines.join('\n')}
`;
    writeFileSync(file, text);
  }

  /** Writes the file, and waits for what the process says of it. */
  async function reload(outcome: RegExp, ...lines: string[]): Promise<LogLine> {
    const told = maker.lines.length;
    write(...lines);
    const found = (): LogLine | undefined =>
      maker.lines.slice(told).find(({ msg }) => outcome.test(String(msg)));
    await eventually(
      () => Promise.resolve(found() !== undefined),
      () => `a line like ${String(outcome)}`,
      60_000,
    );
    return found() ?? {};
  }

  async function metric(line: RegExp): Promise<number> {
    return metricIn(await metrics(), line);
  }

  async function metrics(): Promise<string> {
    return (await fetch(`http://${String(maker.readyLine['http'])}/metrics`)).text();
  }

  function metricIn(text: string, line: RegExp): number {
    return Number(line.exec(text)?.[1] ?? NaN);
  }

  /** A record is on the target before the answer that counts it has come. */
  async function counts(line: RegExp, wanted: number): Promise<void> {
    await eventually(
      async () => (await metric(line)) === wanted,
      () => metric(line),
    );
  }

  async function mirrored(cluster: KafkaServers, topic: string, count: number): Promise<void> {
    await eventually(
      async () => (await readTopic(cluster, topic).catch(() => [])).length >= count,
      () => `${count} records in ${topic}`,
      60_000,
    );
  }

  before(async () => {
    [east, west] = await Promise.all([startKafka({ name: 'east' }), startKafka({ name: 'west' })]);
    file = join(temporaryFolder('config-reload'), 'mm2.properties');
    const topics = ['orders', 'eu-customers'].map((topic) => ({ topic, partitions: 2 }));
    await createTopics(east, topics);
    write();
    maker = await startProcess({ name: 'mirror-maker', args: ['mirror-maker/main.js', file] });
    for (const topic of ['orders', 'eu-customers'])
      await writeUnique(east, { topic, partitions: PARTITIONS, count: 500 });
    await mirrored(west, 'east.orders', 1_000);
    await mirrored(west, 'east.eu-customers', 1_000);
  });

  after(async () => {
    await maker.stop();
    await Promise.all([east.stop(), west.stop()]);
  });

  it('stops a topic before it is reported as applied, and restarts no other', async () => {
    const writing = writeUnique(east, {
      ...{ topic: 'eu-customers', partitions: PARTITIONS, count: 20_000, from: 500 },
    });
    const applied = await reload(/^configuration applied$/, 'topics.exclude = eu-.*');
    const held = (await readTopic(west, 'east.eu-customers')).length;
    assert.deepEqual(applied['changed'], ['east->west']);
    assert.deepEqual(applied['keys'], ['topics.exclude']);
    await writing;
    await writeUnique(east, {
      topic: 'eu-customers',
      partitions: PARTITIONS,
      count: 10,
      from: 20_500,
    });
    await writeUnique(east, { topic: 'orders', partitions: PARTITIONS, count: 500, from: 500 });
    await mirrored(west, 'east.orders', 2_000);
    assert.equal((await readTopic(west, 'east.eu-customers')).length, held);
    // A copier that had been started anew would count from its own start.
    const records = /mirror_agent_records_total\{[^}]*topic="orders",partition="0"\} (\d+)/;
    await counts(records, 1_000);
    assert.ok(Number.isNaN(await metric(/mirror_agent_records_total\{[^}]*eu-customers.* (\d+)/)));
  });

  it('goes on where it was once the topic is selected again', async () => {
    await reload(/^configuration applied$/, 'emit.checkpoints.interval.seconds = 5');
    await mirrored(west, 'east.eu-customers', 41_020);
    assertMirrored(
      await readTopic(east, 'eu-customers'),
      await readTopic(west, 'east.eu-customers'),
    );
  });

  it('refuses a bad file with one error, and runs on', async () => {
    const refused = await reload(/^configuration refused/, 'topics = (?=no)', 'nonsense = 1');
    assert.match(String(refused['problems']), /mm2\.properties:\d+: .*look-ahead/);
    assert.equal(await metric(/reloads_total\{outcome="refused"\} (\d+)/), 1);
    await writeUnique(east, { topic: 'orders', partitions: PARTITIONS, count: 10, from: 1_000 });
    await mirrored(west, 'east.orders', 2_020);
  });

  it('adds and removes flows, and names what needs a restart', async () => {
    await createTopics(west, [{ topic: 'local', partitions: 1 }]);
    await writeUnique(west, { topic: 'local', partitions: [0], count: 50 });
    const more = ['west->east.enabled = true', 'coordinator.lease.ttl.ms = 9000'];
    const partial = await reload(/^configuration applied, but/, ...more);
    assert.deepEqual(partial['added'], ['west->east']);
    assert.deepEqual(partial['restartKeys'], ['coordinator.lease.ttl.ms']);
    await mirrored(east, 'west.local', 50);
    const gone = await reload(/^configuration applied, but/);
    assert.deepEqual(gone['removed'], ['west->east']);
    await writeUnique(west, { topic: 'local', partitions: [0], count: 50, from: 50 });
    await writeUnique(east, { topic: 'orders', partitions: PARTITIONS, count: 10, from: 1_010 });
    await mirrored(west, 'east.orders', 2_040);
    assert.equal((await readTopic(east, 'west.local')).length, 50);
    assertMirrored(await readTopic(east, 'orders'), await readTopic(west, 'east.orders'));
  });

  it("serves MirrorMaker 2's metrics as the JMX exporter renders them", async () => {
    const labels = 'source="east",target="west",topic="east.orders",partition="0"';
    const lineOf = (name: string): RegExp =>
      new RegExp(`^kafka_connect_mirror_mirrorsourceconnector_${name}\\{${labels}\\} (\\S+)$`, 'm');
    await counts(lineOf('record_count'), 1_020);
    // Of one moment: what they are about goes on.
    const text = await metrics();
    const of = (name: string): number => metricIn(text, lineOf(name));
    assert.ok(of('byte_rate') > 0);
    for (const name of ['record_age_ms', 'replication_latency_ms']) {
      const [min, avg, max] = ['min', 'avg', 'max'].map((suffix) => of(`${name}_${suffix}`));
      assert.ok(min! <= avg! && avg! <= max!, `${name}: ${min} ${avg} ${max}`);
      assert.ok(of(name) >= 0);
    }
  });

  it('looks again on SIGHUP', async () => {
    await maker.kill('SIGHUP');
    await eventually(
      async () => (await metric(/reloads_total\{outcome="unchanged"\} (\d+)/)) === 1,
      () => 'one reload without a change',
    );
  });
});
