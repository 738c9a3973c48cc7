import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClosedError } from '../../../../common/errors.js';
import { LeadershipLostError } from '../../../../coordinator/store/errors.js';
import { StoreKeys } from '../../../../coordinator/store/keys.js';
import type { Leader } from '../../../../coordinator/store/lease-store.js';
import { EventLog } from '../event-log.js';
import {
  aborted,
  candidate,
  never,
  type ContractContext,
  LEADER_TTL_MS,
  LONG_TTL_MS,
  WATCHED_TTL_MS,
} from './contract-context.js';

export function describeElection(context: ContractContext): void {
  describe('election', () => {
    it('has no leader before anyone campaigns, and then the one who won', async () => {
      const { world } = context;
      const client = await world.open(LONG_TTL_MS);
      assert.equal(await client.store.leader(), undefined);

      const leadership = await world.until(client.store.campaign(candidate('a'), never));
      const expected = { id: 'a', address: 'a.example:7700', term: leadership.term };
      assert.deepEqual(await client.store.leader(), expected);
    });

    it('elects one of many', async () => {
      const { world } = context;
      const won: string[] = [];
      const campaigns: Promise<unknown>[] = [];
      for (const id of ['a', 'b', 'c']) {
        const { store } = await world.open(LONG_TTL_MS);
        const campaign = store.campaign(candidate(id), never).then(() => won.push(id));
        campaign.catch(() => {}); // of the losers: ended by the world's close
        campaigns.push(campaign);
      }
      await world.until(Promise.race(campaigns));
      const { store } = await world.open(LONG_TTL_MS);
      assert.deepEqual([(await store.leader())?.id], won);
    });

    it('elects a successor at once after the leader resigns, with a higher term', async () => {
      const { world } = context;
      const first = await context.lead('a');
      const { store } = await world.open(LONG_TTL_MS);
      const campaign = store.campaign(candidate('b'), never);

      const resignedMs = world.nowMs();
      await first.leadership.resign();
      await first.leadership.resign();
      const second = await world.until(campaign);

      assert.ok(world.nowMs() - resignedMs < LONG_TTL_MS / 2, 'waited for the lease to run out');
      assert.ok(second.term > first.leadership.term);
      assert.ok(first.leadership.lost.aborted);
    });

    it('elects a successor within a time to live when the leader falls silent, who knows', async () => {
      const { world } = context;
      const first = await context.lead('a', LEADER_TTL_MS);
      const { store } = await world.open(LEADER_TTL_MS);
      const campaign = store.campaign(candidate('b'), never);

      first.client.cut();
      const second = await world.until(campaign);

      // Not a matter of luck: the deadline of the old one is before the end of its lease.
      assert.ok(first.leadership.lost.aborted, 'the old leader still believes in itself');
      assert.ok(first.leadership.lost.reason instanceof LeadershipLostError);
      assert.ok(second.term > first.leadership.term);
    });

    it('keeps its seat for longer than a time to live', async () => {
      const { world } = context;
      const { leadership, store } = await context.lead('a', WATCHED_TTL_MS);
      const sinceMs = world.nowMs();
      // Sessions run out by the store's clock: one of them measures it without a sleep.
      const sessionId = await leadership.openSession('clock', WATCHED_TTL_MS * 1.5);
      const events = new EventLog<string>();
      await leadership.grant([{ item: 'tick', sessionId, agentId: 'clock' }]);
      leadership.watchLeases(({ kind }) => events.add(kind), never);
      await world.until(events.next((kind) => kind === 'gone'));
      assert.ok(world.nowMs() - sinceMs > WATCHED_TTL_MS * 1.2);
      assert.equal(leadership.lost.aborted, false);
      assert.equal((await store.leader())?.term, leadership.term);
    });

    it('tells a leader whose key was taken away', async () => {
      const { world } = context;
      const { leadership } = await context.lead('a');
      const key = new StoreKeys(world.prefix).leader;
      const remove = { kind: 'delete', key } as const;
      await world.backend().transact({ compares: [], success: [remove], failure: [] });
      await world.until(aborted(leadership.lost));
      await assert.rejects(leadership.put('x', 'y'), LeadershipLostError);
    });

    it('tells watchers of each leader, and of none', async () => {
      const { world } = context;
      const heard = new EventLog<Leader | undefined>();
      const watcher = await world.open(LONG_TTL_MS);
      watcher.store.watchLeader(heard.add, never);
      await world.until(heard.next((leader) => leader === undefined));

      const first = await context.lead('a');
      await world.until(heard.next((leader) => leader?.term === first.leadership.term));
      await first.leadership.resign();
      await world.until(heard.next((leader) => leader === undefined, 1));
      await context.lead('b');
      await world.until(heard.next((leader) => leader?.id === 'b'));

      const ids = heard.all.map((leader) => leader?.id);
      assert.deepEqual(ids, [undefined, 'a', undefined, 'b']);
    });

    it('ends a campaign with the reason of its signal, and the seat stays free for others', async () => {
      const { world } = context;
      const first = await context.lead('a');
      const given = new AbortController();
      const quitter = await world.open(LONG_TTL_MS);
      const campaign = quitter.store.campaign(candidate('b'), given.signal);
      const reason = new Error('changed its mind');
      given.abort(reason);
      await assert.rejects(world.until(campaign), reason);

      await first.leadership.resign();
      const third = await context.lead('c');
      assert.equal((await third.store.leader())?.id, 'c');
    });

    it('ends campaigns and leadership when closed', async () => {
      const { world } = context;
      const first = await context.lead('a');
      const second = await world.open(LONG_TTL_MS);
      const campaign = second.store.campaign(candidate('b'), never);
      await Promise.all([
        assert.rejects(world.until(campaign), ClosedError),
        second.store.close(),
        second.store.close(),
        first.store.close(),
      ]);
      assert.ok(first.leadership.lost.aborted);
      await assert.rejects(first.leadership.put('x', 'y'), LeadershipLostError);
    });
  });
}
