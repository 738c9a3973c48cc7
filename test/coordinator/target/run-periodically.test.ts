import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TimeoutError } from '../../../common/errors.js';
import { RETRY_MAX_MS } from '../../../coordinator/target/limits.js';
import { runPeriodically } from '../../../coordinator/target/run-periodically.js';

/** Time passes by being waited for; aborts after so many waits. */
function waitingClock(waitsMax: number) {
  const controller = new AbortController();
  const sleeps: number[] = [];
  let nowMs = 0;
  const sleep = async (ms: number): Promise<void> => {
    if (sleeps.length === waitsMax) controller.abort(new Error('the test is over'));
    controller.signal.throwIfAborted();
    sleeps.push(ms);
    nowMs += ms;
    await Promise.resolve();
  };
  const clock = { nowMs: () => nowMs, wallMs: () => nowMs, sleep };
  return { clock, sleeps, signal: controller.signal };
}

describe('runPeriodically', () => {
  it('runs each task at its interval, in their order', async () => {
    const { clock, signal } = waitingClock(6);
    const runs: string[] = [];
    const task = (name: string, intervalMs: number) => ({
      intervalMs,
      run: async () => {
        runs.push(`${name}@${clock.nowMs()}`);
        await Promise.resolve();
      },
    });
    await runPeriodically({
      tasks: [task('slow', 300), task('fast', 100)],
      ...{ clock, signal, onSuccess: () => undefined, onFailure: () => 'stop' },
    });

    assert.deepEqual(runs, [
      'fast@100',
      'fast@200',
      'slow@300',
      'fast@300',
      'fast@400',
      'fast@500',
      'slow@600',
      'fast@600',
    ]);
  });

  it('waits longer after a failure, and stops when told to', async () => {
    const { clock, sleeps, signal } = waitingClock(10);
    const outcomes: string[] = [];
    let runs = 0;
    await runPeriodically({
      tasks: [
        {
          intervalMs: 100,
          run: async () => {
            runs += 1;
            await Promise.resolve();
            if (runs !== 2) throw new TimeoutError('the test', 1);
          },
        },
      ],
      ...{ clock, signal },
      onSuccess: () => outcomes.push('success'),
      onFailure: () => {
        outcomes.push('failure');
        return runs === 3 ? 'stop' : 'go on';
      },
    });

    assert.deepEqual(outcomes, ['failure', 'success', 'failure']);
    assert.deepEqual(sleeps, [100, RETRY_MAX_MS, 100]);
  });

  it('does not hide a mistake of ours', async () => {
    const { clock, signal } = waitingClock(10);
    const run = (): Promise<void> => Promise.reject(new TypeError('ours'));

    await assert.rejects(
      runPeriodically({
        tasks: [{ intervalMs: 100, run }],
        ...{ clock, signal, onSuccess: () => undefined, onFailure: () => 'go on' },
      }),
      TypeError,
    );
  });
});
