import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { describeProducers } from '../../kafka/messages/describe-producers.js';
import { produce } from '../../kafka/messages/produce.js';
import { buildBatch, type NewRecord } from '../../kafka/records/build-batch.js';
import { writeTransactions } from '../faults/write-transactions.js';
import { assertMirrored } from '../kit/history-checker.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { readTopic } from '../kit/read-topic.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const FLOW = 'us-east:us-west';
const RECORDS = 5_000;

interface VerifyDocument {
  verdict: string;
  resumed: boolean;
  partitions: {
    topic: string;
    partition: number;
    equalRecords: number;
    deletedOnSource: number;
    deletedOnTarget: number;
    difference?: { what: string; sourceOffset?: number; targetOffset?: number; detail: string };
  }[];
  ranges?: { range: { sourceChecksum: string; targetChecksum: string } }[];
}

describe('mirrorctl verify', () => {
  let pair: MirroredPair;

  before(async () => {
    pair = await MirroredPair.open({ flowLines: ['us-east->us-west.topics = orders.*'] });
    await createTopics(pair.east, [
      { topic: 'orders', partitions: 2 },
      { topic: 'orders.small' },
      { topic: 'orders.transactional' },
      { topic: 'orders.stamped', config: { 'message.timestamp.type': 'LogAppendTime' } },
      { topic: 'orders.deleted' },
      { topic: 'orders.trimmed' },
      { topic: 'orders.altered' },
    ]);
    await Promise.all([
      writeUnique(pair.east, { topic: 'orders', partitions: [0, 1], count: RECORDS }),
      writeUnique(pair.east, { topic: 'orders.small', count: 400, batchRecords: 1 }),
      writeUnique(pair.east, { topic: 'orders.stamped', count: 300 }),
      writeUnique(pair.east, { topic: 'orders.deleted', count: 300 }),
      writeUnique(pair.east, { topic: 'orders.trimmed', count: 300 }),
      writeTransactions(pair.east, {
        ...{ topic: 'orders.transactional', partitions: 1, transactions: 9, records: 20 },
        transactionalId: 'verify-test',
      }),
    ]);
    await pair.start();
    await pair.caughtUp(['orders', 'orders.small', 'orders.transactional', 'orders.stamped']);
    await pair.caughtUp(['orders.deleted', 'orders.trimmed']);
  });

  after(() => pair.close());

  async function verify(...args: string[]): Promise<{ code: number; found: VerifyDocument }> {
    const { code, out, err } = await pair.mirrorctl('--json', 'verify', FLOW, ...args);
    assert.notEqual(out, '', err);
    return { code, found: JSON.parse(out) as VerifyDocument };
  }

  it('finds everything equal, however the batches lie', async () => {
    const topics = ['orders', 'orders.small', 'orders.transactional', 'orders.stamped'];
    const { code, found } = await verify('--ranges', '--topics', ...topics);
    assert.equal(found.verdict, 'equal', JSON.stringify(found));
    assert.equal(code, 0);
    const counts = new Map<string, number>();
    for (const { topic, equalRecords } of found.partitions)
      counts.set(topic, (counts.get(topic) ?? 0) + equalRecords);
    assert.equal(counts.get('orders'), 2 * RECORDS);
    assert.equal(counts.get('orders.small'), 400);
    assert.equal(counts.get('orders.transactional'), 6 * 20);
    for (const { range } of found.ranges ?? [])
      assert.equal(range.sourceChecksum, range.targetChecksum);
    for (const topic of topics)
      assertMirrored(
        await readTopic(pair.east, topic),
        await readTopic(pair.west, `us-east.${topic}`),
      );
  });

  it('prints what it compared, for people', async () => {
    const { code, out } = await pair.mirrorctl('verify', FLOW, '--topics', 'orders');
    assert.equal(code, 0);
    assert.match(out, /orders +0 +5,000 +5,000 +5,000 +0 +-/);
    assert.match(out, /equal: us-east->us-west, 10,000 records compared/);
  });

  it('compares only what is new with --from last', async () => {
    await verify('--from', 'start', '--topics', 'orders.small');
    await writeUnique(pair.east, { topic: 'orders.small', count: 10, from: 400 });
    await pair.caughtUp(['orders.small']);
    const { code, found } = await verify('--from', 'last', '--topics', 'orders.small', '--ranges');
    assert.equal(code, 0);
    assert.equal(found.partitions[0]?.equalRecords, 410);
    assert.equal(found.ranges?.length, 1);
  });

  it('says what it cannot compare, since the source deleted it', async () => {
    const trimmed = { topic: 'orders.deleted', partition: 0, beforeOffset: 120n };
    await withAdmin(pair.east, (admin) => admin.deleteRecords([trimmed]));
    const { code, found } = await verify('--topics', 'orders.deleted');
    assert.equal(code, 3, JSON.stringify(found));
    assert.equal(found.verdict, 'not-comparable');
    const [partition] = found.partitions;
    assert.deepEqual([partition?.deletedOnSource, partition?.equalRecords], [120, 180]);
  });

  it('says what it cannot compare, since the target deleted it', async () => {
    const trimmed = { topic: 'us-east.orders.trimmed', partition: 0, beforeOffset: 50n };
    await withAdmin(pair.west, (admin) => admin.deleteRecords([trimmed]));
    const { code, found } = await verify('--topics', 'orders.trimmed');
    assert.equal(code, 3);
    const [partition] = found.partitions;
    assert.deepEqual([partition?.deletedOnTarget, partition?.equalRecords], [50, 250]);
  });

  it('names a record that somebody else wrote to the target', async () => {
    const producer = connectKafkajs(pair.west).producer();
    await producer.connect();
    await producer.send({
      topic: 'us-east.orders',
      messages: [{ partition: 1, value: 'not of this flow' }],
    });
    await producer.disconnect();
    const { code, found } = await verify('--topics', 'orders');
    assert.equal(code, 1);
    assert.equal(found.verdict, 'different');
    assert.equal(found.partitions[0]?.difference, undefined);
    assert.equal(found.partitions[1]?.difference?.what, 'foreign-record');
    assert.equal(found.partitions[1]?.difference?.targetOffset, RECORDS);
  });

  it('names a record that was altered, and what of it', async () => {
    await plantAlteredRecord(pair);
    const { code, found } = await verify('--topics', 'orders.altered');
    assert.equal(code, 1);
    const { difference } = found.partitions[0]!;
    assert.deepEqual(
      [difference?.what, difference?.sourceOffset, difference?.targetOffset],
      ['value', 1, 1],
    );
    assert.match(difference?.detail ?? '', /'right'.*on the source, 'wrong'.*on the target/);
    const { out } = await pair.mirrorctl('verify', FLOW, '--topics', 'orders.altered');
    assert.match(out, /value: orders.altered-0 offset 1 <> us-east.orders.altered-0 offset 1/);
  });

  it('refuses what it cannot mean', async () => {
    const unknown = await pair.mirrorctl('verify', 'a:b');
    assert.equal(unknown.code, 4);
    const none = await pair.mirrorctl('verify', FLOW, '--topics', 'nothing');
    assert.equal(none.code, 4);
    assert.match(none.err, /has copied no topic that matches nothing/);
    assert.equal((await pair.mirrorctl('verify', FLOW, '--rate', 'fast')).code, 2);
  });
});

/**
 * Appends to the target, under the flow's own producer, what the source never held: as if a bit had
 * been flipped on the way. The copy goes on behind it, since the last record is the right one.
 */
async function plantAlteredRecord(pair: MirroredPair): Promise<void> {
  const timestamp = BigInt(Date.now());
  const record = (value: string): NewRecord => ({
    key: null,
    value: Buffer.from(value),
    timestamp,
  });
  const send = async (...values: string[]): Promise<void> => {
    const producer = connectKafkajs(pair.east).producer();
    await producer.connect();
    const messages = values.map((value) => ({ value, timestamp: String(timestamp) }));
    await producer.send({ topic: 'orders.altered', messages });
    await producer.disconnect();
  };
  await send('first');
  await pair.caughtUp(['orders.altered']);
  await pair.stop();
  await send('right', 'last');
  const name = 'us-east.orders.altered';
  await withAdmin(pair.west, async (_admin, cluster) => {
    await cluster.metadata([name]);
    const { nodeId } = cluster.leaderOf(name, 0)!;
    const asked = { topics: [{ name, partitionIndexes: [0] }] };
    const answer = await cluster.request({ nodeId }, describeProducers, asked);
    const [ours] = answer.topics[0]!.partitions[0]!.activeProducers;
    const { producerId, producerEpoch, lastSequence } = ours!;
    const batch = buildBatch({
      records: [record('wrong'), record('last')],
      ...{ producerId, producerEpoch, baseSequence: lastSequence + 1 },
    });
    const partitions = [{ partitionIndex: 0, records: batch }];
    const wanted = { transactionalId: null, acks: -1 as const, timeoutMs: 10_000 };
    const written = await cluster.request({ nodeId }, produce, {
      ...wanted,
      topics: [{ name, partitions }],
    });
    assert.equal(written.topics[0]?.partitions[0]?.errorCode, 0);
  });
  await pair.start();
  await pair.caughtUp(['orders.altered']);
}
