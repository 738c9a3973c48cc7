import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { silentLogger } from '../../../common/log.js';
import { QUIET_MS, StandBy } from '../../../coordinator/service/stand-by.js';
import { ManualClock } from '../../kit/manual-clock.js';

const FLOW = 'a->b';
const NEVER = new AbortController().signal;

function lost() {
  const clock = new ManualClock();
  const standBy = new StandBy({ clock, log: silentLogger });
  standBy.lose(FLOW);
  const map = { end: 10n as bigint | undefined };
  /** What came of waiting for the turn; undefined while it waits. */
  const turn = () => {
    const state: { outcome?: string } = {};
    const end = () => Promise.resolve(map.end);
    standBy.turn({ flow: FLOW, end }, NEVER).then(
      () => (state.outcome = 'its turn'),
      (error: unknown) => (state.outcome = (error as Error).message),
    );
    return state;
  };
  return { clock, standBy, map, turn };
}

describe('StandBy', () => {
  it('lets a flow be opened at once that no other process took', async () => {
    const { clock, standBy } = lost();
    const end = () => assert.fail('nobody has to look');
    await standBy.turn({ flow: 'a->c', end }, NEVER);
    assert.deepEqual(clock.sleeps, []);
  });

  it('waits for silence, and says once why it waits', async () => {
    const { clock, map, turn } = lost();
    const first = turn();
    await clock.advance(1_000);
    map.end = 11n;
    await clock.advance(1_000);
    assert.match(first.outcome ?? '', /another process mirrors a->b: this one stands by/);

    const second = turn();
    for (let life = 0; life < 20; life += 1) {
      await clock.advance(3_000);
      map.end += 1n;
    }
    assert.equal(second.outcome, undefined);
    await clock.advance(QUIET_MS - 1);
    assert.equal(second.outcome, undefined);
    await clock.advance(QUIET_MS);
    assert.equal(second.outcome, 'its turn');

    const third = turn();
    await clock.advance(0);
    assert.equal(third.outcome, 'its turn', 'it has the flow now');
  });

  it('takes a look that fails for no silence', async () => {
    const { clock, standBy } = lost();
    const end = () => Promise.reject(new Error('no broker answers'));
    await assert.rejects(standBy.turn({ flow: FLOW, end }, NEVER), /no broker answers/);
    assert.deepEqual(clock.sleeps, []);
  });
});
