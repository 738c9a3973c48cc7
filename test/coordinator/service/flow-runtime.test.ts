import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '../../../common/log.js';
import { FlowRuntime, OPEN_WAIT_MS_MAX } from '../../../coordinator/service/flow-runtime.js';
import type { OpenedFlowTarget } from '../../../coordinator/service/flow-target-port.js';
import { ManualClock } from '../../kit/manual-clock.js';
import { flowOf } from '../../mirror/config/load.js';
import { MemoryTarget } from './fixture.js';

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

describe('offsets of groups that a changed configuration leaves out', () => {
  const offset = (group: string, topic: string) => ({
    ...{ group, topic, partition: 0, offset: 5n, metadata: '' },
  });
  const all = [offset('g', 'orders'), offset('secret', 'orders'), offset('g', 'hidden')];
  const narrower = flowOf('groups.exclude = secret', 'topics.exclude = hidden');

  /** A target that has translated nothing of what it was told. */
  class Told extends MemoryTarget {
    readonly told: string[] = [];
    override recordGroupOffsets(offsets: readonly { group: string; topic: string }[] = []): void {
      this.told.push(...offsets.map(({ group, topic }) => `${group} on ${topic}`));
    }
    override groupPositions(): never[] {
      const positions = all.map(({ offset: sourceOffset, ...each }) => ({
        ...each,
        ...{ sourceOffset, live: true, targetOffset: undefined },
      }));
      return positions as never[];
    }
  }

  it('are not taken from an agent that does not know it yet, nor carried over', async () => {
    const targets: Told[] = [];
    const { started, stop, whenTried } = runtime(() => {
      const target = new Told();
      targets.push(target);
      return Promise.resolve({ target, close: () => Promise.resolve() } as never);
    });
    await whenTried;
    started.recordGroupOffsets(all);
    assert.deepEqual(targets[0]?.told, ['g on orders', 'secret on orders', 'g on hidden']);
    await started.reconfigure(narrower);
    await started.tried();
    started.recordGroupOffsets(all);
    assert.deepEqual(targets[1]?.told, ['g on orders', 'g on orders']);
    stop.abort();
  });
});
