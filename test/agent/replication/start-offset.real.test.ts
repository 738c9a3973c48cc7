import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import { Codec, initCodecs } from '../../../kafka/records/compression.js';
import type { StartOffset } from '../../../mirror/start-offset.js';
import { produceBatch } from '../../kafka/records/on-broker.js';
import { eventually } from '../../kit/eventually.js';
import { assertMirrored } from '../../kit/history-checker.js';
import { readTopic } from '../../kit/read-topic.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { createTopics, writeUnique } from '../../kit/write-unique.js';
import { Bench, copiedUpTo } from './copy-bench.js';

const HOUR_MS = 3_600_000;
const STEP_MS = 10 * 60_000;
const RECORDS = 60;

describe('the first copy of a topic', () => {
  let source: KafkaServers;
  let target: KafkaServers;
  const benches: Bench[] = [];
  /** Of the first record; each next one is a step later. The last one is an hour old. */
  const firstMs = Date.now() - RECORDS * STEP_MS - HOUR_MS;

  before(async () => {
    await initCodecs();
    [source, target] = await Promise.all([
      startKafka({ name: 'start-source' }),
      startKafka({ name: 'start-target' }),
    ]);
    const bench = new Bench(source, target);
    benches.push(bench);
    await createTopics(source, [{ topic: 'timed' }]);
    const place = { cluster: bench.cluster(source), topic: 'timed', partition: 0 };
    for (let first = 0; first < RECORDS; first += 20) {
      const records = Array.from({ length: 20 }, (_, index) => ({
        key: null,
        value: Buffer.from(`record ${first + index}`),
        timestamp: BigInt(firstMs + (first + index) * STEP_MS),
      }));
      const { errorCode } = await produceBatch(place, buildBatch({ records, codec: Codec.gzip }));
      assert.equal(errorCode, 0);
    }
  });

  after(async () => {
    for (const bench of benches) await bench.close();
    await Promise.all([source.stop(), target.stop()]);
  });

  async function copyFrom(name: string, start: StartOffset): Promise<PartitionCopier> {
    const targetTopic = `${name}.timed`;
    await createTopics(target, [{ topic: targetTopic }]);
    // With a map of its own: those before it go on copying the same partition.
    const own = new Bench(source, target);
    benches.push(own);
    const producer = await own.producerFor(name);
    const options = { topic: 'timed', targetTopic, partitions: 1, producer, start };
    const [copier] = (await own.copier(options)).copiers;
    await eventually(() => copier!.state === 'running');
    return copier!;
  }

  async function assertStartsAt(name: string, first: number): Promise<void> {
    const from = await readTopic(source, 'timed');
    const to = await readTopic(target, `${name}.timed`);
    assertMirrored(from.slice(first), to);
    assert.equal(to.length, from.length - first);
  }

  it('starts with the oldest record', async () => {
    await copiedUpTo(await copyFrom('earliest', 'earliest'), BigInt(RECORDS));
    await assertStartsAt('earliest', 0);
  });

  it('starts with the very record of a timestamp, inside a batch', async () => {
    const exact = { timestampMs: firstMs + 33 * STEP_MS };
    await copiedUpTo(await copyFrom('exact', exact), BigInt(RECORDS));
    await assertStartsAt('exact', 33);
    const between = { timestampMs: firstMs + 33 * STEP_MS + 1 };
    await copiedUpTo(await copyFrom('between', between), BigInt(RECORDS));
    await assertStartsAt('between', 34);
  });

  it('starts with the first record that is younger than a duration', async () => {
    // Counted from when it starts, which is some time after this: half a step of it changes nothing.
    const durationMs = Date.now() - (firstMs + 30.5 * STEP_MS);
    await copiedUpTo(await copyFrom('recent', { durationMs }), BigInt(RECORDS));
    await assertStartsAt('recent', 31);
  });

  it('starts with the first record when all are younger', async () => {
    await copiedUpTo(await copyFrom('old', { timestampMs: 0 }), BigInt(RECORDS));
    await assertStartsAt('old', 0);
  });

  it('starts at the end, and not at 0, with a timestamp that no record has reached', async () => {
    const future = await copyFrom('future', { timestampMs: Date.now() + HOUR_MS });
    const latest = await copyFrom('latest', 'latest');
    await writeUnique(source, { topic: 'timed', count: 7 });
    await copiedUpTo(future, BigInt(RECORDS + 7));
    await copiedUpTo(latest, BigInt(RECORDS + 7));
    await assertStartsAt('future', RECORDS);
    await assertStartsAt('latest', RECORDS);
    assert.deepEqual(future.tail.end, { sourceNext: BigInt(RECORDS + 7), targetNext: 7n });
  });
});
