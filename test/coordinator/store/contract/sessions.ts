import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SessionExpiredError } from '../../../../coordinator/store/errors.js';
import type { LeaseEvent } from '../../../../coordinator/store/lease-store.js';
import { EventLog } from '../event-log.js';
import { never, type ContractContext, WATCHED_TTL_MS } from './contract-context.js';
import { listLeases } from '../list-leases.js';

export function describeSessions(context: ContractContext): void {
  describe('sessions', () => {
    it('lists the open ones, and no longer those that were closed', async () => {
      const { leadership } = await context.lead('a');
      const one = await leadership.openSession('agent-1', 30_000);
      const two = await leadership.openSession('agent-2', 40_000);
      const byAgent = (left: { agentId: string }, right: { agentId: string }): number =>
        left.agentId.localeCompare(right.agentId);
      assert.deepEqual((await leadership.sessions()).sort(byAgent), [
        { sessionId: one, agentId: 'agent-1', ttlMs: 30_000 },
        { sessionId: two, agentId: 'agent-2', ttlMs: 40_000 },
      ]);

      await leadership.closeSession(one);
      await leadership.closeSession(one);
      assert.deepEqual(
        (await leadership.sessions()).map(({ agentId }) => agentId),
        ['agent-2'],
      );
    });

    it('takes what it held with it when it is closed', async () => {
      const { leadership } = await context.lead('a');
      const sessionId = await leadership.openSession('agent', 30_000);
      const items = ['x', 'y', 'z'];
      await leadership.grant(items.map((item) => ({ item, sessionId, agentId: 'agent' })));
      await leadership.closeSession(sessionId);

      assert.deepEqual(await listLeases(leadership), []);
      await assert.rejects(leadership.keepSessionAlive(sessionId), SessionExpiredError);
      const again = await leadership.grant([{ item: 'x', sessionId, agentId: 'agent' }]);
      assert.deepEqual(again, [{ outcome: 'session-expired', item: 'x', sessionId }]);
    });

    it('runs out when nobody keeps it alive, and takes what it held with it', async () => {
      const { world } = context;
      const { leadership } = await context.lead('a');
      const silent = await leadership.openSession('silent', WATCHED_TTL_MS);
      const [granted] = await leadership.grant([
        { item: 'x', sessionId: silent, agentId: 'silent' },
      ]);
      assert.ok(granted?.outcome === 'granted');
      const events = new EventLog<LeaseEvent>();
      leadership.watchLeases(events.add, never);

      const gone = await world.until(events.next(({ kind }) => kind === 'gone'));
      assert.ok(gone.kind === 'gone' && gone.item === 'x');
      assert.ok(gone.revision > granted.leaseEpoch);
      assert.deepEqual(await leadership.sessions(), []);
      await assert.rejects(leadership.keepSessionAlive(silent), SessionExpiredError);
    });

    it('outlives the leader that opened it while a later one keeps it alive', async () => {
      const { world } = context;
      const first = await context.lead('a');
      const kept = await first.leadership.openSession('kept', WATCHED_TTL_MS * 2);
      const silent = await first.leadership.openSession('silent', WATCHED_TTL_MS);
      await first.leadership.grant([
        { item: 'of-kept', sessionId: kept, agentId: 'kept' },
        { item: 'of-silent', sessionId: silent, agentId: 'silent' },
      ]);
      await first.leadership.resign();

      const { leadership } = await context.lead('b');
      const known = (await leadership.sessions()).map(({ sessionId }) => sessionId);
      assert.deepEqual(known.sort(), [kept, silent].sort());
      const events = new EventLog<LeaseEvent>();
      leadership.watchLeases(events.add, never);
      await leadership.keepSessionAlive(kept);
      const gone = events.next((event) => event.kind === 'gone');
      await world.until(gone);
      await leadership.keepSessionAlive(kept);
      assert.deepEqual(
        (await listLeases(leadership)).map(({ item }) => item),
        ['of-kept'],
      );
    });

    it('keeps many alive at a time', async () => {
      const { leadership } = await context.lead('a');
      const agents = Array.from({ length: 50 }, (_, index) => `agent-${index}`);
      const ids = await Promise.all(agents.map((agent) => leadership.openSession(agent, 30_000)));
      assert.equal(new Set(ids).size, ids.length);
      await leadership.closeSession(ids[7] ?? '');
      const outcomes = await Promise.allSettled(ids.map((id) => leadership.keepSessionAlive(id)));
      const failed = outcomes.flatMap(({ status }, index) =>
        status === 'rejected' ? [index] : [],
      );
      assert.deepEqual(failed, [7]);
    });
  });
}
