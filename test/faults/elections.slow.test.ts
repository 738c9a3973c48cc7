import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { connectKafkajs } from '../kit/kafkajs-client.js';
import { eventually } from '../kit/eventually.js';
import { checkHistory } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { startKafka, type KafkaBroker, type KafkaServers } from '../kit/start-kafka.js';
import { createTopics, encodeUnique, writeUnique } from '../kit/write-unique.js';
import { caughtUp, checkMirrored, describeCopiers, FlowBench, haltCodeOf } from './flow-bench.js';

const RECORDS = 100_000;
const BATCH_RECORDS = 100;

describe('elections', () => {
  let kafka: KafkaServers; // source and target at once: what happens to it happens to both
  let bench: FlowBench;

  before(async () => {
    kafka = await startKafka({
      name: 'elections',
      brokers: 3,
      config: { 'replica.lag.time.max.ms': '1500', 'unclean.leader.election.enable': 'true' },
    });
    bench = new FlowBench({ source: kafka, target: kafka, requestTimeoutMs: 5_000 });
  });

  after(async () => {
    await bench.close();
    await kafka.stop();
  });

  const broker = (nodeId: number): KafkaBroker => kafka.brokers[nodeId - 1]!;

  /** Through the one node that no test stops: a sleeping one would let a client wait. */
  const awake = () => ({ bootstrapServers: `127.0.0.1:${broker(1).port}` });

  /** Without a producer id, which some sleeping node would have to hand out. */
  async function write(topic: string, from: number, count: number, by = 'writer'): Promise<void> {
    const producer = connectKafkajs(awake()).producer({ allowAutoTopicCreation: false });
    await producer.connect();
    for (let n = from; n < from + count; n += BATCH_RECORDS) {
      const messages = Array.from({ length: BATCH_RECORDS }, (_, index) => ({
        partition: 0,
        value: encodeUnique({ topic, partition: 0, producer: by, n: n + index, payload: 'x' }),
      }));
      // Not idempotent: a batch that fails is not repeated, or its values would not be unique.
      await producer.send({ topic, acks: -1, messages });
    }
    await producer.disconnect();
  }

  /** A topic of one partition that these nodes keep; the first leads. */
  async function createOn(topic: string, nodes: number[]): Promise<void> {
    const admin = connectKafkajs(awake()).admin();
    await admin.connect();
    const replicaAssignment = [{ partition: 0, replicas: nodes }];
    const configEntries = [{ name: 'min.insync.replicas', value: '1' }];
    await admin.createTopics({
      topics: [
        { topic, numPartitions: -1, replicationFactor: -1, replicaAssignment, configEntries },
      ],
    });
    await admin.disconnect();
    await eventually(async () => (await inSync(topic)).length === nodes.length);
  }

  /** Empty as long as the asked node does not know the topic. */
  async function inSync(topic: string): Promise<readonly number[]> {
    const admin = connectKafkajs(awake()).admin();
    await admin.connect();
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions[0]?.isr ?? [];
    } catch {
      return [];
    } finally {
      await admin.disconnect();
    }
  }

  /** While `act` runs, node 2 sleeps; then node 3 dies with what only it has, and node 2 leads. */
  async function loseTail(topic: string, act: () => Promise<void>): Promise<void> {
    await broker(2).kill('SIGSTOP');
    await eventually(async () => (await inSync(topic)).length === 1);
    await act();
    await broker(3).kill('SIGKILL');
    await broker(2).kill('SIGCONT');
  }

  async function healed(topic: string): Promise<void> {
    await broker(3).start();
    await eventually(async () => (await inSync(topic)).length === 2);
  }

  it('copies again what the target lost in an unclean election', async () => {
    await createOn('kept', [1]);
    await createOn('a.kept', [3, 2]);
    const producer = await bench.producer('mirror.kept');
    const flow = bench.start();
    const copiers = await flow.copy({ topic: 'kept', targetTopic: 'a.kept', producer });
    await write('kept', 0, 2_000);
    await caughtUp(copiers, 2_000n);
    await loseTail('a.kept', async () => {
      await write('kept', 2_000, 3_000);
      await caughtUp(copiers, 5_000n);
    });
    await write('kept', 5_000, 1_000);
    await eventually(
      // A reader fails while nobody leads.
      async () => (await readTopic(awake(), 'a.kept').catch(() => [])).length === 6_000,
      () => describeCopiers(copiers),
      60_000,
    );
    await checkMirrored({ source: awake(), target: awake(), topic: 'kept', targetTopic: 'a.kept' });
    await healed('a.kept');
    await flow.close();
  });

  it('halts as source-truncated when the source parted from what was copied', async () => {
    await createOn('parted', [3, 2]);
    await createOn('a.parted', [1]);
    const producer = await bench.producer('mirror.parted');
    const flow = bench.start();
    const [copier] = await flow.copy({ topic: 'parted', targetTopic: 'a.parted', producer });
    await write('parted', 0, 2_000);
    await caughtUp([copier!], 2_000n);
    await loseTail('parted', async () => {
      await write('parted', 2_000, 3_000);
      await caughtUp([copier!], 5_000n);
    });
    // The new log becomes longer than what was copied: its length alone tells nothing.
    await write('parted', 0, 6_000, 'after');
    assert.equal(await haltCodeOf(copier!), 'source-truncated');
    assert.match(copier!.halt?.message ?? '', /offsets 2000 to 4999/);
    const [original, copy] = await Promise.all([
      readTopic(awake(), 'parted'),
      readTopic(awake(), 'a.parted'),
    ]);
    // What the source lost is still there, and nothing of its new history was put behind it.
    assert.equal(copy.length, 5_000);
    assert.deepEqual(checkHistory(original.slice(0, 2_000), copy.slice(0, 2_000)), []);
    await healed('parted');
    await flow.close();
  });

  it('is exact across a rolling restart of both sides under load', async () => {
    const config = { 'min.insync.replicas': '2' };
    await createTopics(kafka, [{ topic: 'rolled', partitions: 4, replicas: 3, config }]);
    await createTopics(kafka, [{ topic: 'a.rolled', partitions: 4, replicas: 3, config }]);
    const producer = await bench.producer('mirror.rolled');
    const flow = bench.start();
    const copiers = await flow.copy({
      topic: 'rolled',
      targetTopic: 'a.rolled',
      partitions: 4,
      producer,
    });
    const writing = writeUnique(kafka, {
      topic: 'rolled',
      partitions: [0, 1, 2, 3],
      count: RECORDS / 4,
      pauseMs: 40,
    });
    for (const each of kafka.brokers) {
      await each.stop();
      await each.start();
    }
    await writing;
    await eventually(
      async () => (await readTopic(awake(), 'a.rolled')).length >= RECORDS,
      () => copiers.map(({ state, halt }) => ({ state, halt: halt?.message })),
      60_000,
    );
    await checkMirrored({
      source: awake(),
      target: awake(),
      topic: 'rolled',
      targetTopic: 'a.rolled',
    });
    assert.deepEqual(
      copiers.map(({ state }) => state),
      ['running', 'running', 'running', 'running'],
    );
    await flow.close();
  });
});
