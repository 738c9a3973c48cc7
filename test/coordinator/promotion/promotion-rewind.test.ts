import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  buildPromotionPlan,
  type GroupPosition,
  type PlanInput,
} from '../../../coordinator/promotion/promotion-plan.js';
import { formatStamp } from '../../../coordinator/target/sync-decision.js';

const KEY = 'east.orders:0';
const AT = { topic: 'orders', targetTopic: 'east.orders', partition: 0 };
const FURTHER = 'the group is further on the target already, at 60';

const stamp = (sourceOffset: bigint, targetTopicId = ''): string =>
  formatStamp({ writer: 1n, sourceOffset, targetTopicId });

interface RewindCase {
  fact: string;
  /** Of the 60 that is committed on the target. */
  metadata?: string;
  /** Of the group, which has committed 50 on the source. */
  live?: boolean;
  synced?: GroupPosition['synced'];
  phase?: PlanInput['phase'];
  /** Of the target's log by now; the flow's records end at 90. */
  logEnd?: bigint;
  /** Where it is moved to; 45 unless told. */
  moved?: bigint;
  note: string;
}

const CASES: readonly RewindCase[] = [
  {
    fact: 'follows a source that went back, where no consumer has read on the target',
    ...{ metadata: stamp(66n), live: true, note: '' },
  },
  {
    fact: 'knows its own commit without a stamp',
    ...{ synced: { sourceOffset: 66n, targetOffset: 60n, targetTopicId: '' }, live: true },
    note: '',
  },
  {
    fact: 'leaves alone what a consumer on the target has committed',
    ...{ synced: { sourceOffset: 66n, targetOffset: 59n, targetTopicId: '' }, live: true },
    note: FURTHER,
  },
  {
    fact: 'does not take a position from before a restart for a source that went back',
    ...{ metadata: stamp(66n), live: false, note: FURTHER },
  },
  {
    fact: 'takes it for one behind the fence, before which it was written down',
    ...{ metadata: stamp(66n), live: false, phase: 'promoting', note: '' },
  },
  {
    fact: 'does not go back because the map knows less than before',
    ...{ metadata: stamp(50n), live: true, note: FURTHER },
  },
  {
    fact: 'goes back from what it committed for a topic that is gone',
    ...{ metadata: stamp(50n, 'gone'), live: true, note: '' },
  },
  {
    fact: 'does not leave it behind the end of a log that lost its tail',
    ...{ logEnd: 59n, note: '' },
  },
  {
    fact: 'moves it behind no end of a log that lost its tail',
    ...{ logEnd: 40n, phase: 'promoting', moved: 40n, note: '' },
  },
  {
    fact: 'leaves it at the very end of the log, also behind what the flow has copied',
    ...{ logEnd: 60n, note: FURTHER },
  },
];

describe('a promotion of a group that is further on the target', () => {
  for (const {
    fact,
    metadata = '',
    live,
    synced,
    phase = 'running',
    note,
    logEnd,
    moved = 45n,
  } of CASES) {
    it(fact, () => {
      const { groups, warnings } = buildPromotionPlan({
        ...{ flow: 'east->west', phase, source: { state: 'reachable', evidence: 'seen' } },
        positions: [],
        mapped: [
          {
            ...{ ...AT, targetTopicId: 'present', fenceMarkers: 0n },
            end: { sourceNext: 100n, targetNext: 90n },
          },
        ],
        groups: [
          {
            ...{ ...AT, group: 'billing', sourceOffset: 50n, targetOffset: 45n, metadata: 'm' },
            ...{ kind: 'exact', rereadMax: 0n, live, synced },
          },
        ],
        targetEnds: new Map([[KEY, 90n]]),
        logEnds: logEnd === undefined ? undefined : new Map([[KEY, logEnd]]),
        targetGroups: new Map([
          [
            'billing',
            {
              ...{ state: 'empty', stateName: 'Empty', members: 0 },
              ...{ offsets: new Map([[KEY, 60n]]), metadata: new Map([[KEY, metadata]]) },
            },
          ],
        ]),
        ...{ mode: 'auto', accept: new Set(), chosenNothing: [], corruptCheckpoints: 0 },
      });
      assert.equal(groups[0]?.targetOffset, moved);
      const isWarned = warnings.some(({ code }) => code === 'group-beyond-end');
      assert.equal(isWarned, logEnd !== undefined && logEnd < 60n);
      assert.equal(groups[0].note, note);
    });
  }
});
