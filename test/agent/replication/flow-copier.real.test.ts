import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import { KafkaCluster } from '../../../kafka/client/index.js';
import { assertMirrored } from '../../kit/history-checker.js';
import { readTopic } from '../../kit/read-topic.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { createTopics, writeUnique } from '../../kit/write-unique.js';
import { eventually } from '../../kit/eventually.js';
import { connectKafkajs } from '../../kit/kafkajs-client.js';
import { Bench, copiedUpTo } from './copy-bench.js';

/** Records that two agents copy at least, in each other's way. */
const RACED_MIN = 10_000n;

describe('FlowCopier on real brokers', () => {
  let source: KafkaServers;
  let target: KafkaServers;

  before(async () => {
    [source, target] = await Promise.all([
      startKafka({ name: 'copier-source' }),
      startKafka({ name: 'copier-target' }),
    ]);
  });

  after(async () => {
    await Promise.all([source.stop(), target.stop()]);
  });

  const sourceOf = (): { bootstrapServers: string } => source;

  async function caughtUp(copiers: readonly PartitionCopier[], records: number): Promise<void> {
    await eventually(
      () => copiers.reduce((sum, { acked }) => sum + Number(acked.sourceNext), 0) >= records,
      () => copiers.map(({ state, halt, acked }) => ({ state, halt: halt?.message, acked })),
    );
  }

  /** Of partition 0. */
  async function deleteBefore(
    servers: KafkaServers,
    topic: string,
    beforeOffset: bigint,
  ): Promise<void> {
    await using cluster = new KafkaCluster({
      alias: 'trimmed',
      bootstrapServers: servers.bootstrapServers.split(','),
      clientId: 'test',
      clock: systemClock,
      log: silentLogger,
    });
    const admin = new AdminClient({ cluster, clock: systemClock });
    await admin.deleteRecords([{ topic, partition: 0, beforeOffset }]);
  }

  it('mirrors every record once, in order and unchanged', async () => {
    const bench = new Bench(source, target);
    await createTopics(sourceOf(), [{ topic: 'plain', partitions: 3 }]);
    await createTopics(target, [{ topic: 'a.plain', partitions: 3 }]);
    await writeUnique(source, { topic: 'plain', partitions: [0, 1, 2], count: 3_000 });
    const producer = await bench.producerFor('plain');
    const options = { topic: 'plain', targetTopic: 'a.plain', partitions: 3, producer };
    const { copiers } = await bench.copier(options);
    await caughtUp(copiers, 9_000);
    assertMirrored(await readTopic(source, 'plain'), await readTopic(target, 'a.plain'));
    await bench.close();
  });

  it('keeps to once and in order when two agents copy the same partition', async () => {
    const bench = new Bench(source, target);
    await createTopics(source, [{ topic: 'raced' }]);
    await createTopics(target, [{ topic: 'a.raced' }]);
    const producer = await bench.producerFor('raced');
    const options = { topic: 'raced', targetTopic: 'a.raced', partitions: 1, producer };
    const enough = new AbortController();
    const { signal } = enough;
    const writing = writeUnique(source, { topic: 'raced', batchRecords: 20, signal });
    const first = await bench.copier(options);
    await eventually(() => first.copiers[0]!.state === 'running');
    const second = await bench.copier(options);
    const met = (): boolean => first.copiers[0]!.conflicts + second.copiers[0]!.conflicts > 0;
    const raced = eventually(() => met() && first.copiers[0]!.acked.sourceNext > RACED_MIN);
    await raced.finally(() => enough.abort());
    const { next } = await writing;
    await caughtUp(first.copiers, next);
    await caughtUp(second.copiers, next);
    assertMirrored(await readTopic(source, 'raced'), await readTopic(target, 'a.raced'));
    await bench.close();
  });

  it('resumes exactly from a map that is behind the target', async () => {
    const bench = new Bench(source, target);
    await createTopics(source, [{ topic: 'resumed' }]);
    await createTopics(target, [{ topic: 'a.resumed' }]);
    const producer = await bench.producerFor('resumed');
    const options = { topic: 'resumed', targetTopic: 'a.resumed', partitions: 1, producer };
    await writeUnique(source, { topic: 'resumed', count: 5_000, batchRecords: 37 });
    const first = await bench.copier(options);
    await caughtUp(first.copiers, 5_000);
    await first.flow.close();
    // Only the starting point was ever persisted, as after a crash of everything.
    const [start] = bench.map.get('resumed-0')!;
    bench.map.set('resumed-0', [{ ...start!, length: 0n }]);
    await writeUnique(source, { topic: 'resumed', count: 1_000, from: 5_000 });
    const second = await bench.copier(options);
    await caughtUp(second.copiers, 6_000);
    assertMirrored(await readTopic(source, 'resumed'), await readTopic(target, 'a.resumed'));
    await bench.close();
  });

  // A fetch below the log's start does not tell where it is; without asking, nothing would be looked at.
  it('finds a foreign batch on a target that lost its beginning to retention', async () => {
    const bench = new Bench(source, target);
    await createTopics(source, [{ topic: 'aged' }]);
    await createTopics(target, [{ topic: 'a.aged' }]);
    const producer = await bench.producerFor('aged');
    const options = { topic: 'aged', targetTopic: 'a.aged', partitions: 1, producer };
    await writeUnique(source, { topic: 'aged', count: 200, batchRecords: 20 });
    const first = await bench.copier(options);
    await caughtUp(first.copiers, 200);
    await first.flow.close();
    const [start] = bench.map.get('aged-0')!;
    bench.map.set('aged-0', [{ ...start!, length: 0n }]);
    await writeUnique(target, { topic: 'a.aged', count: 10 });
    await deleteBefore(target, 'a.aged', 100n);
    await writeUnique(source, { topic: 'aged', count: 100, from: 200 });
    const second = await bench.copier(options);
    await eventually(() => second.copiers[0]!.state === 'halted');
    // By looking, not only when the broker refuses what would follow it: a broker forgets producers.
    assert.match(second.copiers[0]!.halt?.message ?? '', /batch at offset 200 was written by/);
    await bench.close();
  });

  // What a topic with transactions ends with is a marker, and retention takes it with the last record.
  for (const isAborted of [false, true]) {
    const name = isAborted ? 'aborted' : 'committed';
    it(`goes on where a ${name} transaction ended, though retention removed all of it`, async () => {
      const bench = new Bench(source, target);
      const topic = `settled-${name}`;
      await createTopics(source, [{ topic }]);
      await createTopics(target, [{ topic: `a.${topic}` }]);
      const producer = await bench.producerFor(topic);
      const options = { topic, targetTopic: `a.${topic}`, partitions: 1, producer };
      await writeUnique(source, { topic, count: 10 });
      const writer = connectKafkajs(source).producer({
        transactionalId: topic,
        maxInFlightRequests: 1,
        idempotent: true,
      });
      await writer.connect();
      const transaction = await writer.transaction();
      await transaction.send({ topic, messages: [{ value: 'one' }, { value: 'two' }] });
      await (isAborted ? transaction.abort() : transaction.commit());
      await writer.disconnect();
      const first = await bench.copier(options);
      await caughtUp(first.copiers, 13);
      first.save();
      await deleteBefore(source, topic, 13n);
      first.copiers[0]!.restart(); // as when the source's leader moves
      await writeUnique(source, { topic, count: 10, from: 10 });
      await copiedUpTo(first.copiers[0]!, 23n);
      await first.flow.close();

      await deleteBefore(source, topic, 23n);
      const next = await writer.connect().then(() => writer.transaction());
      await next.send({ topic, messages: [{ value: 'three' }] });
      await (isAborted ? next.abort() : next.commit());
      await writer.disconnect();
      const second = await bench.copier(options);
      await copiedUpTo(second.copiers[0]!, 25n);
      second.save();
      await second.flow.close();
      await deleteBefore(source, topic, 25n);
      await writeUnique(source, { topic, count: 5, from: 20 });
      const third = await bench.copier(options);
      await copiedUpTo(third.copiers[0]!, 30n);
      assert.equal((await readTopic(target, `a.${topic}`)).length, isAborted ? 25 : 28);
      await bench.close();
    });
  }

  it('halts rather than append to a topic that it did not write', async () => {
    const bench = new Bench(source, target);
    await createTopics(source, [{ topic: 'foreign' }]);
    await createTopics(target, [{ topic: 'a.foreign' }]);
    await writeUnique(target, { topic: 'a.foreign', count: 10 });
    await writeUnique(source, { topic: 'foreign', count: 10 });
    const producer = await bench.producerFor('foreign');
    const options = { topic: 'foreign', targetTopic: 'a.foreign', partitions: 1, producer };
    const { copiers } = await bench.copier(options);
    await eventually(() => copiers[0]!.state === 'halted');
    assert.equal(copiers[0]!.halt?.haltCode, 'target-not-empty');
    await bench.close();
  });

  it('halts when somebody else writes to the target between its own appends', async () => {
    const bench = new Bench(source, target);
    await createTopics(source, [{ topic: 'intruded' }]);
    await createTopics(target, [{ topic: 'a.intruded' }]);
    const producer = await bench.producerFor('intruded');
    const options = { topic: 'intruded', targetTopic: 'a.intruded', partitions: 1, producer };
    const { copiers } = await bench.copier(options);
    await writeUnique(source, { topic: 'intruded', count: 10 });
    await caughtUp(copiers, 10);
    await writeUnique(target, { topic: 'a.intruded', count: 1 });
    await writeUnique(source, { topic: 'intruded', count: 10, from: 10 });
    await eventually(() => copiers[0]!.state === 'halted');
    assert.equal(copiers[0]!.halt?.haltCode, 'target-diverged');
    await bench.close();
  });

  it('goes on behind foreign records once an operator accepts them', async () => {
    const bench = new Bench(source, target);
    await createTopics(source, [{ topic: 'accepted' }]);
    await createTopics(target, [{ topic: 'a.accepted' }]);
    const producer = await bench.producerFor('accepted');
    const options = { topic: 'accepted', targetTopic: 'a.accepted', partitions: 1, producer };
    const first = await bench.copier(options);
    await writeUnique(source, { topic: 'accepted', count: 10 });
    await caughtUp(first.copiers, 10);
    await first.flow.close();
    await writeUnique(target, { topic: 'a.accepted', count: 3, producer: 'foreign' });
    const { copiers } = await bench.copier({ ...options, accept: 'target-diverged' });
    await writeUnique(source, { topic: 'accepted', count: 10, from: 10 });
    await caughtUp(copiers, 20);
    assert.equal(copiers[0]!.acked.targetNext, 23n);
    const mirrored = await readTopic(target, 'a.accepted');
    const ours = mirrored.filter(({ offset }) => offset < 10n || offset >= 13n);
    assertMirrored(await readTopic(source, 'accepted'), ours);
    await bench.close();
  });

  it('halts and names the range when the source deleted records not yet copied', async () => {
    const bench = new Bench(source, target);
    await createTopics(source, [{ topic: 'trimmed' }]);
    await createTopics(target, [{ topic: 'a.trimmed' }]);
    const producer = await bench.producerFor('trimmed');
    const options = { topic: 'trimmed', targetTopic: 'a.trimmed', partitions: 1, producer };
    await writeUnique(source, { topic: 'trimmed', count: 10 });
    const first = await bench.copier(options);
    await caughtUp(first.copiers, 10);
    first.save();
    await first.flow.close();
    await writeUnique(source, { topic: 'trimmed', count: 40, from: 10 });
    await deleteBefore(source, 'trimmed', 30n);
    const { copiers } = await bench.copier(options);
    await eventually(() => copiers[0]!.state === 'halted');
    assert.equal(copiers[0]!.halt?.haltCode, 'source-data-lost');
    assert.match(copiers[0]!.halt?.message ?? '', /offsets 10 to 29/);
    const accepted = await bench.copier({ ...options, accept: 'source-data-lost' });
    await caughtUp(accepted.copiers, 50);
    const left = (await readTopic(source, 'trimmed')).map(({ value }) => value?.toString());
    const copied = (await readTopic(target, 'a.trimmed')).map(({ value }) => value?.toString());
    assert.deepEqual(copied.slice(10), left);
    await bench.close();
  });
});
