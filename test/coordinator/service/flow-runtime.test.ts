import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '../../../common/log.js';
import { FlowRuntime, OPEN_WAIT_MS_MAX } from '../../../coordinator/service/flow-runtime.js';
import type { OpenedFlowTarget } from '../../../coordinator/service/flow-target-port.js';
import { ManualClock } from '../../kit/manual-clock.js';
import { flowOf } from '../../mirror/config/load.js';

const flow = flowOf();

function runtime(open: (signal: AbortSignal) => Promise<OpenedFlowTarget>) {
  const clock = new ManualClock();
  const stop = new AbortController();
  const nothing = (): void => {};
  const started = new FlowRuntime<OpenedFlowTarget>({
    ...{ flow, term: 1n, clock, log: silentLogger, signal: stop.signal },
    ...{ emit: nothing, onDurable: nothing, onFenced: nothing },
    ...{ resumePromotion: nothing, onOpened: nothing },
    open: (_, signal) => open(signal),
  });
  started.start();
  const tried = { isOver: false };
  const whenTried = started.tried().then(() => (tried.isOver = true));
  return { started, clock, stop, tried, whenTried };
}

describe('waiting for the target of a flow', () => {
  it('ends when it cannot be opened, though that is tried again', async () => {
    const { started, whenTried, stop } = runtime(() => Promise.reject(new Error('no way there')));
    await whenTried;
    assert.equal(started.problem, 'no way there');
    stop.abort();
  });

  it('ends when opening it takes too long', async () => {
    const { started, clock, stop, tried } = runtime(
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', reject)),
    );
    await clock.advance(OPEN_WAIT_MS_MAX - 1);
    assert.equal(tried.isOver, false);
    await clock.advance(1);
    assert.equal(tried.isOver, true);
    assert.equal(started.problem, 'its target is being opened');
    stop.abort();
  });
});
