import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import {
  attributes,
  baseOffset,
  codec,
  maxTimestamp,
  recordCount,
  timestampType,
} from '../../../kafka/records/batch-header.js';
import {
  buildBatch,
  readBatch,
  type NewBatch,
  type NewRecord,
} from '../../../kafka/records/build-batch.js';
import { Codec, initCodecs, type CodecName } from '../../../kafka/records/compression.js';
import { payloadCrc } from '../../../kafka/records/crc32c.js';
import { contents } from '../../kafka/records/arbitraries.js';
import { fetchBatches, produceBatch, type Place } from '../../kafka/records/on-broker.js';
import { eventually } from '../../kit/eventually.js';
import { assertMirrored, checkOffsetMap } from '../../kit/history-checker.js';
import { connectKafkajs } from '../../kit/kafkajs-client.js';
import { readTopic } from '../../kit/read-topic.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { transactionsEnded } from '../../kit/transactions-ended.js';
import { createTopics, writeUnique } from '../../kit/write-unique.js';
import { Bench, copiedUpTo } from './copy-bench.js';
import { registerCodecs } from './kafkajs-codecs.js';

const NAMES = Object.keys(Codec) as CodecName[];
const STAMPED = { 'message.timestamp.type': 'LogAppendTime' };

/** More than what is coalesced. */
const LARGE_BYTES = 2_000;
const HASH_BYTES = 64;

interface Configs {
  source?: Record<string, string>;
  target?: Record<string, string>;
}

function bytes(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text);
}

/** The same bytes for the same name, and such that no codec makes them fewer. */
function incompressible(name: string): Buffer {
  const parts: Buffer[] = [];
  for (let part = 0; part * HASH_BYTES < LARGE_BYTES; part += 1) {
    parts.push(createHash('sha512').update(`${name} ${part}`).digest());
  }
  return Buffer.concat(parts);
}

/** Records that differ in all that a record can differ in. */
function oddRecords(): NewRecord[] {
  const timestamp = BigInt(Date.now()) - 5_000n;
  const texts = [null, '', 'text'];
  const pairs = texts.flatMap((key) => texts.map((value) => [key, value] as const));
  const header = (key: string, value: string | null) => ({
    key: Buffer.from(key),
    value: bytes(value),
  });
  const repeated = [header('a', '1'), header('b', null), header('a', ''), header('', '2')];
  return pairs.map(([key, value], index) => ({
    key: bytes(key),
    value: bytes(value),
    timestamp: timestamp - BigInt(index * 100), // descending: deltas below zero
    headers: index % 2 === 0 ? repeated : [],
  }));
}

describe('what happens to each kind of batch', () => {
  let source: KafkaServers;
  let target: KafkaServers;
  let bench: Bench;

  before(async () => {
    await initCodecs();
    registerCodecs();
    [source, target] = await Promise.all([
      startKafka({ name: 'table-source' }),
      startKafka({ name: 'table-target' }),
    ]);
    bench = new Bench(source, target);
  });

  after(async () => {
    await bench.close();
    await Promise.all([source.stop(), target.stop()]);
  });

  async function create(topic: string, configs: Configs = {}): Promise<Place> {
    await createTopics(source, [{ topic, config: configs.source ?? {} }]);
    await createTopics(target, [{ topic: `a.${topic}`, config: configs.target ?? {} }]);
    return { cluster: bench.cluster(source), topic, partition: 0 };
  }

  async function produce(place: Place, batch: Partial<NewBatch> & Pick<NewBatch, 'records'>) {
    const { errorCode, errorMessage } = await produceBatch(place, buildBatch(batch));
    assert.equal(errorCode, 0, errorMessage ?? '');
  }

  async function copy(topic: string, sourceNext: bigint): Promise<PartitionCopier> {
    const producer = await bench.producerFor(topic);
    const options = { topic, targetTopic: `a.${topic}`, partitions: 1, producer };
    const { copiers, save } = await bench.copier(options);
    await copiedUpTo(copiers[0]!, sourceNext);
    save();
    return copiers[0]!;
  }

  function onTarget(topic: string): Promise<Buffer[]> {
    return fetchBatches({ cluster: bench.cluster(target), topic: `a.${topic}`, partition: 0 });
  }

  /** Every record once, in order, unchanged, and where the offset map says. */
  async function assertExact(topic: string): Promise<void> {
    const [from, to] = [await readTopic(source, topic), await readTopic(target, `a.${topic}`)];
    assertMirrored(from, to);
    const points = bench.mapPoints(topic);
    assert.equal(points.length, from.length);
    assert.deepEqual(checkOffsetMap(from, to, points), []);
  }

  for (const name of NAMES) {
    it(`passes ${name} batches through with their payload untouched`, async () => {
      const place = await create(`through-${name}`);
      for (let batch = 0; batch < 4; batch += 1) {
        // Bytes that do not compress: each batch stays above what is coalesced.
        const records = Array.from({ length: 20 }, (_, n) => ({
          key: Buffer.from(`${batch}-${n}`),
          value: incompressible(`${batch} ${n}`),
          timestamp: BigInt(Date.now() + n),
        }));
        await produce(place, { records, codec: Codec[name] });
      }
      await copy(place.topic, 80n);
      await assertExact(place.topic);
      const [from, to] = [await fetchBatches(place), await onTarget(place.topic)];
      assert.deepEqual(to.map(payloadCrc), from.map(payloadCrc));
      assert.deepEqual(to.map(codec), from.map(codec));
      assert.ok(to.every((batch) => codec(batch) === Codec[name]));
    });

    it(`coalesces a backlog of ${name} batches of one record`, async () => {
      const place = await create(`small-${name}`);
      for (let n = 0; n < 300; n += 1) {
        const timestamp = BigInt(Date.now() - n);
        const records = [{ key: bytes('k'), value: Buffer.from(`${name} ${n}`), timestamp }];
        await produce(place, { records, codec: Codec[name] });
      }
      await copy(place.topic, 300n);
      await assertExact(place.topic);
      const batches = await onTarget(place.topic);
      assert.ok(batches.length < 100, `${batches.length} batches`);
      assert.ok(batches.every((batch) => codec(batch) === Codec[name]));
    });
  }

  it('keeps null apart from empty, and headers in their order with their repeats', async () => {
    for (const name of NAMES) {
      const place = await create(`odd-${name}`);
      await produce(place, { records: oddRecords(), codec: Codec[name] });
      await produce(place, { records: oddRecords(), codec: Codec[name] });
      await copy(place.topic, 18n);
      await assertExact(place.topic);
      const read = async (batches: Promise<Buffer[]>): Promise<unknown[]> =>
        contents((await batches).flatMap((batch) => readBatch(batch)));
      assert.deepEqual(await read(onTarget(place.topic)), await read(fetchBatches(place)));
    }
  });

  it('keeps the lack of a timestamp', async () => {
    const place = await create('timeless');
    const records = [1, 2, 3].map((n) => ({ key: null, value: bytes(`v${n}`), timestamp: -1n }));
    await produce(place, { records });
    await produce(place, { records: [{ ...records[0]!, value: bytes('v4') }], codec: Codec.lz4 });
    await copy('timeless', 4n);
    await assertExact('timeless');
    assert.ok((await onTarget('timeless')).every((batch) => maxTimestamp(batch) === -1n));
  });

  it("gives records the timestamps that the source's broker gave them", async () => {
    const place = await create('stamped', { source: STAMPED });
    for (const name of NAMES) await produce(place, { records: oddRecords(), codec: Codec[name] });
    await copy('stamped', 45n);
    await assertExact('stamped');
    const batches = await onTarget('stamped');
    assert.ok(batches.every((batch) => timestampType(batch) === 'CreateTime'));
  });

  it('leaves the timestamps to a target topic that stamps by itself', async () => {
    const place = await create('restamped', { target: STAMPED });
    await produce(place, { records: oddRecords() });
    const startedMs = BigInt(Date.now());
    await copy('restamped', 9n);
    const to = await readTopic(target, 'a.restamped');
    assert.ok(to.every(({ timestamp }) => timestamp >= startedMs));
    const from = await readTopic(source, 'restamped');
    assertMirrored(
      from.map((record) => ({ ...record, timestamp: 0n })),
      to.map((record) => ({ ...record, timestamp: 0n })),
    );
  });

  it('begins within a batch where the map says so', async () => {
    for (const name of NAMES) {
      const topic = `partly-${name}`;
      const place = await create(topic);
      await produce(place, { records: oddRecords(), codec: Codec[name] });
      bench.map.set(`${topic}-0`, [{ sourceStart: 4n, targetStart: 0n, length: 0n }]);
      await copy(topic, 9n);
      const from = await readTopic(source, topic);
      const to = await readTopic(target, `a.${topic}`);
      assert.equal(to.length, 5);
      assertMirrored(from.slice(4), to);
      assert.deepEqual(checkOffsetMap(from, to, bench.mapPoints(topic)), []);
    }
  });

  it('copies what was committed, without a mark of the transactions', async () => {
    await create('transactional');
    await writeTransactions('transactional');
    const from = await readTopic(source, 'transactional');
    assert.equal(from.length, 260);
    await copy('transactional', from.at(-1)!.offset + 1n);
    await assertExact('transactional');
    const batches = await onTarget('transactional');
    assert.ok(batches.every((batch) => (attributes(batch) & 0x30) === 0));
    const copied = batches.reduce((sum, batch) => sum + recordCount(batch), 0);
    assert.equal(copied, 260);
    assert.equal(baseOffset(batches[0]!), 0n);
  });

  it('waits for an open transaction, and copies it once it is committed', async () => {
    const topic = 'open';
    await create(topic);
    const producer = connectKafkajs(source).producer({
      transactionalId: topic,
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    await writeUnique(source, { topic, count: 5 });
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: 'held' }] });
    await writeUnique(source, { topic, count: 5, from: 5 });
    const copier = await copy(topic, 5n);
    await eventually(() => copier.sourceEnd === 5n);
    assert.equal((await readTopic(target, `a.${topic}`)).length, 5);
    await transaction.commit();
    await copiedUpTo(copier, 11n);
    await producer.disconnect();
    assertMirrored(await readTopic(source, topic), await readTopic(target, `a.${topic}`));
  });

  /** Two interleaved producers, of whose transactions every second aborts, and one without. */
  async function writeTransactions(topic: string): Promise<void> {
    const kafka = connectKafkajs(source);
    const ids = ['one', 'two'];
    const producers = ids.map((transactionalId) =>
      kafka.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true }),
    );
    for (const producer of producers) await producer.connect();
    for (let round = 0; round < 10; round += 1) {
      const transactions = [];
      for (const producer of producers) transactions.push(await producer.transaction());
      for (let part = 0; part < 4; part += 1) {
        for (const [index, transaction] of transactions.entries()) {
          const values = [0, 1, 2, 3].map((n) => ({
            value: `${ids[index]} ${round} ${part} ${n}`,
          }));
          await transaction.send({ topic, messages: values });
        }
        await writeUnique(source, { topic, count: 1, from: 4 * round + part });
      }
      for (const [index, transaction] of transactions.entries()) {
        if ((round + index) % 2 === 0) await transaction.commit();
        else await transaction.abort();
      }
      await writeUnique(source, { topic, producer: 'between', count: 6, from: 6 * round });
    }
    for (const producer of producers) await producer.disconnect();
    await transactionsEnded(source, topic);
  }
});
