import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

import { OperatorClient } from '../../cli/rpc/operator-client.js';
import { decodeCheckpoint } from '../../mirror/records/checkpoint.js';
import { consumeWithJava, stayWithJava } from '../kit/console-consumer.js';
import { eventually } from '../kit/eventually.js';
import {
  checkCheckpoints,
  checkTranslations,
  type TranslatedCommit,
} from '../kit/group-checker.js';
import { assertMirrored, type HistoryRecord } from '../kit/history-checker.js';
import { joinAndRead } from '../kit/group-reader.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { topicOffsets } from '../kit/topic-offsets.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';
import { writeTransactions } from '../faults/write-transactions.js';
import { Seeded, seedFor } from '../kit/seeded-random.js';

const FLOW = 'east->west';
const TOPICS = ['dense', 'transactional', 'compacted'];
const CLEANER = { 'log.cleaner.backoff.ms': '100', 'log.retention.check.interval.ms': '1000' };

function properties(east: KafkaServers, west: KafkaServers): string {
  return `
clusters = east, west
east.bootstrap.servers = ${east.bootstrapServers}
west.bootstrap.servers = ${west.bootstrapServers}
east->west.enabled = true
east->west.sync.group.offsets.enabled = true
east->west.sync.group.offsets.interval.seconds = 1
replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`;
}

describe('consumer groups', () => {
  let east: KafkaServers;
  let west: KafkaServers;
  let config: string;
  let maker: RunningProcess;

  before(async () => {
    [east, west] = await Promise.all([
      startKafka({ name: 'groups-east', config: CLEANER }),
      startKafka({ name: 'groups-west' }),
    ]);
    config = join(temporaryFolder('groups'), 'mm2.properties');
    writeFileSync(config, properties(east, west));
    await fillTopics();
    maker = await start();
  });

  after(async () => {
    await maker.kill('SIGKILL');
    await Promise.all([east.stop(), west.stop()]);
  });

  const start = (): Promise<RunningProcess> =>
    startProcess({ name: 'mirror-maker', args: ['mirror-maker/main.js', config] });
  const address = (): string => String(maker.readyLine['grpc']);
  const client = (): OperatorClient => new OperatorClient([address()]);
  const mirrorctl = (...args: string[]) => runMirrorctl(args, { MIRRORCTL_COORDINATOR: address() });

  async function fillTopics(): Promise<void> {
    const compaction = { 'cleanup.policy': 'compact', 'segment.ms': '100' };
    await createTopics(east, [
      { topic: 'dense', partitions: 2 },
      { topic: 'transactional', partitions: 2 },
      { topic: 'compacted', config: { ...compaction, 'min.cleanable.dirty.ratio': '0.001' } },
      { topic: 'read', partitions: 1 },
    ]);
    await writeUnique(east, { topic: 'dense', partitions: [0, 1], count: 3_000 });
    const shape = { partitions: 2, transactions: 60, records: 7, transactionalId: 'fill' };
    await writeTransactions(east, { topic: 'transactional', ...shape });
    const compacted = { topic: 'compacted', batchRecords: 5, key: (n: number) => `${n % 83}` };
    await writeUnique(east, { ...compacted, count: 400 });
    let next = 400;
    await eventually(
      async () => {
        // Appends make segments roll, and only those that have can be cleaned.
        await writeUnique(east, { ...compacted, from: next, count: 5 });
        next += 5;
        return (await readTopic(east, 'compacted')).length < next - 200;
      },
      undefined,
      120_000,
    );
  }

  const commit = (servers: KafkaServers, group: string, offsets: [string, number, bigint][]) =>
    withAdmin(servers, async (admin) => {
      const list = offsets.map(([topic, partition, offset]) => ({ topic, partition, offset }));
      assert.deepEqual(await admin.commitGroupOffsets(group, list), []);
    });

  const committed = async (servers: KafkaServers, group: string): Promise<Map<string, bigint>> =>
    withAdmin(servers, async (admin) => {
      const offsets = (await admin.groupOffsets([group])).get(group) ?? [];
      return new Map(offsets.map((each) => [`${each.topic}:${each.partition}`, each.offset]));
    });

  /** The last record of every partition is there. Not so many records: compaction may yet remove some. */
  async function copied(topic: string): Promise<void> {
    const last = (records: readonly HistoryRecord[]): Map<number, string> =>
      new Map(records.map(({ partition, value }) => [partition, String(value)]));
    const expected = last(await readTopic(east, topic));
    const found = async () => last(await readTopic(west, `east.${topic}`).catch(() => []));
    const isThere = async (): Promise<boolean> => isDeepStrictEqual(await found(), expected);
    await eventually(isThere, () => topic, 60_000);
  }

  it('translates every position exactly, at any distance, and back again', async () => {
    const random = new Seeded(seedFor('positions of groups'));
    for (const topic of TOPICS) await copied(topic);
    const places = [
      ['dense', 0],
      ['dense', 1],
      ['transactional', 0],
      ['transactional', 1],
      ['compacted', 0],
    ] as const;
    const ends = await withAdmin(east, (_, cluster) =>
      cluster.listOffsets(
        places.map(([topic, partition]) => ({ topic, partition })),
        -1n,
        { isolationLevel: 1 },
      ),
    );
    const groups = Array.from({ length: 40 }, (_, index) => `at-random-${index}`);
    for (const group of groups) {
      const offsets = places.map(([topic, partition]): [string, number, bigint] => {
        const end = Number(ends.get(`${topic}:${partition}`)!.offset);
        return [topic, partition, BigInt(random.below(end + 1))];
      });
      await commit(east, group, offsets);
    }
    const claims = new Map<string, TranslatedCommit[]>(TOPICS.map((topic) => [topic, []]));
    for (const group of groups) {
      const wanted = await committed(east, group);
      let offsets: Awaited<ReturnType<OperatorClient['translate']>>['offsets'] = [];
      const same = async (): Promise<boolean> => {
        const request = { flow: FLOW, group, reverse: false };
        offsets = (
          await client()
            .translate(request)
            .catch(() => ({ offsets: [] }))
        ).offsets;
        return (
          offsets.length === places.length &&
          offsets.every((row) => {
            const committedThere = wanted.get(`${row.topic}:${row.partition}`);
            return row.sourceOffset === committedThere && row.earlierByMax === 0n;
          })
        );
      };
      await eventually(same, () => offsets);
      for (const { topic, partition, sourceOffset, targetOffset } of offsets) {
        claims.get(topic)!.push({
          ...{ group, partition, rereadMax: 0n },
          sourceOffset: sourceOffset!,
          targetOffset: targetOffset!,
        });
      }
    }
    await judge(claims);
    await judgeReverse(groups);
    await judgeCheckpoints();
  });

  const both = async (topic: string): Promise<[HistoryRecord[], HistoryRecord[]]> => [
    await readTopic(east, topic),
    await readTopic(west, `east.${topic}`),
  ];

  async function judge(claims: ReadonlyMap<string, readonly TranslatedCommit[]>): Promise<void> {
    for (const [topic, commits] of claims) {
      const [source, target] = await both(topic);
      if (topic !== 'compacted') assertMirrored(source, target);
      assert.deepEqual(checkTranslations(source, target, commits), [], topic);
    }
  }

  /** What was committed on the target, translated back: the sides of the checker change places. */
  async function judgeReverse(groups: readonly string[]): Promise<void> {
    const claims = new Map<string, TranslatedCommit[]>(TOPICS.map((topic) => [topic, []]));
    for (const group of groups) {
      await eventually(
        async () => (await committed(west, group)).size === 5,
        () => group,
      );
      const { offsets } = await client().translate({ flow: FLOW, group, reverse: true });
      assert.equal(offsets.length, 5);
      for (const { topic, partition, sourceOffset, targetOffset, earlierByMax } of offsets) {
        claims.get(topic)!.push({
          ...{ group, partition, rereadMax: earlierByMax! },
          sourceOffset: targetOffset!,
          targetOffset: sourceOffset!,
        });
        assert.equal(earlierByMax, 0n);
      }
    }
    for (const [topic, commits] of claims) {
      const [source, target] = await both(topic);
      assert.deepEqual(checkTranslations(target, source, commits), [], topic);
    }
  }

  async function judgeCheckpoints(): Promise<void> {
    const records = await readTopic(west, 'east.checkpoints.internal');
    const checkpoints = records.map(({ key, value }) => decodeCheckpoint(key!, value!));
    assert.ok(checkpoints.length >= 200);
    const topics = new Set(checkpoints.map(({ topic }) => topic));
    const bounds = new Map<string, { start: bigint; end: bigint }>();
    const admin = connectKafkajs(west).admin();
    await admin.connect();
    for (const topic of topics) {
      for (const { partition, low, high } of await topicOffsets(admin, topic)) {
        bounds.set(`${topic}:${partition}`, { start: BigInt(low), end: BigInt(high) });
      }
    }
    await admin.disconnect();
    const boundsOf = (topic: string, partition: number) => bounds.get(`${topic}:${partition}`)!;
    assert.deepEqual(checkCheckpoints(checkpoints, boundsOf), []);
  }

  it('shows them to people and to scripts', async () => {
    const table = await mirrorctl('translate', FLOW, '--group', 'at-random-0');
    assert.equal(table.code, 0, table.err);
    assert.match(table.out, /TOPIC +TARGET-TOPIC +PARTITION +SOURCE-OFFSET +TARGET-OFFSET/);
    assert.match(table.out, /dense +east\.dense +1 +[\d,]+ +[\d,]+ +exact/);
    const args = ['--json', 'translate', FLOW, '--group', 'at-random-0', '--reverse'];
    const document = JSON.parse((await mirrorctl(...args)).out) as { offsets: unknown[] };
    assert.equal(document.offsets.length, 5);
    const groups = await mirrorctl('groups', FLOW);
    assert.match(groups.out, /east->west +at-random-7 +5 +0 +[\d,]+ +[\d,]+ +empty +committed/);
    const misspelt = await mirrorctl('translate', FLOW, '--group', 'at-random-00');
    assert.equal(misspelt.code, 4);
    assert.match(misspelt.err, /knows no offsets of group at-random-00; did you mean 'at-random-/);
    assert.match(misspelt.err, /mirrorctl groups/);
    const misspeltFlow = ['translate', 'esat->west', '--group', 'g'];
    for (const command of [misspeltFlow, ['groups', 'esat->west']]) {
      const unknown = await mirrorctl(...command);
      assert.equal(unknown.code, 4);
      assert.match(unknown.err, /east->west/);
    }
  });

  /** What a consumer of the group reads on the target after it read `count` on the source. */
  async function readOn(
    group: string,
    count: number,
    read: (servers: KafkaServers, topic: string, records: number) => Promise<string[]>,
  ): Promise<void> {
    const all = (await readTopic(east, 'read')).map(({ value }) => String(value));
    await copied('read');
    const first = await read(east, 'read', count);
    assert.deepEqual(first, all.slice(0, count));
    const isThere = async () =>
      (await committed(west, group)).get('east.read:0') === BigInt(count) &&
      (await committed(east, group)).get('read:0') === BigInt(count);
    await eventually(isThere, () => committed(west, group));
    const second = await read(west, 'east.read', all.length - count);
    assert.deepEqual(second, all.slice(count));
  }

  it('go on where they were with kafkajs, skipping and repeating nothing', async () => {
    await writeUnique(east, { topic: 'read', count: 300 });
    await readOn('with-kafkajs', 123, async (servers, topic, records) => {
      const wanted = { group: 'with-kafkajs', topic, records, fromBeginning: true };
      const { values, leave } = await joinAndRead(servers, wanted);
      await leave();
      return [...values];
    });
  });

  for (const protocol of ['classic', 'consumer'] as const) {
    it(`go on where they were with Kafka's Java consumer, protocol ${protocol}`, async () => {
      const group = `with-java-${protocol}`;
      await readOn(group, 77, (servers, topic, records) => {
        const { bootstrapServers } = servers;
        const options = { bootstrapServers, topic, group, records, protocol };
        return consumeWithJava({ ...options, fromBeginning: servers === east });
      });
    });
  }

  for (const protocol of ['classic', 'consumer'] as const) {
    it(`with members on the target are left alone, protocol ${protocol}`, async () => {
      const group = `busy-${protocol}`;
      const { bootstrapServers } = west;
      const consumer = stayWithJava({ bootstrapServers, topic: 'east.read', group, protocol });
      const state = () => withAdmin(west, (admin) => admin.describeGroup(group));
      await eventually(async () => (await state()).memberCount === 1, state, 60_000);
      const active = () => mirrorctl('groups', FLOW);
      await commit(east, group, [['read', 0, 50n]]);
      const row = new RegExp(`${group} .* stable +active`);
      await eventually(async () => row.test((await active()).out), active);
      assert.equal((await committed(west, group)).size, 0);
      await consumer.stop();
      await eventually(async () => (await committed(west, group)).get('east.read:0') === 50n);
    });
  }

  it('follow a source that goes back, and never a consumer of the target', async () => {
    const at = async (offset: bigint) =>
      eventually(async () => (await committed(west, 'rewinds')).get('east.read:0') === offset);
    await commit(east, 'rewinds', [['read', 0, 200n]]);
    await at(200n);
    await commit(east, 'rewinds', [['read', 0, 40n]]);
    await at(40n);
    await commit(west, 'rewinds', [['east.read', 0, 90n]]);
    await commit(east, 'rewinds', [['read', 0, 60n]]);
    // Another group's commit, made later, has come through: so had this one its turn.
    await commit(east, 'later', [['read', 0, 1n]]);
    await eventually(async () => (await committed(west, 'later')).get('east.read:0') === 1n);
    assert.equal((await committed(west, 'rewinds')).get('east.read:0'), 90n);
    await commit(east, 'rewinds', [['read', 0, 110n]]);
    await at(110n);
  });

  it('gets zero in a partition that is empty, and nothing in one that is not copied', async () => {
    await createTopics(east, [{ topic: 'hollow' }]);
    await eventually(async () => (await mirrorctl('status', FLOW)).out.includes('hollow'));
    await commit(east, 'early', [['hollow', 0, 0n]]);
    await eventually(async () => (await committed(west, 'early')).get('east.hollow:0') === 0n);
  });

  it('have the latency of their checkpoints among the metrics, also once they have stopped', async () => {
    const scrape = async (): Promise<string> =>
      (await fetch(`http://${String(maker.readyLine['http'])}/metrics`)).text();
    const valueIn = (text: string, group: string, suffix = ''): number => {
      const labels = `source="east",target="west",group="${group}",topic="east.read",partition="0"`;
      const name = `kafka_connect_mirror_mirrorcheckpointconnector_checkpoint_latency_ms${suffix}`;
      const line = text.split('\n').find((each) => each.startsWith(`${name}{${labels}} `));
      return Number(line?.split(' ').at(-1) ?? NaN);
    };
    const measured = async (group: string): Promise<number> => valueIn(await scrape(), group);
    const appears = (group: string) =>
      eventually(
        async () => (await measured(group)) >= 0,
        () => group,
      );
    for (const offset of [1n, 2n, 3n]) await commit(east, 'metered', [['read', 0, offset]]);
    await appears('metered');
    // Behind the last checkpoint; and of one scrape, for each is of what was measured by then.
    await eventually(async () => (await committed(west, 'metered')).get('east.read:0') === 3n);
    const text = await scrape();
    const [min, avg, max] = ['_min', '_avg', '_max'].map((each) => valueIn(text, 'metered', each));
    assert.ok(0 <= min! && min! <= avg! && avg! <= max!, `${min} ${avg} ${max}`);
    const last = valueIn(text, 'metered');
    await commit(east, 'metered-later', [['read', 0, 5n]]);
    await appears('metered-later');
    assert.equal(await measured('metered'), last);
  });

  it('are known after the loss of everything but the target', async () => {
    const request = { flow: FLOW, group: 'at-random-3', reverse: false };
    const { offsets: beforehand } = await client().translate(request);
    await maker.kill('SIGKILL');
    await east.brokers[0]!.kill();
    maker = await start();
    let offsets: typeof beforehand = [];
    const known = async () => {
      offsets = (
        await client()
          .translate(request)
          .catch(() => ({ offsets: [] }))
      ).offsets;
      return offsets.length === 5;
    };
    await eventually(known);
    const positions = (rows: typeof beforehand) =>
      rows.map(({ topic, partition, targetOffset }) => [topic, partition, targetOffset]);
    assert.deepEqual(positions(offsets), positions(beforehand));
  });
});
