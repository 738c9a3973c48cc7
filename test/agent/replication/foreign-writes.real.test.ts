import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import { systemClock } from '../../../common/clock.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import { deleteTopic } from '../../kit/delete-topic.js';
import { eventually } from '../../kit/eventually.js';
import { assertMirrored, checkOffsetMap, type HistoryRecord } from '../../kit/history-checker.js';
import { connectKafkajs } from '../../kit/kafkajs-client.js';
import { readTopic } from '../../kit/read-topic.js';
import { Seeded, seedFor } from '../../kit/seeded-random.js';
import { KAFKA_OLDER, startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { transactionsEnded } from '../../kit/transactions-ended.js';
import { createTopics, decodeUnique, writeUnique } from '../../kit/write-unique.js';
import { Bench, copiedUpTo, type CopyOptions } from './copy-bench.js';

const FOREIGN = 'foreign';
/** Foreign writes that a copy under load goes past, each accepted. */
const WRITES = 6;
const LOAD_MS_MAX = 120_000;

/** What operators do: each halt is accepted once, and whoever holds the partition next goes past it. */
describe('a target that something else writes to', () => {
  let source: KafkaServers;
  let target: KafkaServers;
  let bench: Bench;
  let save: () => void;

  before(async () => {
    [source, target] = await Promise.all([
      startKafka({ name: 'foreign-source' }),
      startKafka({ name: 'foreign-target' }),
    ]);
    bench = new Bench(source, target);
  });

  after(async () => {
    await bench.close();
    await Promise.all([source.stop(), target.stop()]);
  });

  async function create(topic: string): Promise<CopyOptions> {
    await createTopics(source, [{ topic }]);
    await createTopics(target, [{ topic: `a.${topic}` }]);
    const producer = await bench.producerFor(topic);
    return { topic, targetTopic: `a.${topic}`, partitions: 1, producer };
  }

  async function writeForeign(topic: string, from: number, count = 1): Promise<void> {
    await writeUnique(target, { topic: `a.${topic}`, count, from, producer: FOREIGN });
  }

  async function halted(copier: PartitionCopier): Promise<string> {
    await eventually(
      () => copier.state === 'halted',
      () => ({ state: copier.state, trouble: copier.trouble, acked: copier.acked }),
    );
    assert.equal(copier.halt?.haltCode, 'target-diverged');
    return copier.halt.message;
  }

  async function copierWith(options: CopyOptions): Promise<PartitionCopier> {
    const made = await bench.copier(options);
    save = made.save;
    return made.copiers[0]!;
  }

  /** Every record of the source once and in order, every one of the others', and the map as it lies. */
  async function assertExact({ topic, targetTopic }: CopyOptions, foreign: number): Promise<void> {
    const from = await readTopic(source, topic);
    const all = await readTopic(target, targetTopic);
    const isForeign = ({ value }: HistoryRecord): boolean =>
      value !== null && decodeUnique(value)?.producer === FOREIGN;
    assertMirrored(
      from,
      all.filter((record) => !isForeign(record)),
    );
    assert.equal(all.filter(isForeign).length, foreign);
    assert.deepEqual(checkOffsetMap(from, all, bench.mapPoints(topic)), []);
  }

  /** A coordinator that was away knows where the copy began, and an agent that was killed nothing. */
  function forgetMap(topic: string): void {
    const [start] = bench.map.get(`${topic}-0`)!;
    bench.map.set(`${topic}-0`, [{ ...start!, length: 0n }]);
  }

  for (const isKilled of [false, true]) {
    const end = isKilled ? 'after a crash of everything' : 'with the map at hand';
    it(`repeats nothing that was appended behind a foreign record, ${end}`, async () => {
      const topic = `between-${isKilled}`;
      const options = await create(topic);
      const copier = await copierWith(options);
      await writeUnique(source, { topic, count: 10 });
      await copiedUpTo(copier, 10n);
      await writeForeign(topic, 0);
      await writeUnique(source, { topic, count: 10, from: 10, batchRecords: 2 });
      const message = await halted(copier);
      assert.match(message, /the batch at offset 10 was written by producer/);
      assert.match(message, /to accept goes on from source offset \d+ and repeats nothing$/);
      if (isKilled) forgetMap(topic);
      await writeForeign(topic, 1, 3);
      const accepted = await copierWith({ ...options, accept: 'target-diverged' });
      await writeUnique(source, { topic, count: 10, from: 20 });
      await copiedUpTo(accepted, 30n);
      save();
      await assertExact(options, 4);
      assert.equal(bench.mapPoints(topic).length, 30);
    });
  }

  it('is gone past again and again while both write, with crashes in between', async () => {
    const random = new Seeded(seedFor('foreign writes'));
    const topic = 'contended';
    const options = await create(topic);
    const enough = new AbortController();
    const { signal } = enough;
    const load = { topic, batchRecords: 10, valueBytes: 2_000, pauseMs: 1, signal };
    const writing = writeUnique(source, load);
    let foreign = 0;
    let copier = await copierWith(options);
    try {
      for (let round = 0; round < WRITES; round += 1) {
        const { sourceNext } = copier.acked;
        await eventually(() => copier.state === 'running' && copier.acked.sourceNext > sourceNext);
        const count = random.below(5) + 1;
        await writeForeign(topic, foreign, count);
        foreign += count;
        await halted(copier);
        if (random.below(2) === 0) forgetMap(topic);
        copier = await copierWith({ ...options, accept: 'target-diverged' });
      }
    } finally {
      enough.abort();
    }
    const { next } = await writing;
    await eventually(
      () => copier.acked.sourceNext >= BigInt(next),
      () => ({ halt: copier.halt?.message, acked: copier.acked }),
      LOAD_MS_MAX,
    );
    save();
    await assertExact(options, foreign);
  });

  it('halts again while the other goes on writing, and gets on with each word of an operator', async () => {
    const topic = 'persistent';
    const options = await create(topic);
    let copier = await copierWith(options);
    await writeUnique(source, { topic, count: 100 });
    await copiedUpTo(copier, 100n);
    const enough = new AbortController();
    const { signal } = enough;
    const others = { topic: `a.${topic}`, producer: FOREIGN, batchRecords: 1, pauseMs: 1, signal };
    const intruding = writeUnique(target, others);
    try {
      for (let from = 100; from < 140; from += 10) {
        await writeUnique(source, { topic, count: 10, from });
        await halted(copier);
        copier = await copierWith({ ...options, accept: 'target-diverged' });
        await eventually(() => copier.state === 'halted' || copier.acked.sourceNext > 0n);
      }
    } finally {
      enough.abort();
    }
    const { next } = await intruding;
    while (copier.acked.sourceNext < 140n) {
      await eventually(() => copier.state === 'halted' || copier.acked.sourceNext >= 140n);
      if (copier.state === 'halted')
        copier = await copierWith({ ...options, accept: 'target-diverged' });
    }
    save();
    await assertExact(options, next);
  });

  it('is told apart though the source has markers and aborted records', async () => {
    const topic = 'gaps';
    const options = await create(topic);
    const copier = await copierWith(options);
    const writer = connectKafkajs(source).producer({
      ...{ transactionalId: topic, maxInFlightRequests: 1, idempotent: true },
    });
    await writer.connect();
    const transact = async (from: number, count: number): Promise<void> => {
      for (let n = from; n < from + count; n += 1) {
        const transaction = await writer.transaction();
        const messages = [`${n} first`, `${n} second`].map((value) => ({ value }));
        await transaction.send({ topic, messages });
        await (n % 3 === 0 ? transaction.abort() : transaction.commit());
      }
      await transactionsEnded(source, topic);
    };
    await transact(0, 6);
    await copiedUpTo(copier, 18n);
    await writeForeign(topic, 0);
    await transact(6, 6);
    await halted(copier);
    forgetMap(topic);
    await writeForeign(topic, 1);
    const accepted = await copierWith({ ...options, accept: 'target-diverged' });
    await transact(12, 3);
    await writer.disconnect();
    await copiedUpTo(accepted, 45n);
    save();
    await assertExact(options, 2);
  });

  it('is told by sequence numbers where retention removed all of it', async () => {
    const topic = 'expired';
    const options = await create(topic);
    const copier = await copierWith(options);
    await writeUnique(source, { topic, count: 10 });
    await copiedUpTo(copier, 10n);
    await writeForeign(topic, 0, 5);
    await writeUnique(source, { topic, count: 10, from: 10 });
    await halted(copier);
    const beforeOffset = (await readTopic(target, `a.${topic}`)).at(-1)!.offset + 1n;
    const admin = new AdminClient({ cluster: bench.cluster(target), clock: systemClock });
    await admin.deleteRecords([{ topic: `a.${topic}`, partition: 0, beforeOffset }]);
    // Nothing is left that shows a foreign producer: only the numbers say that these were not all ours.
    const resumed = await copierWith(options);
    assert.match(await halted(resumed), /of which nothing is left, was not written by this flow/);
    const accepted = await copierWith({ ...options, accept: 'target-diverged' });
    await writeUnique(source, { topic, count: 10, from: 20 });
    await copiedUpTo(accepted, 30n);
    const values = (await readTopic(target, `a.${topic}`)).map(({ value }) => value?.toString());
    const from = (await readTopic(source, topic)).map(({ value }) => value?.toString());
    assert.deepEqual(values, from.slice(Number(beforeOffset) - 5));
  });

  it('is named with what the target had lost before, which is copied again', async () => {
    const topic = 'shortened';
    const options = await create(topic);
    const first = await bench.copier(options);
    await writeUnique(source, { topic, count: 10 });
    await copiedUpTo(first.copiers[0]!, 10n);
    await first.flow.close();
    // As after an unclean election: two more were copied than are there.
    bench.map.set(`${topic}-0`, [{ sourceStart: 0n, targetStart: 0n, length: 12n }]);
    await writeForeign(topic, 0, 5);
    await writeUnique(source, { topic, count: 10, from: 10 });
    const message = await halted(await copierWith(options));
    assert.match(
      message,
      /from source offset 10 and copies 2 records again, which the target lost/,
    );
    const accepted = await copierWith({ ...options, accept: 'target-diverged' });
    await copiedUpTo(accepted, 20n);
    save();
    await assertExact(options, 5);
  });
});

// It does not compare topic ids in appends, and a new topic takes any first sequence number.
describe('a target topic that is made again unseen, older than 4.0', () => {
  it('is named as that', async () => {
    const [source, target] = await Promise.all([
      startKafka({ name: 'renewed-source' }),
      startKafka({ name: 'renewed-target', version: KAFKA_OLDER }),
    ]);
    const bench = new Bench(source, target);
    try {
      await createTopics(source, [{ topic: 'renewed' }]);
      await createTopics(target, [{ topic: 'a.renewed' }]);
      const producer = await bench.producerFor('renewed');
      const options = { topic: 'renewed', targetTopic: 'a.renewed', partitions: 1, producer };
      const [copier] = (await bench.copier(options)).copiers;
      await writeUnique(source, { topic: 'renewed', count: 10 });
      await copiedUpTo(copier!, 10n);
      await deleteTopic(target, 'a.renewed');
      await createTopics(target, [{ topic: 'a.renewed' }]);
      await writeUnique(source, { topic: 'renewed', count: 10, from: 10 });
      await eventually(
        () => copier!.state === 'halted',
        () => [copier!.state, copier!.trouble],
      );
      assert.equal(copier!.halt?.haltCode, 'target-recreated');
    } finally {
      await bench.close();
      await Promise.all([source.stop(), target.stop()]);
    }
  });
});
