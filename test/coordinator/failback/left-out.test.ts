import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FailbackScope, Side } from '../../../coordinator/failback/failback-look.js';
import {
  describeLeftOut,
  leftOutTopics,
  lookAtLeftOut,
  mappedToFailBack,
} from '../../../coordinator/failback/left-out.js';
import type { FlowTarget } from '../../../coordinator/target/flow-target.js';
import type { FailbackPhase } from '../../../mirror/records/failback-state.js';
import { flowOf } from '../../mirror/config/load.js';

const FENCE_END = 100n;
const { signal } = new AbortController();

/** A promoted flow that has copied these topics, one partition each, and missed some of them. */
function scopeOf(given: {
  mapped: readonly string[];
  gone?: readonly string[];
  phase?: FailbackPhase;
  selected?: string;
  /** Where the logs of the new primary end; a topic that is not here is not there. */
  ends?: Readonly<Record<string, bigint>>;
  topicId?: string;
  errorCode?: number;
}): FailbackScope {
  const { mapped, gone = [], selected = '.*', ends = {}, topicId = 'id', errorCode = 0 } = given;
  const failback = given.phase && { phase: given.phase };
  const original = {
    mappedPartitions: () =>
      mapped.map((topic) => ({
        ...{ topic, targetTopic: `east.${topic}`, partition: 0 },
        ...{ targetTopicId: 'id', fenceEnd: FENCE_END },
      })),
    arming: { failback, goneSince: new Map(gone.map((topic) => [topic, 1n])) },
  };
  const cluster = {
    metadata: () => Promise.resolve(),
    topicIdOf: (topic: string) => (ends[topic] === undefined ? undefined : topicId),
    listOffsets: (asked: readonly { topic: string }[]) =>
      Promise.resolve(
        new Map(asked.map(({ topic }) => [`${topic}:0`, { errorCode, offset: ends[topic] ?? 0n }])),
      ),
  };
  return {
    flow: flowOf(`east->west.topics = ${selected}`),
    original: original as unknown as FlowTarget,
    target: { cluster } as unknown as Side,
  } as FailbackScope;
}

describe('what a failback leaves out', () => {
  const cases = [
    {
      title: 'nothing, while all that was copied is selected and there',
      given: { mapped: ['orders', 'paid'] },
      leftOut: {},
    },
    {
      title: 'what is selected no more',
      given: { mapped: ['orders', 'old'], selected: 'orders' },
      leftOut: { old: 'deselected' },
    },
    {
      title: 'what the source had said is gone',
      given: { mapped: ['orders', 'old'], gone: ['old'] },
      leftOut: { old: 'deleted' },
    },
    {
      title: 'no topic for being gone where all are: the cluster may have been made anew',
      given: { mapped: ['orders', 'paid'], gone: ['orders', 'paid'] },
      leftOut: {},
    },
    {
      title: '… all that are selected, that is',
      given: { mapped: ['orders', 'old'], gone: ['orders', 'old'], selected: 'orders' },
      leftOut: { old: 'deselected' },
    },
    {
      title: '… and not of a failback under way, from which another topic was taken out meanwhile',
      given: {
        ...{ mapped: ['orders', 'old'], gone: ['old'], selected: 'old' },
        phase: 'copying' as const,
      },
      leftOut: { orders: 'deselected', old: 'deleted' },
    },
    {
      title: 'all topics, where people have deselected them all',
      given: { mapped: ['orders', 'old'], selected: 'other' },
      leftOut: { orders: 'deselected', old: 'deselected' },
    },
    {
      title: 'heartbeats without a word: nobody brings them back anyway',
      given: { mapped: ['orders', 'heartbeats'], gone: ['heartbeats'] },
      leftOut: {},
    },
  ];
  for (const { title, given, leftOut } of cases) {
    it(title, () => {
      const scope = scopeOf(given);
      const found = leftOutTopics(scope);
      assert.deepEqual(Object.fromEntries(found), leftOut);
      const rest = given.mapped.filter((topic) => !found.has(topic) && topic !== 'heartbeats');
      assert.deepEqual(
        mappedToFailBack(scope).map(({ topic }) => topic),
        rest,
      );
    });
  }
});

describe('what was written to a topic that is left out', () => {
  const given = { mapped: ['orders', 'old'], selected: 'orders' };
  const written = async (more: Partial<Parameters<typeof scopeOf>[0]>) =>
    (await lookAtLeftOut(scopeOf({ ...given, ...more }), signal))[0]?.written;

  it('is counted behind the fence', async () => {
    assert.equal(await written({ ends: { 'east.old': FENCE_END + 7n } }), 7n);
    assert.equal(await written({ ends: { 'east.old': FENCE_END } }), 0n);
  });

  it('is nothing where the copy is gone, and unknown where it cannot be told', async () => {
    assert.equal(await written({}), 0n);
    assert.equal(await written({ ends: { 'east.old': 200n }, topicId: 'another' }), undefined);
    assert.equal(await written({ ends: { 'east.old': 200n }, errorCode: 5 }), undefined);
  });

  it('is named, unless it is known to be nothing', () => {
    const row = { topic: 'old', targetTopic: 'east.old', reason: 'deselected' as const };
    assert.equal(describeLeftOut([], 'west'), '');
    assert.equal(describeLeftOut([{ ...row, written: 0n }], 'west'), '; left out: old');
    for (const [count, text] of [
      [7n, 'up to 7'],
      [undefined, 'unknown'],
    ] as const)
      assert.equal(
        describeLeftOut([{ ...row, written: count }], 'west'),
        `; left out: old; records written on west that do not go back: east.old (${text})`,
      );
  });
});
