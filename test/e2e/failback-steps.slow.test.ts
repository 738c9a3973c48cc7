import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { FailbackSite } from '../kit/failback-site.js';
import { commitOffsets, committedOffsets } from '../kit/group-offsets.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { untilStretches } from '../kit/stretches.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const STEPS = ['check', 'quarantine', 'seed', 'copy', 'quiet', 'hand-over', 'groups', 're-arm'];

/** On etcd: whoever leads next goes on where the last one died, and an operator calls again. */
describe('failback whose coordinator is killed behind each of its steps', () => {
  let site: FailbackSite;
  const orders = { topic: 'orders', partitions: [0] };

  before(async () => {
    site = await FailbackSite.open();
    await createTopics(site.a, [{ topic: 'orders' }]);
    await writeUnique(site.a, { topic: 'orders', producer: 'first', count: 100 });
    await site.startCoordinator();
    await site.startAgent();
    await untilStretches(site.b, orders, 'first:100');
  });

  after(() => site?.close());

  it('does each thing once', async () => {
    assert.equal((await site.ctl('promote', 'A:B', '--yes')).code, 0);
    await writeUnique(site.a, { topic: 'orders', producer: 'lost', count: 7 });
    await writeUnique(site.b, { topic: 'orders', producer: 'west', count: 30 });
    await commitOffsets(site.b, { group: 'behind', topic: 'orders' }, [101 + 20]);
    await commitOffsets(site.b, { group: 'at-seam', topic: 'orders' }, [101]);
    for (const step of STEPS) await site.killAt(step);
    const done = await site.failback();
    assert.equal(done.code, 0, done.err);
    assert.match(done.out, /A->B was failed back before; nothing was changed/);
    await untilStretches(site.a, orders, 'first:100 lost:7 west:30');
    assert.deepEqual(await committedOffsets(site.a, { group: 'behind', topic: 'orders' }), [127]);
    assert.deepEqual(await committedOffsets(site.a, { group: 'at-seam', topic: 'orders' }), [100]);
    await writeUnique(site.a, { topic: 'orders', producer: 'back', count: 20 });
    await untilStretches(site.b, orders, 'first:100 west:30 back:20');
    const there = (await readTopic(site.a, 'orders')).filter(
      ({ key }) => !/lost/.test(String(key)),
    );
    assertMirrored(there, await readTopic(site.b, 'orders'));
  });
});
