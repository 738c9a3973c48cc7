import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '../../../common/log.js';
import type { Transaction, TransactionResult } from '../../../coordinator/store/backend.js';
import { ElectedLeaseStore } from '../../../coordinator/store/elected-lease-store.js';
import { RevisionConflictError, StoreUnavailableError } from '../../../coordinator/store/errors.js';
import type { Leadership } from '../../../coordinator/store/lease-store.js';
import { MemoryBackend } from '../../../coordinator/store/memory-backend.js';
import { MemoryKeyValue } from '../../../coordinator/store/memory-key-value.js';
import { ManualClock } from '../../kit/manual-clock.js';
import { listLeases } from './list-leases.js';

const TTL_MS = 10_000;

/** Carries out what it is asked, and loses the answer every other time. */
class HalfDeafBackend extends MemoryBackend {
  #calls = 0;

  override async transact(transaction: Transaction): Promise<TransactionResult> {
    return this.#lose('transact', await super.transact(transaction));
  }

  override async grantLease(leaseId: string, ttlMs: number): Promise<void> {
    return this.#lose('grantLease', await super.grantLease(leaseId, ttlMs));
  }

  override async revokeLease(leaseId: string): Promise<void> {
    return this.#lose('revokeLease', await super.revokeLease(leaseId));
  }

  #lose<T>(call: string, answer: T): T {
    if (this.#calls++ % 2 === 0) throw new StoreUnavailableError(call, true);
    return answer;
  }
}

async function lead(): Promise<{ clock: ManualClock; leadership: Leadership; wait: Wait }> {
  const clock = new ManualClock();
  const backend = new HalfDeafBackend(new MemoryKeyValue(clock));
  const options = { backend, clock, log: silentLogger, prefix: '/deaf', leaderTtlMs: TTL_MS };
  const store = new ElectedLeaseStore(options);
  const wait: Wait = async (promise) => {
    promise.catch(() => {}); // heard below
    await clock.advance(1_000); // more than all pauses between tries
    return promise;
  };
  const candidate = { id: 'a', address: 'a:1' };
  const leadership = await wait(store.campaign(candidate, new AbortController().signal));
  return { clock, leadership, wait };
}

type Wait = <T>(promise: Promise<T>) => Promise<T>;

// The store does what it is asked, but the answer is lost and the call repeated: every call must
// then say what happened, not what its second try found.
describe('a leadership whose store is heard every other time', () => {
  it('is won by the first try', async () => {
    const { leadership } = await lead();
    assert.equal(leadership.lost.aborted, false);
  });

  it('opens one session, and closes it', async () => {
    const { leadership, wait } = await lead();
    const sessionId = await wait(leadership.openSession('agent', TTL_MS));
    assert.equal((await wait(leadership.sessions())).length, 1);
    await wait(leadership.closeSession(sessionId));
    assert.equal((await wait(leadership.sessions())).length, 0);
  });

  it('grants what its first try granted, with the same epoch, and releases it', async () => {
    const { leadership, wait } = await lead();
    const sessionId = await wait(leadership.openSession('agent', TTL_MS));
    const request = { item: 'x', sessionId, agentId: 'agent' };
    const [grant] = await wait(leadership.grant([request]));
    assert.ok(grant?.outcome === 'granted');
    assert.equal((await wait(listLeases(leadership)))[0]?.leaseEpoch, grant.leaseEpoch);
    await wait(leadership.release([grant]));
    assert.deepEqual(await wait(listLeases(leadership)), []);
  });

  it('does not take its own unheard write for a conflict', async () => {
    const { leadership, wait } = await lead();
    const one = await wait(leadership.put('x', 'one', 0n));
    assert.deepEqual(await wait(leadership.get('x')), { key: 'x', value: 'one', revision: one });
    const two = await wait(leadership.put('x', 'two', one));
    assert.ok(two > one);
    await wait(leadership.delete('x', two));
    assert.equal(await wait(leadership.get('x')), undefined);
  });

  it('still reports a conflict with the write of another', async () => {
    const { leadership, wait } = await lead();
    const one = await wait(leadership.put('x', 'one'));
    await wait(leadership.put('x', 'two'));
    await assert.rejects(wait(leadership.put('x', 'three', one)), RevisionConflictError);
    await assert.rejects(wait(leadership.delete('x', one)), RevisionConflictError);
    assert.equal((await wait(leadership.get('x')))?.value, 'two');
  });
});
