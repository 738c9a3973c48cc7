import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { commitOffsets, committedOffsets } from '../kit/group-offsets.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const ALIASES = ['factory-a', 'factory-b', 'factory-c', 'hub'] as const;
type Alias = (typeof ALIASES)[number];

const RECORDS = 2_000;
const ARRIVED_MS_MAX = 90_000;

/** Both directions between two factories, all three to the hub, and a chain over two of them. */
function properties(clusters: Readonly<Record<Alias, KafkaServers>>): string {
  const bootstrap = ALIASES.map(
    (alias) => `${alias}.bootstrap.servers = ${clusters[alias].bootstrapServers}`,
  );
  return `
clusters = ${ALIASES.join(', ')}
${bootstrap.join('\n')}
factory-a->factory-b.enabled = true
factory-b->factory-a.enabled = true
factory-a->factory-b.topics = orders, chained
factory-b->factory-a.topics = orders, .*orders
factory-b->factory-c.enabled = true
factory-b->factory-c.topics = factory-a.chained
factory-a->hub.enabled = true
factory-b->hub.enabled = true
factory-c->hub.enabled = true
factory-a->hub.topics = sensor-data
factory-b->hub.topics = sensor-data
factory-c->hub.topics = sensor-data
replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
sync.group.offsets.enabled = true
sync.group.offsets.interval.seconds = 1
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`;
}

describe('topologies', () => {
  let clusters: Readonly<Record<Alias, KafkaServers>>;
  let maker: RunningProcess | undefined;

  before(async () => {
    const started = await Promise.all(ALIASES.map((name) => startKafka({ name })));
    clusters = Object.fromEntries(
      ALIASES.map((alias, index) => [alias, started[index]!]),
    ) as Record<Alias, KafkaServers>;
    // Producers of one cluster have higher ids than those of the next: they mean nothing there.
    for (const id of ['one', 'two', 'three'])
      await withAdmin(clusters['factory-b'], (admin) => admin.obtainProducer(id));
    const config = join(temporaryFolder('topologies'), 'mm2.properties');
    writeFileSync(config, properties(clusters));
    maker = await startProcess({ name: 'mirror-maker', args: ['mirror-maker/main.js', config] });
  });

  after(async () => {
    await maker?.stop();
    await Promise.all(Object.values(clusters).map((cluster) => cluster.stop()));
  });

  async function write(alias: Alias, topic: string, from = 0): Promise<void> {
    await writeUnique(clusters[alias], { topic, partitions: [0, 1], count: RECORDS, from });
  }

  /** Until as many records as on the source are there, and then: the same ones, once and in order. */
  async function assertCopied(
    from: { readonly alias: Alias; readonly topic: string },
    to: { readonly alias: Alias; readonly topic: string },
  ): Promise<void> {
    const source = await readTopic(clusters[from.alias], from.topic);
    assert.ok(source.length > 0);
    const read = async () => await readTopic(clusters[to.alias], to.topic).catch(() => []);
    await eventually(
      async () => (await read()).length >= source.length,
      async () => `${(await read()).length} of ${source.length} records in ${to.topic}`,
      ARRIVED_MS_MAX,
    );
    assertMirrored(source, await read());
  }

  async function mirroredTopics(flow: string): Promise<string[]> {
    const coordinator = { MIRRORCTL_COORDINATOR: String(maker?.readyLine['grpc']) };
    const { out } = await runMirrorctl(['topics', flow, '--json'], coordinator);
    const { topics } = JSON.parse(out) as { topics: { targetTopic: string }[] };
    return topics.map(({ targetTopic }) => targetTopic);
  }

  it('mirrors in both directions without a loop, and the counts stay', async () => {
    for (const alias of ['factory-a', 'factory-b'] as const) {
      await createTopics(clusters[alias], [{ topic: 'orders', partitions: 2 }]);
      await write(alias, 'orders');
    }
    const there = [
      { alias: 'factory-a', topic: 'orders' },
      { alias: 'factory-b', topic: 'factory-a.orders' },
    ] as const;
    const back = [
      { alias: 'factory-b', topic: 'orders' },
      { alias: 'factory-a', topic: 'factory-b.orders' },
    ] as const;
    await assertCopied(...there);
    await assertCopied(...back);
    // What was copied had all this time to come back: a second wave passes it, and shows that nothing did.
    for (const alias of ['factory-a', 'factory-b'] as const) await write(alias, 'orders', RECORDS);
    await assertCopied(...there);
    await assertCopied(...back);
    // The filter of one direction would take what came from there, if the name did not forbid it.
    for (const flow of ['factory-a:factory-b', 'factory-b:factory-a']) {
      const looped = (await mirroredTopics(flow)).filter((name) => /orders/.test(name));
      assert.equal(looped.length, 1, `${flow} mirrors ${looped.join(', ')}`);
    }
  });

  it('gathers the same topic of three factories on a hub, each under its own name', async () => {
    const factories = ['factory-a', 'factory-b', 'factory-c'] as const;
    for (const alias of factories) {
      await createTopics(clusters[alias], [{ topic: 'sensor-data', partitions: 2 }]);
      await write(alias, 'sensor-data');
    }
    for (const alias of factories) {
      const copy = { alias: 'hub', topic: `${alias}.sensor-data` } as const;
      await assertCopied({ alias, topic: 'sensor-data' }, copy);
    }
  });

  it('passes records on along a chain, with the names of both hops', async () => {
    await createTopics(clusters['factory-a'], [{ topic: 'chained', partitions: 2 }]);
    await write('factory-a', 'chained');
    await assertCopied(
      { alias: 'factory-a', topic: 'chained' },
      { alias: 'factory-c', topic: 'factory-b.factory-a.chained' },
    );
  });

  it('passes group offsets on along a chain, hop by hop, forth and back', async () => {
    const group = 'of-the-chain';
    // After its first commit a hop finds its own commits there: so several, and the last one back.
    for (const offset of [100, 300, 700, 200]) {
      await commitOffsets(clusters['factory-a'], { group, topic: 'chained' }, [offset]);
      for (const [alias, topic] of [
        ['factory-b', 'factory-a.chained'],
        ['factory-c', 'factory-b.factory-a.chained'],
      ] as const) {
        const there = () => committedOffsets(clusters[alias], { group, topic });
        await eventually(async () => (await there())[0] === offset, there, ARRIVED_MS_MAX);
      }
    }
  });
});
