import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withDeadline } from '../../common/deadline.js';
import { TimeoutError } from '../../common/errors.js';
import { ManualClock } from '../kit/manual-clock.js';

/** Ends only when it is told to. */
const endless = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });

function scene() {
  const clock = new ManualClock();
  const caller = new AbortController();
  return { clock, caller, options: { what: 'asking', ms: 1_000, clock, signal: caller.signal } };
}

describe('withDeadline', () => {
  it('ends what takes too long by the clock it is given', async () => {
    const { clock, options } = scene();
    let endedAtMs = -1;
    const answer = withDeadline(options, endless).finally(() => (endedAtMs = clock.nowMs()));
    const rejected = assert.rejects(answer, new TimeoutError('asking', 1_000));
    await clock.advance(999);
    await clock.advance(1);
    await rejected;
    assert.equal(endedAtMs, 1_000);
  });

  it('gives what was done in time, and waits for nothing more', async () => {
    const { clock, options } = scene();
    let given: AbortSignal | undefined;
    const answer = withDeadline(options, (signal) => {
      given = signal;
      return Promise.resolve('yes');
    });
    assert.equal(await answer, 'yes');
    await clock.advance(2_000);
    await Promise.resolve();
    assert.equal(given?.aborted, false);
  });

  it('ends with its caller, for the reason of its caller', async () => {
    const { caller, options } = scene();
    const answer = withDeadline(options, endless);
    caller.abort(new Error('nobody wants it'));
    await assert.rejects(answer, /nobody wants it/);
  });

  it('throws what was thrown', async () => {
    const { options } = scene();
    await assert.rejects(
      withDeadline(options, () => Promise.reject(new Error('refused'))),
      /refused/,
    );
  });
});
