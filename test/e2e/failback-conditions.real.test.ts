import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { commitOffsets, committedOffsets } from '../kit/group-offsets.js';
import { assertMirrored, type HistoryRecord } from '../kit/history-checker.js';
import { joinAndRead } from '../kit/group-reader.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { readTopic } from '../kit/read-topic.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';
import { writeTransactions } from '../faults/write-transactions.js';

const FLOW = 'us-east:us-west';
const KEYS = 20;
const ROUNDS = 30;
const CLEANER = { 'log.cleaner.backoff.ms': '100', 'log.retention.check.interval.ms': '1000' };
const COMPACTED = {
  'cleanup.policy': 'compact',
  'segment.ms': '100',
  'min.cleanable.dirty.ratio': '0.001',
};

/** The last value of each key: what a reader of a compacted topic keeps. */
function finalValues(records: readonly HistoryRecord[]): Map<string, string> {
  return new Map(records.map(({ key, value }) => [String(key), String(value)]));
}

/** Both directions are on: the way back of one goes through what the other one mirrors. */
describe('failback of one direction of two', () => {
  let pair: MirroredPair;

  before(async () => {
    pair = await MirroredPair.open({
      broker: CLEANER,
      flowLines: [
        'us-east->us-west.topics = orders, paid, prices',
        'us-west->us-east.enabled = true',
        'us-west->us-east.replication.factor = 1',
        'us-west->us-east.topics = .*',
      ],
    });
    await createTopics(pair.east, [
      { topic: 'orders' },
      { topic: 'paid' },
      { topic: 'prices', config: COMPACTED },
    ]);
    await createTopics(pair.west, [{ topic: 'local' }]);
    await pair.start();
    for (const topic of ['orders', 'paid'])
      await writeUnique(pair.east, { topic, producer: 'east', count: 50 });
    await churn('east', 'prices');
    await writeUnique(pair.west, { topic: 'local', count: 50 });
    await pair.caughtUp(['orders', 'paid', 'prices', 'local']);
    await commitOffsets(pair.east, { group: 'mover', topic: 'orders' }, [30]);
  });

  after(() => pair?.close());

  /** Every key in every round: so that compaction leaves gaps. */
  async function churn(side: 'east' | 'west', topic: string): Promise<void> {
    const producer = connectKafkajs(pair[side]).producer();
    await producer.connect();
    for (let round = 0; round < ROUNDS; round += 1) {
      const messages = Array.from({ length: KEYS }, (_, n) => {
        return { key: `key ${n}`, value: `${side} ${round} of ${n}` };
      });
      await producer.send({ topic, messages });
    }
    await producer.disconnect();
  }

  it('waits for the groups to move, brings transactions and gaps back, and leaves the other alone', async (t) => {
    const { east, west } = pair;
    const promoted = await pair.mirrorctl('promote', FLOW, '--yes');
    assert.equal(promoted.code, 0, promoted.err);
    assert.match(promoted.out, /have no lag, and every commit is known/);
    const moved = { group: 'mover', topic: 'us-east.orders' };
    assert.deepEqual(await committedOffsets(west, moved), [30], promoted.out);
    const local = new AbortController();
    const load = { topic: 'local', pauseMs: 50, batchRecords: 5, from: 50 };
    t.after(() => local.abort());
    const writing = writeUnique(west, { ...load, signal: local.signal });
    await writeUnique(west, { topic: 'us-east.orders', producer: 'west', count: 60 });
    await writeTransactions(west, {
      ...{ topic: 'us-east.paid', partitions: 1, transactions: 9, records: 7 },
      transactionalId: 'west',
    });
    await churn('west', 'us-east.prices');
    const cleaned = async (): Promise<boolean> => {
      // Segments roll with what is appended.
      await writeUnique(west, { topic: 'us-east.prices', producer: 'roll', count: 1 });
      return (await readTopic(west, 'us-east.prices')).length < KEYS * ROUNDS;
    };
    await eventually(cleaned, () => 'nothing was compacted', 60_000);

    const wanted = { group: 'mover', topic: 'us-east.orders', records: 20 + 40 };
    const mover = await joinAndRead(west, wanted);
    t.after(() => mover.leave());
    // The first unread one first, none twice; the marker of the fence takes one offset.
    assert.deepEqual(await committedOffsets(west, moved), [51 + 40]);
    assert.equal(new Set(mover.values).size, 20 + 40);
    const busy = await pair.mirrorctl('failback', FLOW, '--yes');
    assert.equal(busy.code, 4, busy.out);
    assert.match(busy.err, /group mover is active on us-west \(Stable, 1 member\): stop its/);
    const waiting = pair.mirrorctl('failback', FLOW, '--yes', '--wait');
    await mover.leave();
    const done = await waiting;
    assert.equal(done.code, 0, done.out + done.err);

    assert.deepEqual(await committedOffsets(east, { group: 'mover', topic: 'orders' }), [90]);
    for (const topic of ['orders', 'paid'])
      assertMirrored(await readTopic(west, `us-east.${topic}`), await readTopic(east, topic));
    const prices = finalValues(await readTopic(east, 'prices'));
    assert.deepEqual(prices, finalValues(await readTopic(west, 'us-east.prices')));

    for (const topic of ['orders', 'paid'])
      await writeUnique(east, { topic, producer: 'back', count: 25 });
    local.abort();
    const { next } = await writing;
    await pair.caughtUp(['orders', 'paid', 'prices', 'local']);
    for (const topic of ['orders', 'paid'])
      assertMirrored(await readTopic(east, topic), await readTopic(west, `us-east.${topic}`));
    const [there, here] = [await readTopic(west, 'local'), await readTopic(east, 'us-west.local')];
    assert.equal(there.length, next);
    assertMirrored(there, here);
    const { out } = await pair.mirrorctl('topics', 'us-west:us-east', '--json');
    const { topics } = JSON.parse(out) as { topics: { topic: string }[] };
    assert.deepEqual(
      topics.map(({ topic }) => topic).filter((topic) => /us-east/.test(topic)),
      [],
    );
  });
});
