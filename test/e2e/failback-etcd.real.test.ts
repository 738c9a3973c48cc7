import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { FailbackSite } from '../kit/failback-site.js';
import { commitOffsets, committedOffsets } from '../kit/group-offsets.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { untilStretches } from '../kit/stretches.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

/** A coordinator on etcd that does not reach the old primary, where topics keep their names. */
describe('failback through the agent of a site', () => {
  let site: FailbackSite;
  const orders = { topic: 'orders', partitions: [0] };

  before(async () => {
    site = await FailbackSite.open();
    await createTopics(site.a, [{ topic: 'orders' }]);
    await writeUnique(site.a, { topic: 'orders', producer: 'first', count: 100 });
    await commitOffsets(site.a, { group: 'reader', topic: 'orders' }, [60]);
    await site.startCoordinator();
    await site.startAgent();
    await untilStretches(site.b, orders, 'first:100');
    const positions = async () => await site.ctl('--json', 'groups', 'A:B');
    await eventually(async () => (await positions()).out.includes('reader'), positions, 60_000);
  });

  after(() => site?.close());

  it('goes on with the next coordinator where one was killed', async () => {
    const promoted = await site.ctl('promote', 'A:B', '--yes');
    assert.equal(promoted.code, 0, promoted.err);
    await writeUnique(site.b, { topic: 'orders', producer: 'west', count: 30 });
    await commitOffsets(site.b, { group: 'reader', topic: 'orders' }, [101 + 20]);
    for (const step of ['seed', 'hand-over']) await site.killAt(step);
    const done = await site.failback();
    assert.equal(done.code, 0, done.err);
    await untilStretches(site.a, orders, 'first:100 west:30');
    assert.deepEqual(await committedOffsets(site.a, { group: 'reader', topic: 'orders' }), [120]);
    await writeUnique(site.a, { topic: 'orders', producer: 'back', count: 20 });
    await untilStretches(site.b, orders, 'first:100 west:30 back:20');
  });

  it('saves what never crossed, with an address that leads nowhere', async () => {
    await site.stopCoordinator();
    await site.startCoordinator({ addressOfA: '127.0.0.1:9' });
    const promoted = await site.ctl('promote', 'A:B', '--yes', '--unplanned');
    assert.equal(promoted.code, 0, promoted.err);
    await writeUnique(site.a, { topic: 'orders', producer: 'lost', count: 10 });
    await writeUnique(site.b, { topic: 'orders', producer: 'again', count: 15 });
    const done = await site.failback();
    assert.equal(done.code, 0, done.err);
    assert.match(
      done.out,
      /10 records that never crossed are saved in mm2-quarantine\.A\.internal/,
    );
    await untilStretches(site.a, orders, 'first:100 west:30 back:20 lost:10 again:15');
    await writeUnique(site.a, { topic: 'orders', producer: 'last', count: 5 });
    await untilStretches(site.b, orders, 'first:100 west:30 back:20 again:15 last:5');
    const there = (await readTopic(site.a, 'orders')).filter(
      ({ key }) => !/lost/.test(String(key)),
    );
    assertMirrored(there, await readTopic(site.b, 'orders'));
  });
});
