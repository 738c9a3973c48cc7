import assert from 'node:assert/strict';
import { statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { commitOffsets } from '../kit/group-offsets.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { stretches } from '../kit/stretches.js';
import { readTopic } from '../kit/read-topic.js';
import { untilLed } from '../kit/topic-offsets.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const FLOW = 'us-east:us-west';
const TOPICS = ['orders', 'short', 'again', 'gone', 'wide'];

/** What must be mended before a failback, each found on real clusters and named; nothing is changed. */
describe('failback refuses', () => {
  let pair: MirroredPair;

  before(async () => {
    pair = await MirroredPair.open({
      flowLines: [`us-east->us-west.topics = ${TOPICS.join(', ')}`],
    });
    await createTopics(
      pair.east,
      TOPICS.map((topic) => ({ topic })),
    );
    for (const topic of TOPICS) await writeUnique(pair.east, { topic, producer: 'p', count: 100 });
    await pair.start();
    await pair.caughtUp(TOPICS);
    await commitOffsets(pair.east, { group: 'readers', topic: 'orders' }, [40]);
  });

  after(() => pair?.close());

  /** Exit code 4, with the reason; that `--plan` says the same is shown where a failback succeeds. */
  async function refused(reason: RegExp, flow = FLOW): Promise<void> {
    const call = await pair.mirrorctl('failback', flow, '--yes');
    assert.equal(call.code, 4, call.out);
    assert.match(call.err, reason);
  }

  it('an unknown flow, one that runs, and one of which only topics are promoted', async () => {
    await refused(
      /mirrorctl: there is no enabled flow 'us-west->us-east'; enabled: us-east->us-west; did you mean/,
      'us-west:us-east',
    );
    await refused(/us-east->us-west is not promoted: us-east is the primary/);
    const subset = await pair.mirrorctl('promote', FLOW, '--topics', 'wide', '--yes');
    assert.equal(subset.code, 0, subset.err);
    await refused(/only some topics of us-east->us-west are promoted \(wide\)/);
    assert.equal((await pair.mirrorctl('promote', FLOW, '--yes')).code, 0);
  });

  it('a producer, an open transaction, or a member of a group on the old primary', async () => {
    const stop = new AbortController();
    const { signal } = stop;
    const load = { topic: 'orders', producer: 'late', pauseMs: 50, batchRecords: 1 };
    const writing = writeUnique(pair.east, { ...load, signal });
    await refused(/producers write on us-east: stop them \(orders-0 by producer id \d+\)/);
    stop.abort();
    await writing;

    const kafka = connectKafkajs(pair.east);
    const options = { idempotent: true, maxInFlightRequests: 1, transactionalId: 'open' };
    const producer = kafka.producer(options);
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic: 'orders', messages: [{ value: 'open' }] });
    await refused(/a transaction is open on us-east: .*orders-0 by producer id \d+/);
    await transaction.abort();
    await producer.disconnect();

    const consumer = kafka.consumer({ groupId: 'readers' });
    await consumer.connect();
    await consumer.subscribe({ topics: ['orders'] });
    const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve));
    await consumer.run({ autoCommit: false, eachMessage: () => Promise.resolve() });
    await joined;
    await refused(/group readers is active on us-east \(\w+, 1 member\): stop its consumers/);
    await consumer.disconnect();
  });

  it('a cluster that is away, topics that are gone, made anew, shorter or wider', async () => {
    const { east, west } = pair;
    await west.brokers[0]!.kill();
    await refused(/us-west does not answer/);
    const segment = join(east.brokers[0]!.logDir, 'short-0', `${'0'.repeat(20)}.log`);
    const crossed = statSync(segment).size;
    await east.brokers[0]!.kill();
    truncateSync(segment, Math.floor(crossed / 2)); // the only batch: nothing of it is left
    await refused(/us-east does not answer/);
    await Promise.all([east.brokers[0]!.start(), west.brokers[0]!.start()]);
    const copies = TOPICS.map((topic) => `us-east.${topic}`);
    await Promise.all([untilLed(east, TOPICS), untilLed(west, copies)]);
    await refused(/short-0 on us-east ends at offset 0, and records up to 100 had crossed/);
    await writeUnique(east, { topic: 'short', producer: 'other', count: 120 });
    await refused(/short-0 on us-east holds another record at offset 99 than the one that crossed/);

    await withAdmin(east, (admin) => admin.deleteTopic('gone'));
    await withAdmin(east, (admin) => admin.deleteTopic('again'));
    await createTopics(east, [{ topic: 'again' }]);
    await withAdmin(east, async (admin, cluster) => {
      await admin.growPartitions('wide', 2);
      // Changes come to a broker in their order: with the last one it knows of all.
      await eventually(async () => {
        const { topics } = await cluster.metadata(['wide']);
        return topics.get('wide')?.partitions.length === 2;
      });
    });
    await refused(/topic gone is gone from us-east/);
    await refused(/topic again on us-east was deleted and created again/);
    await refused(/topic wide has 2 partitions on us-east, and us-east\.wide has 1 on us-west/);
  });

  it('and has changed nothing on either side', async () => {
    const onWest = await readTopic(pair.west, 'us-east.orders');
    assert.equal(stretches(onWest, 0), 'p:100');
    const { out } = await pair.mirrorctl('--json', 'failback', FLOW, '--plan');
    assert.equal((JSON.parse(out) as { progress: string }).progress, 'new');
  });
});
