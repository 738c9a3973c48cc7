import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '../../../common/log.js';
import type { FailbackResult } from '../../../coordinator/failback/failback.js';
import type { Coordination } from '../../../coordinator/service/coordination.js';
import { FailbackRunner } from '../../../coordinator/service/failback-runner.js';
import { FlowActs } from '../../../coordinator/service/flow-acts.js';
import type { OpenedFlowTarget } from '../../../coordinator/service/flow-target-port.js';

const FLOW = 'a->b';

/** A term in which a failback is half done in Kafka, and each one that is begun ends when told. */
function stage() {
  const acts = new FlowActs(FLOW);
  const ends: (() => void)[] = [];
  const runtime = { phase: 'promoted', acts, opened: {} };
  const coordination = {
    ...{ log: silentLogger, over: new AbortController().signal },
    ...{ flows: new Map([[FLOW, runtime]]), flow: () => runtime, opened: () => runtime.opened },
    journal: { begin: () => Promise.resolve({ end: () => Promise.resolve() }) },
  } as unknown as Coordination<OpenedFlowTarget>;
  const runner = new FailbackRunner(coordination, {
    plan: () => Promise.reject(new Error('no plan here')),
    failback: async () => {
      await new Promise<void>((resolve) => ends.push(resolve));
      return { alreadyDone: true, state: { uncrossed: 0n } } as FailbackResult;
    },
    isUnderWay: () => true,
    readQuarantine: () => Promise.resolve(),
  });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { runner, acts, ends, settle };
}

describe('FailbackRunner', () => {
  const request = { flow: FLOW, operator: 'me', wait: true };

  it('takes nothing up beside the one that runs, which is an act of the flow until its end', async () => {
    const { runner, acts, ends, settle } = stage();
    const called = runner.failback(request, () => {});
    await settle();
    assert.equal(acts.running, 'failback');
    runner.resume(FLOW);
    await settle();
    assert.equal(ends.length, 1);
    ends[0]?.();
    await called;
    assert.equal(acts.running, undefined);
  });
});
