import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { InternalTopicError, WriterFencedError } from '../../../coordinator/target/errors.js';
import { InternalTopic, type InternalRecord } from '../../../coordinator/target/internal-topic.js';
import { INTERNAL_BATCH_BYTES_MAX } from '../../../coordinator/target/limits.js';
import { ensureInternalTopic } from '../../../coordinator/target/topics.js';
import { ConnectionError, type KafkaCluster } from '../../../kafka/client/index.js';
import { produce } from '../../../kafka/messages/produce.js';
import { batchBytes } from '../../../kafka/records/batch-header.js';
import { fetchBatches } from '../../kafka/records/on-broker.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { createTopics } from '../../kit/write-unique.js';
import { NEVER, TargetProcess } from './open-on-broker.js';

let kafka: KafkaServers;
let process: TargetProcess;

before(async () => {
  kafka = await startKafka({ name: 'internal-topic' });
  process = new TargetProcess(kafka.bootstrapServers);
});

after(async () => {
  await process?.[Symbol.asyncDispose]();
  await kafka?.stop();
});

function record(key: string, value: string | null): InternalRecord {
  return { key: Buffer.from(key), value: value === null ? null : Buffer.from(value) };
}

async function newTopic(
  topic: string,
  cluster: KafkaCluster = process.cluster,
): Promise<InternalTopic> {
  const wanted = { name: topic, replicationFactor: 1, replicationFactorKey: 'k' };
  const sleep = (ms: number): Promise<void> => systemClock.sleep(ms);
  await ensureInternalTopic(process, wanted, { sleep, signal: NEVER });
  return openTopic(topic, cluster);
}

/** Has its configuration from the start: the broker heeds a change some time after it was made. */
async function newTopicWith(topic: string, config: Record<string, string>): Promise<InternalTopic> {
  await createTopics(kafka, [{ topic, config }]);
  return openTopic(topic);
}

async function openTopic(topic: string, cluster = process.cluster): Promise<InternalTopic> {
  const producer = await process.admin.obtainProducer(`writer.${topic}`);
  return new InternalTopic({ cluster, topic, clock: systemClock, log: silentLogger, producer });
}

async function read(topic: InternalTopic): Promise<string[]> {
  const records: string[] = [];
  await topic.read(({ offset, key, value }) => {
    records.push(`${offset} ${key?.toString()}=${value?.toString()}`);
  }, NEVER);
  return records;
}

/** The real cluster, but the answer to a produce request is lost as often as `losses` says. */
function losingAnswers(cluster: KafkaCluster, onLoss: () => boolean): KafkaCluster {
  return new Proxy(cluster, {
    get: (real, name) => {
      const member: unknown = Reflect.get(real, name, real);
      if (typeof member !== 'function') return member;
      if (name !== 'request') return (member as () => unknown).bind(real);
      return async (...args: Parameters<KafkaCluster['request']>): Promise<unknown> => {
        const answer = await real.request(...args);
        if ((args[1] as unknown) !== produce || !onLoss()) return answer;
        throw new ConnectionError('cut off', { broker: 'b:1', sent: true });
      };
    },
  });
}

describe('InternalTopic', () => {
  it('reads what was appended, deletions and empty values included', async () => {
    const topic = await newTopic('roundtrip');

    assert.equal(await topic.append([record('a', '1'), record('b', '')], NEVER), 2n);
    assert.equal(await topic.append([record('a', null)], NEVER), 3n);
    assert.equal(await topic.append([], NEVER), -1n);

    assert.deepEqual(await read(topic), ['0 a=1', '1 b=', '2 a=undefined']);
  });

  it('keeps the order of appends that are asked for at once', async () => {
    const topic = await newTopic('order');
    const numbers = [...Array(20).keys()].map(String);

    await Promise.all(numbers.map((text) => topic.append([record(text, text)], NEVER)));

    assert.deepEqual(
      await read(topic),
      numbers.map((text) => `${text} ${text}=${text}`),
    );
  });

  it('splits what is too large for one batch', async () => {
    const topic = await newTopic('large');
    const records = [...Array(24).keys()].map((index) =>
      record(String(index), 'x'.repeat(100_000)),
    );

    assert.equal(await topic.append(records, NEVER), 24n);

    const batches = await fetchBatches({ cluster: process.cluster, topic: 'large', partition: 0 });
    assert.ok(batches.length > 1);
    assert.ok(batches.every((batch) => batchBytes(batch) <= INTERNAL_BATCH_BYTES_MAX + 100));
    assert.equal((await read(topic)).length, 24);
  });

  it('has a batch once in the log however often its answer is lost', async () => {
    let losses = 3;
    const cluster = losingAnswers(process.cluster, () => losses-- > 0);
    const topic = await newTopic('lost-answers', cluster);

    assert.equal(await topic.append([record('a', '1'), record('b', '2')], NEVER), 2n);
    assert.equal(await topic.append([record('c', '3')], NEVER), 3n);

    assert.deepEqual(await read(topic), ['0 a=1', '1 b=2', '2 c=3']);
  });

  it('loses nothing after an append that was given up with its fate unknown', async () => {
    const giveUp = new AbortController();
    let isLosing = true;
    const cluster = losingAnswers(process.cluster, () => {
      if (isLosing) giveUp.abort(new DOMException('enough', 'AbortError'));
      return isLosing;
    });
    const topic = await newTopic('given-up', cluster);
    await assert.rejects(topic.append([record('a', '1')], giveUp.signal), { name: 'AbortError' });
    isLosing = false;

    assert.equal(await topic.append([record('b', '2')], NEVER), 2n);

    assert.deepEqual(await read(topic), ['0 a=1', '1 b=2']);
  });

  it('is fenced by a newer writer only once that has written, and then for good', async () => {
    const older = await newTopic('fenced');
    await older.append([record('a', '1')], NEVER);
    const newer = await openTopic('fenced');
    await older.append([record('a', '2')], NEVER);
    await newer.append([record('a', '3')], NEVER);

    await assert.rejects(older.append([record('a', '4')], NEVER), WriterFencedError);
    await assert.rejects(older.append([record('a', '5')], NEVER), WriterFencedError);

    await newer.append([record('a', '6')], NEVER);
    assert.deepEqual(await read(newer), ['0 a=1', '1 a=2', '2 a=3', '3 a=6']);
  });

  it('goes on writing while its transactional id is kept from expiring', async () => {
    const topic = await newTopic('refreshed');
    await topic.append([record('a', '1')], NEVER);
    await process.admin.obtainProducer('writer.refreshed');

    await topic.append([record('a', '2')], NEVER);

    assert.deepEqual(await read(topic), ['0 a=1', '1 a=2']);
  });

  it('says what the broker refuses, and can go on with something else', async () => {
    const topic = await newTopicWith('refused', { 'max.message.bytes': '1000' });
    const large = record('a', 'x'.repeat(5_000));

    await assert.rejects(topic.append([large], NEVER), (error: unknown) => {
      assert.ok(error instanceof InternalTopicError);
      return /MESSAGE_TOO_LARGE/.test(error.message);
    });
    await topic.append([record('b', '2')], NEVER);

    assert.deepEqual(await read(topic), ['0 b=2']);
  });

  it('reads a log whose beginning was deleted', async () => {
    const topic = await newTopicWith('deleted', { 'cleanup.policy': 'compact,delete' });
    for (const text of ['1', '2', '3']) await topic.append([record('a', text)], NEVER);
    await process.admin.deleteRecords([{ topic: 'deleted', partition: 0, beforeOffset: 2n }]);

    assert.deepEqual(await read(topic), ['2 a=3']);
  });

  it('waits for a broker that is started again', async () => {
    const topic = await newTopic('restarted');
    await topic.append([record('a', '1')], NEVER);
    const broker = kafka.brokers[0]!;
    await broker.kill();
    const appended = topic.append([record('a', '2')], NEVER);
    await broker.start();

    assert.equal(await appended, 2n);
    assert.deepEqual(await read(topic), ['0 a=1', '1 a=2']);
  });
});
