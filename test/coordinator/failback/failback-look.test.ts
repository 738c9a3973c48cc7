import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import {
  planFailback,
  type FailbackScope,
  type Side,
} from '../../../coordinator/failback/failback-look.js';
import type { FailbackPhase } from '../../../mirror/records/failback-state.js';
import { flowOf } from '../../mirror/config/load.js';

const flow = flowOf();

/** Of a flow that runs. Nothing else of it may be looked at. */
function running(phase: FailbackPhase | undefined): FailbackScope {
  const failback = phase && { phase };
  const original = { promoted: undefined, promotedTopics: new Map(), arming: { failback } };
  return { flow, original, clock: systemClock } as unknown as FailbackScope;
}

describe('planFailback of a flow that runs', () => {
  const planOf = async (phase: FailbackPhase | undefined) =>
    (await planFailback(running(phase), new AbortController().signal)).plan;

  it('is refused if it never was failed back', async () => {
    const { blockers } = await planOf(undefined);
    assert.deepEqual(
      blockers.map(({ message }) => message),
      ['flow east->west is not promoted: east is the primary'],
    );
  });

  for (const phase of ['handing-over', 'done'] as const) {
    it(`is no error if its failback is at '${phase}'`, async () => {
      const { progress, blockers } = await planOf(phase);
      assert.deepEqual([progress, blockers], [phase, []]);
    });
  }
});

describe('planFailback of a flow that was promoted', () => {
  const mapped = [0, 1].map((partition) => {
    const ids = { sourceTopicId: 'there', targetTopicId: 'here' };
    return { topic: 'orders', targetTopic: 'east.orders', partition, ...ids };
  });

  /** A cluster on which each of these partitions has a leader or not; its logs are not looked at. */
  function sideWith(topicId: string, led: readonly boolean[]): Side {
    const partitions = led.map((_, partitionIndex) => ({ partitionIndex }));
    const cluster = {
      metadata: (names: string[]) =>
        Promise.resolve({ topics: new Map(names.map((name) => [name, { partitions }])) }),
      topicIdOf: () => topicId,
      leaderOf: (_: string, partition: number) => (led[partition] ? { nodeId: 1 } : undefined),
      listOffsets: () => Promise.reject(new Error('looks at the logs')),
    };
    return { cluster } as unknown as Side;
  }

  function plan(source: Side, target: Side): ReturnType<typeof planFailback> {
    const original = {
      promoted: { atMs: 1, completedAtMs: 2 },
      arming: { failback: undefined, goneSince: new Map() },
      mappedPartitions: () => mapped,
    };
    const scope = { flow, original, source, target, clock: systemClock };
    return planFailback(scope as unknown as FailbackScope, new AbortController().signal);
  }

  it('names a topic that has fewer partitions on the new primary', async () => {
    const { blockers } = (await plan(sideWith('there', [true, true]), sideWith('here', [true])))
      .plan;
    assert.deepEqual(
      blockers.map(({ code }) => code),
      ['partitions-differ'],
    );
  });

  it('counts a partition that has no leader at present', async () => {
    const away = sideWith('here', [false, true]);
    await assert.rejects(plan(sideWith('there', [true, true]), away), /looks at the logs/);
  });
});
