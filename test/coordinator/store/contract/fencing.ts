import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '../../../../common/log.js';
import { LeadershipLostError } from '../../../../coordinator/store/errors.js';
import { GuardedLeadership } from '../../../../coordinator/store/guarded-leadership.js';
import { StoreKeys } from '../../../../coordinator/store/keys.js';
import { LeaderTerm } from '../../../../coordinator/store/leader-term.js';
import type { Leadership } from '../../../../coordinator/store/lease-store.js';
import { ManualClock } from '../../../kit/manual-clock.js';
import type { ContractContext } from './contract-context.js';
import { listLeases } from '../list-leases.js';

/** A leader whose clock stands still: it never learns by itself that its time is over. */
function unsuspecting(context: ContractContext, term: bigint): Leadership {
  const { world } = context;
  const backend = world.backend();
  const clock = new ManualClock();
  const keys = new StoreKeys(world.prefix);
  const lease = { leaseId: '1', ttlMs: 60_000, leaseSentMs: 0 };
  const frozen = new LeaderTerm({ backend, clock, log: silentLogger, term, ...lease });
  return new GuardedLeadership({ backend, clock, log: silentLogger, keys, term: frozen });
}

export function describeFencing(context: ContractContext): void {
  describe('fencing', () => {
    it('lets a deposed leader change nothing, even one that does not know', async () => {
      const first = await context.lead('a');
      const sessionId = await first.leadership.openSession('agent', 60_000);
      const held = { item: 'held', sessionId, agentId: 'agent' };
      const [grant] = await first.leadership.grant([held]);
      assert.ok(grant?.outcome === 'granted');
      await first.leadership.put('plan', 'one');
      const { term } = first.leadership;
      await first.leadership.resign();
      const second = await context.lead('b');
      const read = async (): Promise<unknown> => ({
        sessions: await second.leadership.sessions(),
        leases: await listLeases(second.leadership),
        documents: await second.leadership.list(''),
      });
      const before = await read();

      const writes: ((leadership: Leadership) => Promise<unknown>)[] = [
        (leadership) => leadership.openSession('other', 60_000),
        (leadership) => leadership.closeSession(sessionId),
        (leadership) => leadership.grant([{ item: 'free', sessionId, agentId: 'agent' }]),
        (leadership) => leadership.release([grant]),
        (leadership) => leadership.put('plan', 'two'),
        (leadership) => leadership.put('fresh', 'two', 0n),
        (leadership) => leadership.delete('plan'),
        (leadership) => leadership.get('plan'),
      ];
      for (const write of writes) {
        const stale = unsuspecting(context, term);
        await assert.rejects(write(stale), LeadershipLostError, write.toString());
        assert.ok(stale.lost.aborted);
      }
      assert.deepEqual(await read(), before);
    });

    it('still lets the present leader write when an unsuspecting one of its own term does', async () => {
      // The guard is the term, not the process: what is fenced is an older term.
      const { leadership } = await context.lead('a');
      await unsuspecting(context, leadership.term).put('plan', 'same term');
      assert.equal((await leadership.get('plan'))?.value, 'same term');
    });
  });
}
