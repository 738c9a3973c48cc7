import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  buildPromotionPlan,
  type GroupPlan,
  type GroupPosition,
  type MappedPartition,
  type PartitionPosition,
  type PlanInput,
  type TargetGroup,
} from '../../../coordinator/promotion/promotion-plan.js';

const KEY = 'east.orders:0';

const POSITION: PartitionPosition = {
  topic: 'orders',
  targetTopic: 'east.orders',
  partition: 0,
  sourceNext: 100n,
  sourceEnd: 100n,
  sourceEndAgeMs: 40,
  lagRecords: 0n,
};

const MAPPED: MappedPartition = {
  topic: 'orders',
  targetTopic: 'east.orders',
  partition: 0,
  end: { sourceNext: 100n, targetNext: 90n },
  fenceMarkers: 0n,
};

const GROUP: GroupPosition = {
  group: 'billing',
  topic: 'orders',
  targetTopic: 'east.orders',
  partition: 0,
  sourceOffset: 50n,
  targetOffset: 45n,
  kind: 'exact',
  rereadMax: 0n,
  metadata: 'm',
};

const EMPTY: TargetGroup = { state: 'empty', stateName: 'Empty', members: 0, offsets: new Map() };

function input(change: Partial<PlanInput> = {}): PlanInput {
  return {
    flow: 'east->west',
    phase: 'running',
    source: { state: 'reachable', evidence: 'seen' },
    positions: [POSITION],
    mapped: [MAPPED],
    groups: [GROUP],
    targetEnds: new Map([[KEY, 90n]]),
    targetGroups: new Map([['billing', EMPTY]]),
    ...{ mode: 'auto', accept: new Set(), chosenNothing: [], corruptCheckpoints: 0 },
    ...change,
  };
}

interface GroupCase {
  fact: string;
  group?: Partial<GroupPosition>;
  mapped?: Partial<MappedPartition>;
  position?: Partial<PartitionPosition>;
  targetEnd?: bigint;
  current?: bigint;
  expected: Partial<GroupPlan>;
}

const NOTHING = { targetOffset: undefined, reread: 0n, neverSee: 0n };
const UNKNOWN = { kind: 'unknown', targetOffset: undefined } as const;

const GROUP_CASES: readonly GroupCase[] = [
  {
    fact: 'moves an exact position',
    expected: { targetOffset: 45n, reread: 0n, neverSee: 0n, note: '', metadata: 'm' },
  },
  {
    fact: 'says what a conservative translation reads again',
    group: { kind: 'floor', targetOffset: 40n, rereadMax: 5n },
    expected: { targetOffset: 40n, reread: 5n, neverSee: 0n, note: '' },
  },
  {
    fact: 'commits zero where a copy began and holds nothing',
    group: { sourceOffset: 0n, targetOffset: 0n },
    mapped: { end: { sourceNext: 0n, targetNext: 0n } },
    targetEnd: 0n,
    expected: { targetOffset: 0n, note: '' },
  },
  {
    fact: 'commits zero where no record ever was on either side',
    group: { sourceOffset: 0n, ...UNKNOWN },
    mapped: { end: undefined },
    position: { sourceEnd: 0n },
    targetEnd: 0n,
    expected: { targetOffset: 0n, note: '' },
  },
  {
    fact: 'commits zero where the target holds nothing but the marker of a fence',
    group: { sourceOffset: 0n, ...UNKNOWN },
    mapped: { end: undefined, fenceMarkers: 1n },
    position: { sourceEnd: 0n },
    targetEnd: 1n,
    expected: { targetOffset: 0n, note: '' },
  },
  {
    fact: 'commits nothing where only the target is known to be empty',
    group: { sourceOffset: 0n, ...UNKNOWN },
    mapped: { end: undefined },
    position: { sourceEnd: undefined },
    targetEnd: 0n,
    expected: { ...NOTHING, note: 'the offset map knows nothing of this partition' },
  },
  {
    fact: 'commits nothing where the map knows nothing',
    group: UNKNOWN,
    mapped: { end: undefined },
    expected: { ...NOTHING, note: 'the offset map knows nothing of this partition' },
  },
  {
    fact: 'counts what was read and never copied',
    group: { sourceOffset: 130n, kind: 'beyond', targetOffset: 90n },
    expected: { targetOffset: 90n, reread: 0n, neverSee: 30n, note: '' },
  },
  {
    fact: 'counts what an agent appended and never reported as read again',
    group: { sourceOffset: 130n, kind: 'beyond', targetOffset: 90n },
    targetEnd: 110n,
    expected: { targetOffset: 90n, reread: 20n, neverSee: 10n, note: '' },
  },
  {
    fact: 'reads no more again than the group has read',
    group: { sourceOffset: 103n, kind: 'beyond', targetOffset: 90n },
    targetEnd: 110n,
    expected: { targetOffset: 90n, reread: 3n, neverSee: 0n },
  },
  {
    fact: 'does not take the marker of a fence for a record',
    group: { sourceOffset: 130n, kind: 'beyond', targetOffset: 90n },
    mapped: { fenceMarkers: 1n },
    targetEnd: 91n,
    expected: { targetOffset: 90n, reread: 0n, neverSee: 30n },
  },
  {
    fact: 'does not take the marker of a transaction at the end of the source for a record',
    group: { sourceOffset: 101n, kind: 'beyond', targetOffset: 90n },
    position: { sourceNext: 101n, sourceEnd: 101n },
    expected: { targetOffset: 90n, reread: 0n, neverSee: 0n, note: '' },
  },
  {
    fact: 'goes to the end of a target that lost its tail',
    targetEnd: 40n,
    expected: { targetOffset: 40n, reread: 0n, neverSee: 5n, note: '' },
  },
  {
    fact: 'leaves a group alone that is further on the target',
    current: 60n,
    group: { kind: 'floor', rereadMax: 5n },
    expected: {
      targetOffset: 45n,
      currentOffset: 60n,
      reread: 0n,
      note: 'the group is further on the target already, at 60',
    },
  },
  {
    fact: 'leaves a group alone that is where it should be',
    current: 45n,
    expected: { targetOffset: 45n, currentOffset: 45n, note: 'committed on the target already' },
  },
  {
    fact: 'moves a group forward that is behind on the target',
    current: 44n,
    expected: { targetOffset: 45n, currentOffset: 44n, note: '' },
  },
];

describe('what a promotion would lose', () => {
  it('is counted from the map where a copier that recovers reports an older position', () => {
    const position = { ...POSITION, sourceNext: 55n, sourceEnd: 115n, lagRecords: 60n };
    const { topics } = buildPromotionPlan(input({ positions: [position] }));
    assert.equal(topics[0]?.rpoRecords, 15n);
  });
});

describe('buildPromotionPlan, groups', () => {
  for (const { fact, group, mapped, position, targetEnd, current, expected } of GROUP_CASES) {
    it(fact, () => {
      const offsets = new Map(current === undefined ? [] : [[KEY, current]]);

      const plan = buildPromotionPlan(
        input({
          groups: [{ ...GROUP, ...group }],
          mapped: [{ ...MAPPED, ...mapped }],
          positions: [{ ...POSITION, ...position }],
          targetEnds: new Map([[KEY, targetEnd ?? 90n]]),
          targetGroups: new Map([['billing', { ...EMPTY, offsets }]]),
        }),
      );

      const actual = plan.groups[0];
      assert.ok(actual);
      for (const [name, value] of Object.entries(expected)) {
        assert.equal(actual[name as keyof GroupPlan], value, name);
      }
      assert.deepEqual(plan.blockers, []);
    });
  }

  it('says that a partition is not on the target', () => {
    const plan = buildPromotionPlan(input({ targetEnds: new Map(), mapped: [] }));

    assert.equal(plan.groups[0]?.note, 'the partition is not on the target');
    assert.equal(plan.groups[0]?.targetOffset, undefined);
  });

  it('orders groups by name, topic and partition', () => {
    const groups = [
      { ...GROUP, group: 'b' },
      { ...GROUP, group: 'a', partition: 1 },
      { ...GROUP, group: 'a' },
    ];
    const plan = buildPromotionPlan(input({ groups }));

    assert.deepEqual(
      plan.groups.map(({ group, partition }) => `${group}-${partition}`),
      ['a-0', 'a-1', 'b-0'],
    );
  });
});

describe('buildPromotionPlan, topics', () => {
  it('adds up what is missing, and takes the oldest look as its uncertainty', () => {
    const positions = [
      { ...POSITION, sourceEnd: 107n, lagRecords: 7n, sourceEndAgeMs: 40, missingMs: 70 },
      {
        ...POSITION,
        partition: 1,
        lagRecords: undefined,
        sourceEnd: 103n,
        sourceEndAgeMs: 900,
        missingMs: 30,
      },
    ];
    const mapped = [MAPPED, { ...MAPPED, partition: 1 }];
    const { topics } = buildPromotionPlan(input({ positions, mapped }));

    assert.deepEqual(topics, [
      {
        topic: 'orders',
        targetTopic: 'east.orders',
        partitions: 2,
        rpoRecords: 10n,
        rpoMs: 70,
        uncertaintyMs: 900,
        unmappedRecords: 0n,
      },
    ]);
  });

  it('does not pass off a part as the whole', () => {
    const positions = [{ ...POSITION, lagRecords: 7n }];
    const mapped = [MAPPED, { ...MAPPED, partition: 1 }];
    const { topics } = buildPromotionPlan(input({ positions, mapped }));

    assert.equal(topics[0]?.partitions, 2);
    assert.equal(topics[0]?.rpoRecords, undefined);
  });

  it('knows topics from the map alone, when no agent has said anything', () => {
    const { topics } = buildPromotionPlan(input({ positions: [] }));

    assert.equal(topics[0]?.topic, 'orders');
    assert.equal(topics[0]?.rpoRecords, undefined);
  });

  it('counts what the target holds beyond the map', () => {
    const { topics } = buildPromotionPlan(input({ targetEnds: new Map([[KEY, 97n]]) }));

    assert.equal(topics[0]?.unmappedRecords, 7n);
  });
});

describe('buildPromotionPlan, blockers', () => {
  const active: TargetGroup = { ...EMPTY, state: 'active', stateName: 'Stable', members: 2 };

  it('refuses while a group has members on the target', () => {
    const { blockers } = buildPromotionPlan(
      input({ targetGroups: new Map([['billing', active]]) }),
    );

    assert.equal(blockers.length, 1);
    assert.equal(blockers[0]?.code, 'group-active');
    assert.match(blockers[0].message, /billing .*Stable, 2 members/);
  });

  it('lets a group run behind the fence once it was moved, but not before', () => {
    const moved = { ...active, offsets: new Map([[KEY, 45n]]) };
    const targetGroups = new Map<string, TargetGroup>([['billing', moved]]);
    const codes = (change: Partial<PlanInput>): string[] =>
      buildPromotionPlan(input(change)).blockers.map(({ code }) => code);

    assert.deepEqual(codes({ phase: 'running', targetGroups }), ['group-active']);
    assert.deepEqual(codes({ phase: 'promoting', targetGroups }), []);
    targetGroups.set('billing', active);
    assert.deepEqual(codes({ phase: 'promoting', targetGroups }), ['group-active']);
  });

  it('names each active group once, however many partitions it has', () => {
    const groups = [GROUP, { ...GROUP, partition: 1 }];
    const { blockers } = buildPromotionPlan(
      input({ groups, targetGroups: new Map([['billing', active]]) }),
    );

    assert.equal(blockers.length, 1);
  });

  it('refuses while a mirrored topic is missing on the target', () => {
    const mapped = Array.from({ length: 12 }, (_, partition) => ({ ...MAPPED, partition }));
    const { blockers } = buildPromotionPlan(input({ mapped }));

    assert.deepEqual(
      blockers.map(({ code }) => code),
      ['target-topic-missing'],
    );
    assert.match(
      blockers[0]!.message,
      /partitions 1, 2, 3, .*10 and 1 more; .*--accept target-topic-missing$/,
    );
  });

  it('names what is paused or halted, for which a planned promotion would wait in vain', () => {
    const positions = [
      { ...POSITION, lagRecords: undefined, stopped: 'paused' },
      { ...POSITION, partition: 1, lagRecords: undefined, stopped: 'halted: target-diverged' },
      { ...POSITION, partition: 2 },
      { ...POSITION, partition: 3, gone: true, stopped: 'paused' },
    ];
    const blockersOf = (change: Partial<PlanInput>) =>
      buildPromotionPlan(input({ positions, ...change })).blockers;
    const [blocker, ...others] = blockersOf({});
    assert.deepEqual([blocker?.code, others], ['not-copied', []]);
    assert.match(
      blocker!.message,
      /: orders-0 \(paused\), orders-1 \(halted: target-diverged\); .*--unplanned$/,
    );
    assert.deepEqual(blockersOf({ mode: 'unplanned' }), []);
    assert.deepEqual(blockersOf({ source: { state: 'unreachable', evidence: 'silence' } }), []);
    assert.deepEqual(blockersOf({ phase: 'promoting' }), []);
  });

  it('does not take a target that does not answer for one that lost its topics', () => {
    const accept = new Set(['target-topic-missing']);
    const plan = buildPromotionPlan(input({ targetEnds: undefined, accept }));
    assert.deepEqual([plan.blockers, plan.warnings], [[], []]);
    const [{ targetOffset, note } = {}] = plan.groups;
    assert.deepEqual([targetOffset, note], [undefined, 'the target does not answer']);
  });

  it('lets an operator go past what costs topics or groups only, and says so', () => {
    const corrupt = 'the record at offset 7 cannot be read';
    const away = { state: 'unreachable', evidence: 'silence' } as const;
    const broken = {
      ...{
        mapped: [
          { ...MAPPED, corrupt },
          { ...MAPPED, partition: 1 },
        ],
        source: away,
      },
      corruptCheckpoints: 2,
    };
    const codes = (each: { code: string }[]): string[] => each.map(({ code }) => code).sort();
    const all = ['checkpoint-corrupt', 'map-corrupt', 'target-topic-missing'];
    assert.deepEqual(codes(buildPromotionPlan(input(broken)).blockers), all);
    const accept = new Set([...all, 'group-active']);
    const activeToo = new Map([['billing', active]]);
    const plan = buildPromotionPlan(input({ ...broken, accept, targetGroups: activeToo }));
    assert.deepEqual(codes(plan.blockers), ['group-active']);
    assert.deepEqual(codes(plan.warnings), all);
  });

  it('does not wait for a topic that the source does not have either', () => {
    const gone = { ...MAPPED, topic: 'old', targetTopic: 'east.old' };
    const { blockers } = buildPromotionPlan(input({ mapped: [MAPPED, gone] }));

    assert.deepEqual(blockers, []);
  });

  it('has none once the flow was promoted', () => {
    const { blockers } = buildPromotionPlan(
      input({ phase: 'promoted', targetGroups: new Map([['billing', active]]) }),
    );

    assert.deepEqual(blockers, []);
  });
});
