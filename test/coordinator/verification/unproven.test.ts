import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listVerifiable } from '../../../coordinator/target/flow-positions.js';
import type { OffsetMapStore } from '../../../coordinator/target/offset-map-store.js';
import { isPartition, isSite, startFixture, TestAgent } from '../service/fixture.js';

const base = { sourceTopicId: 'here', targetTopicId: 'there', sequenceBase: 0n, producerEpoch: 0 };
const empty = { end: undefined, runs: () => [] };

describe('what a verification does not prove', () => {
  it('is named by the map: what is corrupt, and what never began', () => {
    const known = { end: { sourceNext: 1n, targetNext: 1n }, runs: () => [] };
    const entries = [
      { topic: 't', partition: 0, map: known, corrupt: undefined, base },
      { topic: 't', partition: 1, map: known, corrupt: 'a chunk is missing', base },
      { topic: 't', partition: 2, map: empty, corrupt: undefined, base },
    ];
    const maps = { entries } as unknown as OffsetMapStore;
    const { verifiable, corrupt, unbegun } = listVerifiable(maps, (topic) => `a.${topic}`);
    assert.deepEqual(
      [verifiable, corrupt, unbegun].map((list) => list.map(({ partition }) => partition)),
      [[0], [1], [2]],
    );
    assert.match(corrupt[0]!.reason, /cannot be trusted: a chunk is missing/);
  });

  it('makes the verdict, with what the source lists and nobody has begun', async () => {
    const fixture = await startFixture();
    const { coordinator, target } = fixture;
    const place = (partition: number) => ({ topic: 'orders', targetTopic: 'a.orders', partition });
    target.promotedTopics.set('orders', 'promoted');
    const ids = { sourceTopicId: 'here', targetTopicId: 'there' };
    const end = { sourceNext: 0n, targetNext: 0n };
    target.verifiablePartitions = () => ({
      verifiable: [{ ...place(0), ...ids, runs: [], end }] as never[],
      corrupt: [{ ...place(1), reason: 'its offset map cannot be trusted' }] as never[],
      unbegun: [place(2), { ...place(0), topic: 'gone' }] as never[],
    });
    const agent = new TestAgent(fixture.agents, { agentId: 'agent-1' });
    try {
      const { item } = await agent.grant(isSite);
      const topics = [
        { name: 'lines', topicId: '6f1f3f5e-0c1b-4a55-9d3c-3a1d0b5c7e21', partitionCount: 1 },
      ];
      agent.say({ $case: 'inventory', value: { flow: 'a->b', topics } });
      await agent.grant(isPartition(0));
      assert.ok(item);
      const verify = (...named: string[]) =>
        coordinator.verify(
          { flow: 'a->b', topics: named, from: '', bytesPerSecond: 0n },
          { onRange: () => {}, onProgress: () => {} },
          new AbortController().signal,
        );
      const { verdict, unproven, partitions } = await verify();
      assert.equal(verdict, 'incomplete');
      assert.equal(partitions.length, 1);
      assert.deepEqual(
        unproven.map(({ topic, partition }) => `${topic}-${partition}`),
        ['gone-0', 'lines-0', 'orders-1', 'orders-2'],
      );
      assert.match(unproven[1]!.reason, /nothing of it was ever copied/);
      // Where nothing at all can be compared, it still says so.
      const none = await verify('lines');
      assert.deepEqual([none.verdict, none.unproven.length], ['incomplete', 1]);
      await assert.rejects(verify('nothing'), { code: 'MIRROR_NOTHING_TO_VERIFY' });
    } finally {
      await agent.leave();
      await fixture.close();
    }
  });
});
