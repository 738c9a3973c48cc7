import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import { planFailback, type FailbackScope } from '../../../coordinator/failback/failback-look.js';
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
