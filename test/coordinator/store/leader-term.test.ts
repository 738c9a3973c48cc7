import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '../../../common/log.js';
import { LeadershipLostError, StoreUnavailableError } from '../../../coordinator/store/errors.js';
import { LeaderTerm } from '../../../coordinator/store/leader-term.js';
import { MemoryBackend } from '../../../coordinator/store/memory-backend.js';
import { MemoryKeyValue } from '../../../coordinator/store/memory-key-value.js';
import { ManualClock } from '../../kit/manual-clock.js';

const TTL_MS = 10_000;
const BELIEVED_MS = 9_000; // less the margin

interface Scene {
  clock: ManualClock;
  store: MemoryKeyValue;
  backend: MemoryBackend;
  term: LeaderTerm;
}

async function startTerm(
  makeBackend = (store: MemoryKeyValue) => new MemoryBackend(store),
): Promise<Scene> {
  const clock = new ManualClock();
  const store = new MemoryKeyValue(clock);
  store.grantLease('7', TTL_MS);
  const backend = makeBackend(store);
  const lease = { term: 5n, leaseId: '7', ttlMs: TTL_MS, leaseSentMs: 0 };
  const term = new LeaderTerm({ backend, clock, log: silentLogger, ...lease });
  term.start();
  return { clock, store, backend, term };
}

/** Renews in the store at once, and lets the answer arrive late. */
class SlowAnswers extends MemoryBackend {
  readonly #clock: ManualClock;
  readonly #delayMs: number;

  constructor(store: MemoryKeyValue, clock: ManualClock, delayMs: number) {
    super(store);
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  override async keepLeaseAlive(leaseId: string): Promise<boolean> {
    const alive = await super.keepLeaseAlive(leaseId);
    await this.#clock.sleep(this.#delayMs);
    return alive;
  }
}

describe('LeaderTerm', () => {
  it('lasts while it is renewed', async () => {
    const { clock, store, term } = await startTerm();
    await clock.advance(100 * TTL_MS);
    term.assertLeading();
    assert.equal(store.keepLeaseAlive('7'), true);
  });

  it('is lost before the store gives the seat away, when no renewal comes through', async () => {
    const { clock, backend, store, term } = await startTerm();
    backend.setReachable(false);
    await clock.advance(BELIEVED_MS - 1);
    assert.equal(term.lost.aborted, false);
    await clock.advance(1);
    assert.ok(term.lost.aborted);
    assert.ok(term.lost.reason instanceof LeadershipLostError);
    assert.equal(store.keepLeaseAlive('7'), true, 'the store still holds the lease');
  });

  it('survives an outage shorter than that', async () => {
    const { clock, backend, term } = await startTerm();
    backend.setReachable(false);
    await clock.advance(BELIEVED_MS - 1_000);
    backend.setReachable(true);
    await clock.advance(10 * TTL_MS);
    assert.equal(term.lost.aborted, false);
  });

  it('counts from the sending of a renewal, not from its answer', async () => {
    const clock = new ManualClock();
    const store = new MemoryKeyValue(clock);
    store.grantLease('7', TTL_MS);
    // Sent at a third of the time to live, answered 5 s later: worth only what is left of it.
    const delayMs = 5_000;
    const backend = new SlowAnswers(store, clock, delayMs);
    const lease = { term: 5n, leaseId: '7', ttlMs: TTL_MS, leaseSentMs: 0 };
    const term = new LeaderTerm({ backend, clock, log: silentLogger, ...lease });
    term.start();
    const sentMs = TTL_MS / 3;
    await clock.advance(sentMs + delayMs);
    backend.setReachable(false);
    await clock.advance(BELIEVED_MS - delayMs - 1);
    assert.equal(term.lost.aborted, false);
    await clock.advance(2);
    assert.ok(term.lost.aborted);
  });

  it('is lost at the first call after a freeze, before any timer has run', async () => {
    const { clock, term } = await startTerm();
    await clock.advance(0);
    clock.freeze(BELIEVED_MS);
    assert.throws(() => term.assertLeading(), LeadershipLostError);
    assert.ok(term.lost.aborted);
  });

  it('is lost at once when the store no longer knows the lease', async () => {
    const { clock, store, term } = await startTerm();
    store.revokeLease('7');
    await clock.advance(TTL_MS / 3 + 1);
    assert.ok(term.lost.aborted);
  });

  it('keeps trying while renewals fail, several times before the deadline', async () => {
    let tries = 0;
    class Failing extends MemoryBackend {
      override async keepLeaseAlive(): Promise<boolean> {
        tries++;
        throw new StoreUnavailableError('keepLeaseAlive', false);
      }
    }
    const { clock, term } = await startTerm((store) => new Failing(store));
    await clock.advance(TTL_MS);
    assert.ok(term.lost.aborted);
    assert.ok(tries >= 5, `${tries} tries`);
    const before = tries;
    await clock.advance(10 * TTL_MS);
    assert.equal(tries, before, 'no renewal after the end');
  });
});
