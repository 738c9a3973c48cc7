import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CoreEvent } from '../../../coordinator/core/events.js';
import { LeaseIntake } from '../../../coordinator/service/lease-intake.js';

const sessions = [{ sessionId: '7', agentId: 'one', ttlMs: 10_000 }];

function page(count: number, at: { first: boolean; more: boolean }) {
  const leases = Array.from({ length: count }, (_, index) => ({
    ...{ item: `a->b/partition/t/${index}`, sessionId: '7', agentId: 'one' },
    leaseEpoch: BigInt(index + 1),
  }));
  return { kind: 'listed' as const, leases, ...at };
}

/** Says in short what the core was told, in order. */
function intake() {
  const told: string[] = [];
  const over = new AbortController();
  const emit = (event: CoreEvent): void => {
    if (event.kind === 'recovered')
      told.push(`recovered ${event.sessions.length} ${event.leases.length}`);
    else if (event.kind === 'leases-listed') {
      const at = [event.first === true ? 'first' : '', event.more === true ? 'more' : ''];
      told.push(`listed ${event.leases.length} ${at.join(' ')}`.trim());
    } else if (event.kind === 'lease-deleted')
      told.push(`deleted ${event.item} at ${event.revision}`);
    else told.push(event.kind);
  };
  return { taking: new LeaseIntake({ emit, over: over.signal }), told, over };
}

const gone = { kind: 'gone', item: 'a->b/partition/t/0', revision: 9n } as const;

describe('LeaseIntake', () => {
  it('takes over all sessions first, then page by page the first list', async () => {
    const { taking, told } = intake();
    let done = false;
    const takenOver = taking.takeOver(sessions).then(() => (done = true));
    taking.take(page(3, { first: true, more: true }));
    await Promise.resolve();
    assert.equal(done, false, 'more is to come');
    taking.take(page(2, { first: false, more: false }));
    await takenOver;
    assert.deepEqual(told, ['recovered 1 0', 'recovered 0 3', 'recovered 0 2']);
  });

  it('goes on with a list that broke off and begins anew', async () => {
    const { taking, told } = intake();
    const takenOver = taking.takeOver([]);
    taking.take(page(3, { first: true, more: true }));
    taking.take(page(0, { first: true, more: false }));
    await takenOver;
    assert.deepEqual(told, ['recovered 0 0', 'recovered 0 3', 'recovered 0 0']);
  });

  it('tells of later lists, and of what goes, as they come', async () => {
    const { taking, told } = intake();
    const takenOver = taking.takeOver([]);
    taking.take(page(1, { first: true, more: false }));
    await takenOver;
    told.length = 0;
    taking.take(gone);
    taking.take(page(3, { first: true, more: true }));
    taking.take(page(2, { first: false, more: false }));
    taking.take(gone);
    const deleted = 'deleted a->b/partition/t/0 at 9';
    assert.deepEqual(told, [deleted, 'listed 3 first more', 'listed 2', deleted]);
  });

  it('ends with the term', async () => {
    const { taking, over } = intake();
    const done = taking.takeOver(sessions);
    taking.take(page(3, { first: true, more: true }));
    over.abort(new Error('the term is over'));
    await assert.rejects(done, /the term is over/);
    await assert.rejects(taking.takeOver(sessions), /the term is over/);
  });
});
