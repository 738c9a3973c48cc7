import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  buildPromotionPlan,
  type GroupPosition,
  type PlanInput,
} from '../../../coordinator/promotion/promotion-plan.js';
import type { SyncAttempt } from '../../../mirror/records/offset-map-record.js';
import { formatStamp } from '../../../coordinator/target/sync-decision.js';

const KEY = 'east.orders:0';
const AT = { topic: 'orders', targetTopic: 'east.orders', partition: 0 };
const FURTHER = 'the group is further on the target already, at 60';

const attempt = (
  sourceOffset: bigint,
  { targetTopicId = '', metadata = formatStamp({ sourceOffset, targetTopicId }) } = {},
): SyncAttempt => ({ sourceOffset, targetOffset: 60n, targetTopicId, metadata });

interface RewindCase {
  fact: string;
  /** Of the 60 that is committed on the target; the attempt's, unless told. */
  metadata?: string;
  /** Of the group, which has committed 50 on the source. */
  live?: boolean;
  /** Written down before it was sent. */
  attempts?: GroupPosition['attempts'];
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
    ...{ attempts: [attempt(66n)], live: true, note: '' },
  },
  {
    fact: 'knows its own commit by what was written down, whatever the metadata',
    ...{ metadata: 'm', attempts: [attempt(66n, { metadata: 'm' })], live: true, note: '' },
  },
  {
    fact: 'leaves alone what a consumer on the target has committed',
    ...{ metadata: 'theirs', attempts: [attempt(66n, { metadata: 'm' })], live: true },
    note: FURTHER,
  },
  {
    fact: 'does not take a position from before a restart for a source that went back',
    ...{ attempts: [attempt(66n)], live: false, note: FURTHER },
  },
  {
    fact: 'takes it for one behind the fence, before which it was written down',
    ...{ attempts: [attempt(66n)], live: false, phase: 'promoting', note: '' },
  },
  {
    fact: 'does not go back because the map knows less than before',
    ...{ attempts: [attempt(50n)], live: true, note: FURTHER },
  },
  {
    fact: 'goes back from what it committed for a topic that is gone',
    ...{ attempts: [attempt(50n, { targetTopicId: 'gone' })], live: true, note: '' },
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
    attempts,
    metadata = attempts?.[0]?.metadata ?? '',
    live,
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
            ...{ kind: 'exact', rereadMax: 0n, live, attempts: attempts ?? [] },
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
