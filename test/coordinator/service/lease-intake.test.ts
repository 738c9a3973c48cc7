import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import type { CoreEvent } from '../../../coordinator/core/events.js';
import { LeaseIntake, LEASES_PER_STEP_MAX } from '../../../coordinator/service/lease-intake.js';
import { eventually } from '../../kit/eventually.js';

const COUNT = 2 * LEASES_PER_STEP_MAX + 5;

const POISON = 'poison';

const leases = Array.from({ length: COUNT }, (_, index) => ({
  ...{ item: `a->b/partition/t/${index}`, sessionId: '7', agentId: 'one' },
  leaseEpoch: BigInt(index + 1),
}));

/** Says in short what the core was told, in order. */
function intake() {
  const told: string[] = [];
  const failures: Error[] = [];
  const over = new AbortController();
  const emit = (event: CoreEvent): void => {
    if (event.kind === 'lease-gone' && event.lease.item === POISON) throw new Error(POISON);
    if (event.kind === 'recovered')
      told.push(`recovered ${event.sessions.length} ${event.leases.length}`);
    else if (event.kind === 'leases-listed')
      told.push(`listed ${event.leases.length} ${event.more === true ? 'more' : 'end'}`);
    else told.push(event.kind);
  };
  const fail = (error: Error): void => void failures.push(error);
  const taking = new LeaseIntake({ emit, fail, clock: systemClock, over: over.signal });
  return { taking, told, failures, over };
}

const gone = { kind: 'gone', item: 'a->b/partition/t/0', leaseEpoch: 1n } as const;

describe('LeaseIntake', () => {
  it('takes over in parts, all sessions first, and lets others in between', async () => {
    const { taking, told } = intake();
    const sessions = [{ sessionId: '7', agentId: 'one', ttlMs: 10_000 }];
    let heartbeats = 0;
    const heart = setInterval(() => (heartbeats += 1), 0);
    await taking.takeOver(sessions, leases);
    clearInterval(heart);
    assert.deepEqual(told, ['recovered 1 10000', 'recovered 0 10000', 'recovered 0 5']);
    assert.ok(heartbeats >= 1, 'nothing got through');
  });

  it('takes over nothing in one step', async () => {
    const { taking, told } = intake();
    await taking.takeOver([], []);
    assert.deepEqual(told, ['recovered 0 0']);
  });

  it('keeps the end of a lease, and the next list, behind the list before', async () => {
    const { taking, told } = intake();
    taking.take(gone);
    taking.take({ kind: 'resync', leases });
    taking.take(gone);
    taking.take({ kind: 'resync', leases: leases.slice(0, 3) });
    await eventually(() => told.includes('listed 3 end'));
    const list = ['listed 10000 more', 'listed 10000 more', 'listed 5 end'];
    assert.deepEqual(told, ['lease-gone', ...list, 'lease-gone', 'listed 3 end']);
    await eventually(() => {
      told.length = 0;
      taking.take(gone);
      return told.length === 1;
    });
  });

  it('ends with the term', async () => {
    const { taking, told, over } = intake();
    const done = taking.takeOver([], leases);
    over.abort(new Error('the term is over'));
    await assert.rejects(done, /the term is over/);
    assert.equal(told.length, 1);
  });

  it('fails the term where the core fails in the middle of a list', async () => {
    const { taking, failures } = intake();
    taking.take({ kind: 'resync', leases });
    taking.take({ ...gone, item: POISON });
    await eventually(() => failures.length === 1);
    assert.equal(failures[0]?.message, POISON);
  });

  it('fails nothing at the end of the term', async () => {
    const { taking, failures, over } = intake();
    taking.take({ kind: 'resync', leases });
    over.abort(new Error('the term is over'));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(failures, []);
  });
});
