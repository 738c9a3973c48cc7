import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StoreUnavailableError } from '../../../../coordinator/store/errors.js';
import type { LeaseEvent } from '../../../../coordinator/store/lease-store.js';
import { EventLog } from '../event-log.js';
import {
  candidate,
  never,
  type ContractContext,
  LEADER_TTL_MS,
  LONG_TTL_MS,
} from './contract-context.js';

export function describeOutages(context: ContractContext): void {
  describe('outages', () => {
    it('fails calls with a retriable error while the store is away, and works again after', async () => {
      const { world } = context;
      const { client, leadership, store } = await context.lead('a', LONG_TTL_MS);
      const sessionId = await leadership.openSession('agent', LONG_TTL_MS);
      client.cut();
      const calls: Promise<unknown>[] = [
        leadership.put('x', 'y'),
        leadership.put('x', 'y', 0n),
        leadership.get('x'),
        leadership.grant([{ item: 'x', sessionId, agentId: 'agent' }]),
        leadership.keepSessionAlive(sessionId),
        leadership.openSession('other', LONG_TTL_MS),
        store.leader(),
      ];
      const outcomes = await world.until(Promise.allSettled(calls));
      for (const outcome of outcomes) {
        assert.ok(outcome.status === 'rejected');
        assert.ok(outcome.reason instanceof StoreUnavailableError);
        assert.ok(outcome.reason.retriable);
      }
      client.heal();

      assert.equal(leadership.lost.aborted, false);
      await leadership.put('x', 'z');
      await leadership.keepSessionAlive(sessionId);
      assert.equal((await leadership.get('x'))?.value, 'z');
    });

    it('lists again after the watch broke, so that nothing that went meanwhile is missed', async () => {
      const { world } = context;
      const { client, leadership } = await context.lead('a', LONG_TTL_MS);
      const lost = await leadership.openSession('lost', LONG_TTL_MS);
      const kept = await leadership.openSession('kept', LONG_TTL_MS);
      await leadership.grant([
        { item: 'of-lost', sessionId: lost, agentId: 'lost' },
        { item: 'of-kept', sessionId: kept, agentId: 'kept' },
      ]);
      const events = new EventLog<LeaseEvent>();
      leadership.watchLeases(events.add, never);
      await world.until(events.next(({ kind }) => kind === 'listed'));

      client.cut();
      await world.backend().revokeLease(lost);
      client.heal();

      const again = await world.until(events.next(({ kind }) => kind === 'listed', 1));
      assert.ok(again.kind === 'listed');
      assert.deepEqual(
        again.leases.map(({ item }) => item),
        ['of-kept'],
      );
      const from = events.all.length;
      await leadership.closeSession(kept);
      const gone = await world.until(events.next(({ kind }) => kind === 'gone', from));
      assert.ok(gone.kind === 'gone' && gone.item === 'of-kept');
    });

    it('lets a candidate that was cut off win once it is back', async () => {
      const { world } = context;
      const client = await world.open(LEADER_TTL_MS);
      client.cut();
      const campaign = client.store.campaign(candidate('a'), never);
      const notYet = Symbol('not yet');
      assert.equal(await Promise.race([campaign, Promise.resolve(notYet)]), notYet);
      client.heal();
      const leadership = await world.until(campaign);
      assert.equal((await client.store.leader())?.term, leadership.term);
    });
  });
}
