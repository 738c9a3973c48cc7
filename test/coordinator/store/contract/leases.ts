import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LeaseEvent, Leadership } from '../../../../coordinator/store/lease-store.js';
import { EventLog } from '../event-log.js';
import { never, type ContractContext } from './contract-context.js';
import { listLeases } from '../list-leases.js';

const ODD_NAMES = [
  'us-east->us-west/orders.v1/0',
  'us-east->us-west/orders.v1/00',
  'us-east-%3Eus-west/orders.v1/0',
  'a b\tc',
  `it's (all) "quoted" * !`,
  'ümläut 🙂',
  '/',
  '..',
  '%',
];

async function grantOne(leadership: Leadership, item: string, sessionId: string): Promise<bigint> {
  const [result] = await leadership.grant([{ item, sessionId, agentId: 'agent' }]);
  assert.ok(result?.outcome === 'granted', `${item} is ${result?.outcome}`);
  return result.leaseEpoch;
}

export function describeLeases(context: ContractContext): void {
  describe('leases', () => {
    it('gives an item to one session, and says who has it to the other', async () => {
      const { leadership } = await context.lead('a');
      const one = await leadership.openSession('agent-1', 30_000);
      const two = await leadership.openSession('agent-2', 30_000);
      const [first] = await leadership.grant([{ item: 'x', sessionId: one, agentId: 'agent-1' }]);
      assert.ok(first?.outcome === 'granted');

      const holder = {
        item: 'x',
        agentId: 'agent-1',
        sessionId: one,
        leaseEpoch: first.leaseEpoch,
      };
      const results = await leadership.grant([
        { item: 'x', sessionId: two, agentId: 'agent-2' },
        { item: 'y', sessionId: two, agentId: 'agent-2' },
      ]);
      assert.deepEqual(results[0], { outcome: 'held', item: 'x', holder });
      assert.equal(results[1]?.outcome, 'granted');
      assert.equal((await listLeases(leadership)).length, 2);
    });

    it('repeats a grant to the same session with the same epoch', async () => {
      const { leadership } = await context.lead('a');
      const sessionId = await leadership.openSession('agent', 30_000);
      const epoch = await grantOne(leadership, 'x', sessionId);
      assert.equal(await grantOne(leadership, 'x', sessionId), epoch);
    });

    it('gives more items than fit one transaction, with any names, in order', async () => {
      const { leadership } = await context.lead('a');
      const sessionId = await leadership.openSession('agent', 30_000);
      const items = [...ODD_NAMES, ...Array.from({ length: 1_300 }, (_, index) => `item ${index}`)];
      const requests = items.map((item) => ({ item, sessionId, agentId: 'agent' }));
      const results = await leadership.grant(requests);
      assert.deepEqual(
        results.map(({ item }) => item),
        items,
      );
      assert.ok(results.every(({ outcome }) => outcome === 'granted'));

      const leases = await listLeases(leadership);
      assert.deepEqual(leases.map(({ item }) => item).sort(), [...items].sort());
      assert.ok(leases.every((lease) => lease.sessionId === sessionId));
      await leadership.release(leases);
      assert.deepEqual(await listLeases(leadership), []);
    });

    it('fails the grants of a closed session only, and grants the rest of the call', async () => {
      const { leadership } = await context.lead('a');
      const open = await leadership.openSession('open', 30_000);
      const closed = await leadership.openSession('closed', 30_000);
      await leadership.closeSession(closed);
      const results = await leadership.grant([
        { item: 'x', sessionId: closed, agentId: 'closed' },
        { item: 'y', sessionId: open, agentId: 'open' },
      ]);
      assert.deepEqual(
        results.map(({ outcome }) => outcome),
        ['session-expired', 'granted'],
      );
    });

    it('raises the epoch with each grant, and releases under the present one only', async () => {
      const { leadership } = await context.lead('a');
      const sessionId = await leadership.openSession('agent', 30_000);
      const old = await grantOne(leadership, 'x', sessionId);
      await leadership.release([{ item: 'x', leaseEpoch: old }]);
      const epoch = await grantOne(leadership, 'x', sessionId);
      assert.ok(epoch > old);

      await leadership.release([{ item: 'x', leaseEpoch: old }]);
      const held = [{ item: 'x', agentId: 'agent', sessionId, leaseEpoch: epoch }];
      assert.deepEqual(await listLeases(leadership), held);
      await leadership.release([{ item: 'never held', leaseEpoch: epoch }]);
      await leadership.release([{ item: 'x', leaseEpoch: epoch }]);
      assert.deepEqual(await listLeases(leadership), []);
    });

    it('tells watchers what is held, and then what goes, with the revision at which it went', async () => {
      const { world } = context;
      const { leadership } = await context.lead('a');
      const sessionId = await leadership.openSession('agent', 30_000);
      const before = await grantOne(leadership, 'before', sessionId);
      const events = new EventLog<LeaseEvent>();
      const stop = new AbortController();
      leadership.watchLeases(events.add, stop.signal);
      const listed = await world.until(events.next(({ kind }) => kind === 'listed'));
      assert.deepEqual(listed, {
        ...{ kind: 'listed', first: true, more: false },
        leases: [{ item: 'before', agentId: 'agent', sessionId, leaseEpoch: before }],
      });

      const after = await grantOne(leadership, 'after->x', sessionId);
      await leadership.release([{ item: 'after->x', leaseEpoch: after }]);
      const isAfter = (event: LeaseEvent): boolean =>
        event.kind === 'gone' && event.item === 'after->x';
      const gone = await world.until(events.next(isAfter));
      assert.ok(gone.kind === 'gone' && gone.revision > after);
      const again = await grantOne(leadership, 'after->x', sessionId);
      assert.ok(again > gone.revision, 'what is granted after it is not meant');

      stop.abort();
      await leadership.closeSession(sessionId);
      assert.equal(events.all.length, 2);
    });

    it('tells of every item of a session that vanishes at once', async () => {
      const { world } = context;
      const { leadership } = await context.lead('a');
      const sessionId = await leadership.openSession('agent', 30_000);
      const items = Array.from({ length: 500 }, (_, index) => `item-${index}`);
      await leadership.grant(items.map((item) => ({ item, sessionId, agentId: 'agent' })));
      const gone: string[] = [];
      const synced = new EventLog<string>();
      const all = new Promise<void>((resolve) => {
        leadership.watchLeases((event) => {
          if (event.kind === 'listed') synced.add(event.kind);
          else gone.push(event.item);
          if (gone.length === items.length) resolve();
        }, never);
      });
      await world.until(synced.next(() => true));
      await leadership.closeSession(sessionId);
      await world.until(all);
      assert.deepEqual(gone.sort(), [...items].sort());
    });
  });
}
