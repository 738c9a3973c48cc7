import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Message } from 'kafkajs';
import { systemClock } from '../../../common/clock.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import {
  attributes,
  hasDeleteHorizon,
  isControl,
  isDense,
  recordCount,
} from '../../../kafka/records/batch-header.js';
import { initCodecs } from '../../../kafka/records/compression.js';
import { fetchBatches, type Place } from '../../kafka/records/on-broker.js';
import { eventually } from '../../kit/eventually.js';
import { assertMirrored, checkOffsetMap, type HistoryRecord } from '../../kit/history-checker.js';
import { connectKafkajs } from '../../kit/kafkajs-client.js';
import { readTopic } from '../../kit/read-topic.js';
import {
  KAFKA_CURRENT,
  KAFKA_OLDER,
  startKafka,
  type KafkaServers,
} from '../../kit/start-kafka.js';
import { transactionsEnded } from '../../kit/transactions-ended.js';
import { createTopics, writeUnique } from '../../kit/write-unique.js';
import { Bench, copiedUpTo } from './copy-bench.js';

const KEYS = 40;
const CLEANING_MS_MAX = 60_000;

/** A segment rolls with the first append after this, and the cleaner leaves only the last one alone. */
const COMPACTED = {
  'cleanup.policy': 'compact',
  'segment.ms': '100',
  'min.cleanable.dirty.ratio': '0.001',
};

type Send = (messages: Message[]) => Promise<unknown>;

/** The last value of each key, tombstones left out: what a reader of a compacted topic keeps. */
function finalValues(records: readonly HistoryRecord[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const { key, value } of records) {
    if (value === null) values.delete(String(key));
    else values.set(String(key), String(value));
  }
  return values;
}

for (const version of [KAFKA_CURRENT, KAFKA_OLDER]) {
  describe(`a compacted topic of ${version}`, () => {
    let source: KafkaServers;
    let target: KafkaServers;
    let bench: Bench;

    before(async () => {
      await initCodecs();
      [source, target] = await Promise.all([
        startKafka({
          name: 'compacted-source',
          version,
          config: { 'log.cleaner.backoff.ms': '100', 'log.retention.check.interval.ms': '1000' },
        }),
        startKafka({ name: 'compacted-target' }),
      ]);
      bench = new Bench(source, target);
    });

    after(async () => {
      await bench.close();
      await Promise.all([source.stop(), target.stop()]);
    });

    /** Rounds of all keys, with tombstones, and transactions of which every second aborts. */
    async function churn(topic: string, rounds: number): Promise<void> {
      const kafka = connectKafkajs(source);
      const transactionalId = `churn-${topic}`;
      const options = { idempotent: true, maxInFlightRequests: 1 };
      const plain = kafka.producer(options);
      const transactional = kafka.producer({ ...options, transactionalId });
      await Promise.all([plain.connect(), transactional.connect()]);
      for (let round = 0; round < rounds; round += 1) {
        await sendRound((messages) => plain.send({ topic, messages }), `plain ${round}`);
        const transaction = await transactional.transaction();
        await sendRound((messages) => transaction.send({ topic, messages }), `tx ${round}`);
        if (round % 2 === 0) await transaction.commit();
        else await transaction.abort();
      }
      await Promise.all([plain.disconnect(), transactional.disconnect()]);
      await transactionsEnded(source, topic);
    }

    async function sendRound(send: Send, name: string): Promise<void> {
      // Only its first key is not written again: compaction leaves a gap behind it.
      await send([`once in ${name}`, 'again', 'again'].map((key) => ({ key, value: name })));
      for (let first = 0; first < KEYS; first += 8) {
        const messages = Array.from({ length: 8 }, (_, n) => {
          const key = `key ${first + n}`;
          return { key, value: n % 5 === 0 ? null : `${name} of ${key}` };
        });
        await send(messages);
      }
    }

    /** Appends, so that segments roll, until the cleaner has left what the test is about. */
    async function untilCleaned(
      place: Place,
      isSo: (batches: readonly Buffer[]) => boolean,
    ): Promise<void> {
      const { topic } = place;
      const producer = connectKafkajs(source).producer({
        idempotent: true,
        maxInFlightRequests: 1,
      });
      await producer.connect();
      let n = 0;
      let kinds: unknown;
      await eventually(
        async () => {
          await producer.send({ topic, messages: [{ key: `roll ${n % 3}`, value: `${n++}` }] });
          const batches = await fetchBatches(place);
          kinds = batches.map((batch) => [attributes(batch), recordCount(batch)].join('/'));
          return isSo(batches);
        },
        () => kinds,
        CLEANING_MS_MAX,
      );
      await producer.disconnect();
    }

    /** For what is copied and then read: a record that is cleaned between the two is in one of them. */
    async function cleanNoMore({ cluster, topic }: Place): Promise<void> {
      const admin = new AdminClient({ cluster, clock: systemClock });
      await admin.alterTopicConfigs(topic, { 'cleanup.policy': 'delete' });
      await eventually(async () => {
        const entries = await admin.describeTopicConfigs(topic);
        return entries.some(({ name, value }) => name === 'cleanup.policy' && value === 'delete');
      });
      // The broker has heard of it, and heeds it before it makes a topic of which it hears later.
      await createTopics(source, [{ topic: `after-${topic}` }]);
    }

    async function create(topic: string): Promise<Place> {
      await createTopics(source, [{ topic, config: COMPACTED }]);
      await createTopics(target, [{ topic: `a.${topic}` }]);
      return { cluster: bench.cluster(source), topic, partition: 0 };
    }

    it('is copied record by record, with its gaps in the map', async () => {
      const place = await create('gapped');
      await churn('gapped', 4);
      await churn('gapped', 1); // by producers of new ids: empties the last batches of the old ones
      await untilCleaned(place, (batches) => {
        const kept = batches.filter((batch) => !isControl(batch));
        return (
          kept.some((batch) => recordCount(batch) > 0 && !isDense(batch)) &&
          batches.some((batch) => recordCount(batch) === 0) &&
          kept.some(hasDeleteHorizon)
        );
      });
      await cleanNoMore(place);
      const producer = await bench.producerFor('gapped');
      const options = { topic: 'gapped', targetTopic: 'a.gapped', partitions: 1, producer };
      const { copiers, save } = await bench.copier(options);
      const from = await readTopic(source, 'gapped');
      await copiedUpTo(copiers[0]!, from.at(-1)!.offset + 1n);
      save();
      const to = await readTopic(target, 'a.gapped');
      assertMirrored(from, to);
      assert.deepEqual(
        to.map(({ offset }) => offset),
        to.map((_, index) => BigInt(index)),
      );
      const points = bench.mapPoints('gapped');
      assert.equal(points.length, from.length);
      assert.deepEqual(checkOffsetMap(from, to, points), []);
      const copied = await fetchBatches({
        cluster: bench.cluster(target),
        topic: 'a.gapped',
        partition: 0,
      });
      assert.ok(copied.every((batch) => !hasDeleteHorizon(batch) && isDense(batch)));
    });

    it('is copied on exactly from a map that is older than the cleaning', async () => {
      const topic = 'behind';
      const place = await create(topic);
      const producer = await bench.producerFor(topic);
      const options = { topic, targetTopic: 'a.behind', partitions: 1, producer };
      await churn(topic, 5);
      const before = await readTopic(source, topic);
      const first = await bench.copier(options);
      await copiedUpTo(first.copiers[0]!, before.at(-1)!.offset + 1n);
      await first.flow.close();
      // Only the starting point was ever persisted, and the cleaner removes what was copied since.
      bench.map.set(`${topic}-0`, [{ sourceStart: 0n, targetStart: 0n, length: 0n }]);
      const copied = (await readTopic(target, 'a.behind')).length;
      await untilCleaned(place, (batches) => batches.some((batch) => !isDense(batch)));
      await writeUnique(source, { topic, count: 2 * copied });
      await cleanNoMore(place);
      const second = await bench.copier(options);
      const from = await readTopic(source, topic);
      await copiedUpTo(second.copiers[0]!, from.at(-1)!.offset + 1n);
      const to = await readTopic(target, 'a.behind');
      assert.deepEqual(finalValues(to), finalValues(from));
      const since = before.at(-1)!.offset;
      assertMirrored(
        from.filter(({ offset }) => offset > since),
        to.slice(copied),
      );
    });

    it('is told apart from what others wrote to the target, though it was cleaned since', async () => {
      const topic = 'among';
      const place = await create(topic);
      const producer = await bench.producerFor(topic);
      const options = { topic, targetTopic: 'a.among', partitions: 1, producer };
      await churn(topic, 5);
      const before = await readTopic(source, topic);
      const first = await bench.copier(options);
      await copiedUpTo(first.copiers[0]!, before.at(-1)!.offset + 1n);
      await writeUnique(target, { topic: 'a.among', count: 2, producer: 'foreign' });
      await writeUnique(source, { topic, count: 50, batchRecords: 5 });
      await eventually(() => first.copiers[0]!.state === 'halted');
      await writeUnique(target, { topic: 'a.among', count: 1, from: 2, producer: 'foreign' });
      bench.map.set(`${topic}-0`, [{ sourceStart: 0n, targetStart: 0n, length: 0n }]);
      await untilCleaned(place, (batches) => batches.some((batch) => !isDense(batch)));
      await writeUnique(source, { topic, count: 50, from: 50 });
      await cleanNoMore(place);
      const churned = (records: readonly HistoryRecord[]): HistoryRecord[] =>
        records.filter(({ key }) => !/^(writer|foreign|roll)/.test(String(key)));
      const unique = (records: readonly HistoryRecord[]): HistoryRecord[] =>
        records.filter(({ key }) => String(key).startsWith('writer'));
      const copied = churned(await readTopic(target, 'a.among')).length;
      const second = await bench.copier({ ...options, accept: 'target-diverged' });
      const from = await readTopic(source, topic);
      await copiedUpTo(second.copiers[0]!, from.at(-1)!.offset + 1n);
      const to = await readTopic(target, 'a.among');
      assertMirrored(unique(from), unique(to));
      assert.equal(unique(to).length, 100);
      assert.equal(churned(to).length, copied);
      second.save();
      assert.deepEqual(checkOffsetMap(from, to, bench.mapPoints(topic)), []);
    });

    it('is not counted where the target holds other records than the source has', async () => {
      await createTopics(source, [{ topic: 'lost' }, { topic: 'regrown' }]);
      await createTopics(target, [{ topic: 'a.lost' }]);
      await writeUnique(source, { topic: 'lost', count: 50 });
      await writeUnique(source, { topic: 'regrown', count: 90 });
      const producer = await bench.producerFor('lost');
      const options = { topic: 'lost', targetTopic: 'a.lost', partitions: 1, producer };
      const first = await bench.copier(options);
      await copiedUpTo(first.copiers[0]!, 50n);
      await first.flow.close();
      bench.map.set('regrown-0', [{ sourceStart: 0n, targetStart: 0n, length: 0n }]);
      const [copier] = (await bench.copier({ ...options, topic: 'regrown' })).copiers;
      await eventually(() => copier!.state === 'halted');
      assert.equal(copier!.halt?.haltCode, 'target-diverged');
      assert.equal((await readTopic(target, 'a.lost')).length, 50);
    });

    it('comes to the same values when it is cleaned while it is copied', async () => {
      const place = await create('live');
      const producer = await bench.producerFor('live');
      const options = { topic: 'live', targetTopic: 'a.live', partitions: 1, producer };
      const { copiers } = await bench.copier(options);
      await churn('live', 5);
      await untilCleaned(place, (batches) => batches.some((batch) => !isDense(batch)));
      const from = await readTopic(source, 'live');
      await copiedUpTo(copiers[0]!, from.at(-1)!.offset + 1n);
      const to = await readTopic(target, 'a.live');
      assert.deepEqual(finalValues(to), finalValues(from));
    });
  });
}
