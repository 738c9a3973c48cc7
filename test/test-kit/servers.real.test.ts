import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { brokersSeenBy } from '../kit/api-versions-probe.js';
import { assertMirrored } from '../kit/history-checker.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import { readTopic } from '../kit/read-topic.js';
import { startEtcd } from '../kit/start-etcd.js';
import { KAFKA_CURRENT, KAFKA_OLDER, startKafka } from '../kit/start-kafka.js';
import { transactionsEnded } from '../kit/transactions-ended.js';
import { createTopics, decodeUnique, writeUnique } from '../kit/write-unique.js';

const RESIDENT_MB_MAX = 600;

function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

for (const version of [KAFKA_CURRENT, KAFKA_OLDER]) {
  describe(`Kafka ${version}`, () => {
    it('keeps its ports and its records when it is killed and started again', async () => {
      await using kafka = await startKafka({ name: 'restart', version });
      const [broker] = kafka.brokers;
      assert.ok(broker);
      await createTopics(kafka, [{ topic: 'orders', partitions: 3 }]);
      const partitions = [0, 1, 2];
      const written = await writeUnique(kafka, { topic: 'orders', partitions, count: 250 });
      assert.deepEqual(written, { acknowledged: 750, next: 250 });
      const before = await readTopic(kafka, 'orders');
      await broker.kill();
      assert.deepEqual(await brokersSeenBy(broker.port), []);
      await broker.start();
      const after = await readTopic(kafka, 'orders');
      assert.equal(after.length, 750);
      assertMirrored(before, after);
      const numbers = after
        .filter((r) => r.partition === 2)
        .map((r) => r.value && decodeUnique(r.value)?.n);
      assert.deepEqual(numbers, [...Array(250).keys()]);
      if (existsSync('/proc')) assert.ok(residentMb(broker.pid) < RESIDENT_MB_MAX);
    });
  });
}

describe('a cluster of three brokers', () => {
  it('goes on without one of them, which comes back', async () => {
    await using kafka = await startKafka({ name: 'three', brokers: 3 });
    await createTopics(kafka, [{ topic: 'orders', partitions: 3, replicas: 3 }]);
    const partitions = [0, 1, 2];
    await writeUnique(kafka, { topic: 'orders', partitions, count: 20 });
    await kafka.brokers[0]?.kill();
    await writeUnique(kafka, { topic: 'orders', partitions, count: 20, from: 20 });
    await kafka.brokers[0]?.start();
    const records = await readTopic(kafka, 'orders');
    assert.equal(records.length, 120);
  });
});

describe('readTopic', () => {
  it('leaves out aborted transactions and keeps nulls, empties and headers', async () => {
    await using kafka = await startKafka({ name: 'read' });
    await createTopics(kafka, [{ topic: 'mixed' }]);
    const client = connectKafkajs(kafka);
    const producer = client.producer({
      transactionalId: 't',
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    for (const [n, commit] of [true, false, true].entries()) {
      const transaction = await producer.transaction();
      const headers = { h: ['1', '2'], e: '' };
      await transaction.send({ topic: 'mixed', messages: [{ key: `${n}`, value: null, headers }] });
      await transaction.send({
        topic: 'mixed',
        messages: [{ key: '', value: '', timestamp: `${n + 5}` }],
      });
      await (commit ? transaction.commit() : transaction.abort());
    }
    await producer.disconnect();
    await transactionsEnded(kafka, 'mixed');
    const records = await readTopic(kafka, 'mixed');
    assert.deepEqual(
      records.map((r) => r.offset),
      [0n, 1n, 6n, 7n],
    );
    assert.deepEqual(
      records.map((r) => r.value),
      [null, Buffer.alloc(0), null, Buffer.alloc(0)],
    );
    assert.deepEqual(records[0]?.headers, [
      { key: 'h', value: Buffer.from('1') },
      { key: 'h', value: Buffer.from('2') },
      { key: 'e', value: Buffer.alloc(0) },
    ]);
    assert.equal(records[3]?.timestamp, 7n);
  });
});

describe('etcd', () => {
  it('keeps its quorum without one of three members, which comes back', async () => {
    await using etcd = await startEtcd({ members: 3 });
    await etcd.members[0]?.kill();
    await etcd.members[1]?.waitReady();
    await etcd.members[0]?.start();
    // Each of them, though a member that was late may have had another leader elected meanwhile.
    await Promise.all(etcd.members.map((member) => member.waitReady()));
  });
});
