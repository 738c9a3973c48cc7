import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { readTopic } from '../kit/read-topic.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const FLOW = 'us-east:us-west';

interface Resumed {
  resumed: { topic: string; partition: number; halt: { code: string } }[];
}

describe('topics that are not as they should be, and the ways out', () => {
  let pair: MirroredPair;

  before(async () => {
    pair = await MirroredPair.open({ flowLines: [] });
    await createTopics(pair.east, [{ topic: 'orders', partitions: 2 }, { topic: 'wide' }]);
    await createTopics(pair.west, [{ topic: 'us-east.wide', partitions: 3 }]);
    await writeUnique(pair.east, { topic: 'orders', partitions: [0, 1], count: 100 });
    await writeUnique(pair.east, { topic: 'wide', count: 100 });
    await pair.start();
    await pair.caughtUp(['orders']);
  });

  after(async () => {
    await pair.stop();
    await pair.close();
  });

  async function statusSays(pattern: RegExp): Promise<void> {
    let last = '';
    const look = async (): Promise<boolean> => {
      const { code, out, err } = await pair.mirrorctl('status', FLOW);
      last = out + err;
      return code === 3 && pattern.test(last);
    };
    await eventually(look, () => last, 90_000);
  }

  async function accept(code: string): Promise<Resumed['resumed']> {
    const { out, err } = await pair.mirrorctl('--json', 'resume', FLOW, '--accept', code);
    assert.match(out, /^\{/, err);
    const { resumed } = JSON.parse(out) as Resumed;
    assert.ok(resumed.every(({ halt }) => halt.code === code));
    return resumed;
  }

  async function assertCopied(topic: string): Promise<void> {
    const onWest = await readTopic(pair.west, `us-east.${topic}`);
    assertMirrored(await readTopic(pair.east, topic), onWest);
  }

  it('copies to a topic with more partitions once that is accepted', async () => {
    await statusSays(/partition-count-shrunk.*us-east\.wide has 3 partitions/s);
    assert.deepEqual(
      (await accept('partition-count-shrunk')).map(({ topic, partition }) => [topic, partition]),
      [['wide', -1]],
    );
    await pair.caughtUp(['wide']);
    await assertCopied('wide');
    assert.deepEqual(await accept('partition-count-shrunk'), []);
  });

  it('copies a recreated topic from its start, behind the old records, once that is accepted', async () => {
    await pair.stop();
    const admin = connectKafkajs(pair.east).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: ['wide'] });
    await admin.disconnect();
    const old = await readTopic(pair.west, 'us-east.wide');
    await createTopics(pair.east, [{ topic: 'wide' }]);
    await writeUnique(pair.east, { topic: 'wide', count: 250, producer: 'second' });
    await pair.start();
    await statusSays(/topic-recreated/);
    assert.equal((await accept('topic-recreated')).length, 1);
    await pair.caughtUp(['wide']);
    const all = await readTopic(pair.west, 'us-east.wide');
    assert.equal(all.length, old.length + 250);
    assertMirrored(old, all.slice(0, old.length));
    const added = all.slice(old.length).map(({ value }) => value?.toString('latin1'));
    const wanted = (await readTopic(pair.east, 'wide')).map(({ value }) =>
      value?.toString('latin1'),
    );
    assert.deepEqual(added, wanted);
  });

  it('makes a deleted topic again and copies everything once that is accepted', async () => {
    const admin = connectKafkajs(pair.west).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: ['us-east.orders'] });
    await writeUnique(pair.east, { topic: 'orders', partitions: [0, 1], count: 50, from: 100 });
    await statusSays(/target-deleted.*topic us-east\.orders was deleted/s);
    // Nobody decides but an operator.
    assert.ok(!(await admin.listTopics()).includes('us-east.orders'));
    await admin.disconnect();
    const resumed = await accept('target-deleted');
    assert.ok(resumed.length > 0);
    await pair.caughtUp(['orders']);
    await assertCopied('orders');
  });
});
