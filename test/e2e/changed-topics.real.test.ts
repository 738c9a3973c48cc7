import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

import { decodeCheckpoint } from '../../mirror/records/checkpoint.js';
import { eventually } from '../kit/eventually.js';
import { commitOffsets, committedOffsets } from '../kit/group-offsets.js';
import { assertMirrored } from '../kit/history-checker.js';
import { deleteTopic, hasTopic } from '../kit/delete-topic.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { readTopic } from '../kit/read-topic.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const FLOW = 'us-east:us-west';
const REMOTE = { group: 'readers', topic: 'us-east.orders' };

interface Resumed {
  resumed: { topic: string; partition: number; halt: { code: string } }[];
}

describe('topics that are not as they should be, and the ways out', () => {
  let pair: MirroredPair;

  before(async () => {
    pair = await MirroredPair.open({
      flowLines: ['sync.group.offsets.enabled = true', 'sync.group.offsets.interval.seconds = 1'],
    });
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
    await deleteTopic(pair.east, 'wide');
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

  /** As MirrorMaker 2's clients read them: by partition, on the target. */
  async function checkpoints(): Promise<number[]> {
    const found: number[] = [];
    for (const { key, value } of await readTopic(pair.west, 'us-east.checkpoints.internal')) {
      assert.ok(key !== null && value !== null, 'a deletion breaks those clients');
      const { group, topic, partition, downstreamOffset } = decodeCheckpoint(key, value);
      if (group === REMOTE.group && topic === REMOTE.topic)
        found[partition] = Number(downstreamOffset);
    }
    return found;
  }

  /** What is committed on the target, and what the checkpoints say. */
  async function groupIsAt(offsets: readonly number[]): Promise<void> {
    const wanted = { committed: offsets, checkpoints: offsets };
    let found: unknown;
    const look = async (): Promise<boolean> => {
      const committed = await committedOffsets(pair.west, REMOTE);
      found = { committed, checkpoints: await checkpoints() };
      return isDeepStrictEqual(found, wanted);
    };
    await eventually(look, () => found, 60_000);
  }

  it('makes a deleted topic again and copies everything once that is accepted', async () => {
    await commitOffsets(pair.east, { group: 'readers', topic: 'orders' }, [80, 40]);
    await groupIsAt([80, 40]);
    // The new log begins later than the old one did: what was true of that one is not of this.
    await withAdmin(pair.east, (source) =>
      source.deleteRecords([{ topic: 'orders', partition: 0, beforeOffset: 30n }]),
    );
    await deleteTopic(pair.west, 'us-east.orders');
    await writeUnique(pair.east, { topic: 'orders', partitions: [0, 1], count: 50, from: 100 });
    await statusSays(/target-deleted.*topic us-east\.orders was deleted/s);
    // Nobody decides but an operator.
    assert.ok(!(await hasTopic(pair.west, 'us-east.orders')));
    const resumed = await accept('target-deleted');
    assert.ok(resumed.length > 0);
    await pair.caughtUp(['orders']);
    await assertCopied('orders');
    await groupIsAt([50, 40]);
  });

  it('copies everything again to a recreated topic once that is accepted, and points nowhere else', async () => {
    const old = await withAdmin(pair.west, (target) => target.groupOffsets(['readers']));
    await deleteTopic(pair.west, 'us-east.orders');
    await createTopics(pair.west, [{ topic: 'us-east.orders', partitions: 2 }]);
    // As a translation that was under way: it goes to the new topic, where it means nothing.
    const late = old.get('readers')!.map((each) => ({ ...each, metadata: each.metadata ?? '' }));
    await withAdmin(pair.west, (target) => target.commitGroupOffsets('readers', late));
    await withAdmin(pair.east, (source) =>
      source.deleteRecords([{ topic: 'orders', partition: 0, beforeOffset: 60n }]),
    );
    await writeUnique(pair.east, { topic: 'orders', partitions: [0, 1], count: 50, from: 150 });
    await statusSays(/target-recreated/);
    assert.deepEqual(await readTopic(pair.west, 'us-east.orders'), []);
    const resumed = await accept('target-recreated');
    assert.ok(resumed.length > 0);
    await pair.caughtUp(['orders']);
    await assertCopied('orders');
    await groupIsAt([20, 40]);
  });
});
