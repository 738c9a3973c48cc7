import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { LeadershipLostError, StoreUnavailableError } from '../../../coordinator/store/errors.js';
import type { LeaseEvent } from '../../../coordinator/store/lease-store.js';
import { startEtcd, type EtcdServers } from '../../kit/start-etcd.js';
import {
  aborted,
  candidate,
  LEADER_TTL_MS,
  LONG_TTL_MS,
  never,
  WATCHED_TTL_MS,
} from './contract/contract-context.js';
import { EtcdWorld } from './etcd-world.js';
import { EventLog } from './event-log.js';
import { listLeases } from './list-leases.js';

describe('EtcdLeaseStore under faults', () => {
  let servers: EtcdServers | undefined;
  let world: EtcdWorld | undefined;

  async function start(members: number): Promise<{ servers: EtcdServers; world: EtcdWorld }> {
    servers = await startEtcd({ members });
    world = new EtcdWorld(servers);
    return { servers, world };
  }

  afterEach(async () => {
    await world?.close();
    await servers?.stop();
  });

  it('goes on after the only member was killed and started again', async () => {
    const { servers, world } = await start(1);
    const { store } = await world.open(LONG_TTL_MS);
    const leadership = await world.until(store.campaign(candidate('a'), never));
    const sessionId = await leadership.openSession('agent', LONG_TTL_MS);
    await leadership.grant([{ item: 'x', sessionId, agentId: 'agent' }]);
    const events = new EventLog<LeaseEvent>();
    leadership.watchLeases(events.add, never);
    await world.until(events.next(({ kind }) => kind === 'listed'));

    await servers.members[0]?.kill();
    await assert.rejects(leadership.put('x', 'y'), StoreUnavailableError);
    await servers.members[0]?.start();

    const resync = await world.until(events.next(({ kind }) => kind === 'listed', 1));
    assert.ok(resync.kind === 'listed');
    assert.deepEqual(
      resync.leases.map(({ item }) => item),
      ['x'],
    );
    await leadership.keepSessionAlive(sessionId);
    await leadership.put('x', 'z');
    await leadership.closeSession(sessionId);
    await world.until(events.next(({ kind }) => kind === 'gone'));
    assert.equal(leadership.lost.aborted, false);
  });

  it('steps over the loss of any one of three members', async () => {
    const { servers, world } = await start(3);
    const { store } = await world.open(LONG_TTL_MS);
    const leadership = await world.until(store.campaign(candidate('a'), never));
    const sessionId = await leadership.openSession('agent', LONG_TTL_MS);
    for (const [index, member] of servers.members.entries()) {
      await member.kill();
      // Repeated inside a call: until the others have elected, and whichever member it asked first.
      const revision = await leadership.put('round', String(index));
      await leadership.put('round', `${index}, checked`, revision);
      await leadership.keepSessionAlive(sessionId);
      const [grant] = await leadership.grant([{ item: `x${index}`, sessionId, agentId: 'agent' }]);
      assert.equal(grant?.outcome, 'granted');
      await member.start();
    }
    assert.equal(leadership.lost.aborted, false);
    assert.equal((await listLeases(leadership)).length, 3);
  });

  it('gives leadership up by its own deadline when the quorum is lost', async () => {
    const { servers, world } = await start(3);
    const { store } = await world.open(LEADER_TTL_MS);
    const leadership = await world.until(store.campaign(candidate('a'), never));
    // How soon is a matter for leader-term.test.ts: an etcd leader without a quorum goes on answering
    // renewals until it steps down. A new one gives every lease its full time again, so that is safe.
    await Promise.all(servers.members.slice(1).map((member) => member.kill()));
    await world.until(aborted(leadership.lost));
    await assert.rejects(leadership.put('x', 'y'), LeadershipLostError);
  });

  it('fails a call to a silent peer in bounded time, and gives leadership up meanwhile', async () => {
    const { world } = await start(1);
    const client = await world.open(WATCHED_TTL_MS);
    const { store } = client;
    const leadership = await world.until(store.campaign(candidate('a'), never));
    client.silence();
    await assert.rejects(world.until(leadership.put('x', 'y')), (error) => {
      assert.ok(error instanceof StoreUnavailableError);
      assert.equal(error.outcomeUnknown, true);
      return true;
    });
    assert.ok(leadership.lost.aborted);
    client.heal();
    const again = await world.until(store.campaign(candidate('a'), never));
    assert.ok(again.term > leadership.term);
  });
});
