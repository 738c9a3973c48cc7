import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  alignUnmapped,
  planGroups,
  type ComparableRecord,
  type FailbackPartition,
} from '../../../coordinator/failback/failback-plan.js';

const PARTITION: FailbackPartition = {
  seam: {
    sourceTopic: 'orders',
    targetTopic: 'A.orders',
    partition: 0,
    sourceTopicId: 'a',
    targetTopicId: 'b',
    crossed: { sourceNext: 100n, targetNext: 90n },
    fenceEnd: 91n,
  },
  uncrossed: { from: 100n, to: 110n, records: 10n, firstTimestampMs: 1n, lastTimestampMs: 2n },
  targetEnd: 95n,
};

const RUNS = [
  { sourceStart: 10n, targetStart: 0n, records: 90n, sourceGaps: 0n, targetGaps: 0n },
] as const;

describe('planGroups', () => {
  const rows: [string, bigint, bigint | undefined, bigint | undefined, bigint][] = [
    // what,                         on the target, on the source, will commit, passes over
    ['in what crossed', 40n, undefined, 50n, 0n],
    ['… and was further there', 40n, 60n, 60n, 0n],
    ['has read all that crossed', 90n, 80n, 100n, 0n],
    ['… and some that did not', 91n, 104n, 104n, 0n],
    ['has gone on', 93n, undefined, undefined, 10n],
    ['… having read some that did not cross', 93n, 104n, undefined, 6n],
  ];
  for (const [what, offset, current, expected, passesOver] of rows) {
    it(`a group that ${what}`, () => {
      const at = { group: 'g', partition: 0 };
      const [row] = planGroups({
        partitions: [PARTITION],
        runsOf: () => RUNS,
        onTarget: [{ ...at, topic: 'A.orders', offset }],
        onSource: current === undefined ? [] : [{ ...at, topic: 'orders', offset: current }],
      });
      assert.equal(row?.sourceOffset, expected);
      assert.equal(row?.passesOver, passesOver);
      assert.equal(row?.currentOffset, current);
    });
  }

  it('leaves other topics alone', () => {
    const onTarget = [{ group: 'g', topic: 'orders', partition: 0, offset: 3n }];
    const found = planGroups({
      partitions: [PARTITION],
      runsOf: () => RUNS,
      onTarget,
      onSource: [],
    });
    assert.deepEqual(found, []);
  });
});

describe('alignUnmapped', () => {
  const record = (offset: bigint, text: string): ComparableRecord => {
    return { offset, timestamp: 0n, key: null, value: Buffer.from(text) };
  };

  it('puts late records into runs, with the gaps of a transactional source', () => {
    const source = [record(100n, 'a'), record(101n, 'b'), record(103n, 'c'), record(104n, 'd')];
    const target = [record(90n, 'a'), record(91n, 'b'), record(92n, 'c')];
    assert.deepEqual(alignUnmapped(source, target), [
      { sourceStart: 100n, targetStart: 90n, length: 2n },
      { sourceStart: 103n, targetStart: 92n, length: 1n },
    ]);
  });

  it('does not take other records for them', () => {
    assert.equal(alignUnmapped([record(100n, 'x')], [record(90n, 'a')]), undefined);
    assert.equal(alignUnmapped([], [record(90n, 'a')]), undefined);
  });
});
