import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import { Codec, initCodecs } from '../../../kafka/records/compression.js';
import { fetchBatches, produceBatch } from '../../kafka/records/on-broker.js';
import { eventually } from '../../kit/eventually.js';
import { assertMirrored } from '../../kit/history-checker.js';
import { readTopic } from '../../kit/read-topic.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { createTopics, writeUnique } from '../../kit/write-unique.js';
import { Bench, copiedUpTo } from './copy-bench.js';

const HUGE_BYTES = 10 * 1024 * 1024;
const LIMIT = 20_000;

/** Positions derived for one topic: the first one, one for each refusal, and some for other causes. */
const RECOVERIES_MAX = 8;

interface Mirrored {
  topic: string;
  targetTopic: string;
  partitions: number;
  sourceConfig?: Record<string, string>;
  targetConfig?: Record<string, string>;
}

describe('batches larger than the target takes', () => {
  let source: KafkaServers;
  let target: KafkaServers;
  let bench: Bench;

  before(async () => {
    await initCodecs();
    [source, target] = await Promise.all([
      startKafka({ name: 'size-source' }),
      startKafka({ name: 'size-target' }),
    ]);
    bench = new Bench(source, target);
  });

  after(async () => {
    await bench.close();
    await Promise.all([source.stop(), target.stop()]);
  });

  async function create(topics: Mirrored): Promise<void> {
    const { topic, targetTopic, partitions, sourceConfig = {}, targetConfig = {} } = topics;
    await createTopics(source, [{ topic, partitions, config: sourceConfig }]);
    await createTopics(target, [{ topic: targetTopic, partitions, config: targetConfig }]);
  }

  async function copy(topics: Mirrored): Promise<PartitionCopier[]> {
    const producer = await bench.producerFor(topics.topic);
    return (await bench.copier({ ...topics, producer })).copiers;
  }

  async function assertSame({ topic, targetTopic }: Mirrored): Promise<void> {
    assertMirrored(await readTopic(source, topic), await readTopic(target, targetTopic));
  }

  it('are split to the limit that the topic names, without looking for it twice', async () => {
    const topics = { topic: 'split', targetTopic: 'a.split', partitions: 1 };
    const targetConfig = { 'max.message.bytes': String(LIMIT) };
    await create({ ...topics, targetConfig });
    await writeUnique(source, { topic: 'split', count: 3_000, batchRecords: 500 });
    const [copier] = await copy(topics);
    await copiedUpTo(copier!, 3_000n);
    assert.equal(copier!.batchBytesMax, LIMIT);
    assert.equal(copier!.failures, 0);
    await assertSame(topics);
    const cluster = bench.cluster(target);
    const batches = await fetchBatches({ cluster, topic: 'a.split', partition: 0 });
    assert.ok(batches.every((batch) => batch.length <= LIMIT));
    assert.ok(batches.length < 6 * 10, `${batches.length} batches: split too fine`);
    assert.deepEqual(copier!.tail.end, { sourceNext: 3_000n, targetNext: 3_000n });
  });

  it('are not made by coalescing', async () => {
    const topics = { topic: 'small', targetTopic: 'a.small', partitions: 1 };
    await create({ ...topics, targetConfig: { 'max.message.bytes': String(LIMIT) } });
    await writeUnique(source, { topic: 'small', count: 1_500, batchRecords: 1 });
    const [copier] = await copy(topics);
    await copiedUpTo(copier!, 1_500n);
    assert.ok(copier!.batchBytesMax <= LIMIT, 'one refusal teaches it');
    await assertSame(topics);
    const cluster = bench.cluster(target);
    const batches = await fetchBatches({ cluster, topic: 'a.small', partition: 0 });
    assert.ok(batches.length < 200, `${batches.length} batches: nothing was coalesced`);
  });

  it('are halved where the target recompresses, until it takes them', async () => {
    const topics = { topic: 'repacked', targetTopic: 'a.repacked', partitions: 1 };
    // The broker measures what it has decompressed: what the topic names says too little.
    const targetConfig = { 'max.message.bytes': String(LIMIT), 'compression.type': 'uncompressed' };
    await create({ ...topics, targetConfig });
    const cluster = bench.cluster(source);
    const place = { cluster, topic: 'repacked', partition: 0 };
    const value = Buffer.alloc(1_000, 'very much the same ');
    const records = Array.from({ length: 1_000 }, (_, n) => ({
      key: Buffer.from(String(n)),
      value: Buffer.concat([Buffer.from(`${n} `), value]),
      timestamp: BigInt(Date.now()),
    }));
    const { errorCode } = await produceBatch(place, buildBatch({ records, codec: Codec.gzip }));
    assert.equal(errorCode, 0);
    const [copier] = await copy(topics);
    await copiedUpTo(copier!, 1_000n);
    await assertSame(topics);
  });

  it('stop their partition alone when one record is too large, and name it', async () => {
    const topics = { topic: 'large', targetTopic: 'a.large', partitions: 2 };
    await create({ ...topics, targetConfig: { 'max.message.bytes': String(LIMIT) } });
    await writeUnique(source, { topic: 'large', partitions: [0, 1], count: 10 });
    await writeUnique(source, { topic: 'large', count: 1, from: 10, valueBytes: 2 * LIMIT });
    await writeUnique(source, { topic: 'large', partitions: [0, 1], count: 10, from: 11 });
    const copiers = await copy(topics);
    await eventually(() => copiers[0]!.state === 'halted');
    await copiedUpTo(copiers[1]!, 20n);
    assert.equal(copiers[0]!.halt?.haltCode, 'record-too-large');
    const message = copiers[0]!.halt?.message ?? '';
    assert.match(message, /^large-0: the record at offset 10 makes a batch of 40\d+ bytes/);
    assert.match(message, /a\.large on the target \(max\.message\.bytes\) is 20000 bytes/);
    assert.ok(copiers[0]!.failures < RECOVERIES_MAX);
    const copied = await readTopic(target, 'a.large');
    assert.equal(copied.filter(({ partition }) => partition === 0).length, 10);
    assert.equal(copied.filter(({ partition }) => partition === 1).length, 20);
  });

  it('cross whole when both sides are allowed ten megabytes', async () => {
    const topics = { topic: 'huge', targetTopic: 'a.huge', partitions: 2 };
    const limit = { 'max.message.bytes': String(HUGE_BYTES + 10_000) };
    await create({ ...topics, sourceConfig: limit, targetConfig: limit });
    const wide = { topic: 'huge', partitions: [0, 1], valueBytes: HUGE_BYTES };
    await writeUnique(source, { ...wide, count: 3, batchRecords: 1 });
    await writeUnique(source, { topic: 'huge', partitions: [0, 1], count: 50, from: 3 });
    const copiers = await copy(topics);
    for (const copier of copiers) await copiedUpTo(copier, 53n);
    const first = await readTopic(source, 'huge');
    assertMirrored(first, await readTopic(target, 'a.huge'));
  });
});
