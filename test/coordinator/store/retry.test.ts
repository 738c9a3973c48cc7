import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StoreRefusedError, StoreUnavailableError } from '../../../coordinator/store/errors.js';
import { CALL_ATTEMPTS_MAX } from '../../../coordinator/store/limits.js';
import { retryUnavailable } from '../../../coordinator/store/retry.js';
import { ManualClock } from '../../kit/manual-clock.js';

const PLENTY_MS = 60_000;

describe('retryUnavailable', () => {
  it('repeats a bounded number of times, with pauses', async () => {
    const clock = new ManualClock();
    const triedAtMs: number[] = [];
    const call = async (): Promise<never> => {
      triedAtMs.push(clock.nowMs());
      throw new StoreUnavailableError('x', false);
    };
    const result = assert.rejects(retryUnavailable(call, { clock }), StoreUnavailableError);
    await clock.advance(PLENTY_MS);
    await result;
    assert.equal(triedAtMs.length, CALL_ATTEMPTS_MAX);
    assert.deepEqual(triedAtMs, [0, 100, 300, 700]);
  });

  it('never repeats what was refused', async () => {
    let tries = 0;
    const call = async (): Promise<never> => {
      tries++;
      throw new StoreRefusedError('x');
    };
    await assert.rejects(retryUnavailable(call, { clock: new ManualClock() }), StoreRefusedError);
    assert.equal(tries, 1);
  });

  it('tells a repeat, and in the end the caller, of an outcome that became unknown', async () => {
    const clock = new ManualClock();
    const told: boolean[] = [];
    const call = async (repeated: boolean): Promise<never> => {
      told.push(repeated);
      throw new StoreUnavailableError('x', told.length === 2);
    };
    const result = assert.rejects(retryUnavailable(call, { clock }), (error) => {
      assert.ok(error instanceof StoreUnavailableError);
      assert.equal(error.outcomeUnknown, true);
      return true;
    });
    await clock.advance(PLENTY_MS);
    await result;
    assert.deepEqual(told, [false, false, true, true]);
  });

  it('stops when its signal aborts, with the last failure', async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    let tries = 0;
    const call = async (): Promise<never> => {
      tries++;
      throw new StoreUnavailableError('x', false);
    };
    const retrying = retryUnavailable(call, { clock, signal: stop.signal });
    const result = assert.rejects(retrying, StoreUnavailableError);
    await clock.advance(0);
    stop.abort();
    await result;
    assert.equal(tries, 1);
  });
});
