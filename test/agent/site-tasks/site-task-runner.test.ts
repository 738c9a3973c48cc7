import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SiteTaskExecutor } from '../../../agent/site-tasks/site-task.js';
import {
  PIECES_UNACKED_MAX,
  SITE_TASKS_MAX,
  SiteTaskRunner,
} from '../../../agent/site-tasks/site-task-runner.js';
import type { FlowRuntime } from '../../../agent/session/flow-runtimes.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import {
  CompareRanges,
  ComparedRange,
  type SiteTask,
  type SiteTaskReport,
} from '../../../proto/gen/mirror/v1/site_task.js';

const flow = {} as FlowRuntime;

function stage(execute?: SiteTaskExecutor<'compareRanges'>) {
  const sent: SiteTaskReport[] = [];
  const runner = new SiteTaskRunner({
    executors: execute === undefined ? {} : { compareRanges: execute },
    openFlow: (id) => (id === 'a->b' ? flow : undefined),
    siteOf: () => undefined,
    send: (report) => sent.push(report),
    clock: systemClock,
    log: silentLogger,
  });
  const errors = (): string[] =>
    sent.flatMap(({ report }) => (report?.$case === 'error' ? [report.value.code] : []));
  return { runner, sent, errors };
}

function asked(taskId: string, flowId = 'a->b'): SiteTask {
  const value = CompareRanges.fromPartial({ topic: 't' });
  return { taskId, flow: flowId, kind: { $case: 'compareRanges', value } };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const waits: SiteTaskExecutor<'compareRanges'> = (_task, { signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

describe('SiteTaskRunner', () => {
  it('pauses a task while its pieces are not taken', async () => {
    let reported = 0;
    const { runner, sent } = stage(async (_task, { report }) => {
      for (; reported < 20; reported += 1) await report(ComparedRange.create());
      return { difference: undefined };
    });
    runner.start(asked('1'));
    await turn();
    assert.equal(sent.length, PIECES_UNACKED_MAX);
    runner.acknowledge('1', 5);
    await turn();
    assert.equal(sent.length, PIECES_UNACKED_MAX + 5);
    runner.acknowledge('1', 12);
    await turn();
    runner.acknowledge('1', 20);
    await turn();
    assert.equal(sent.at(-1)?.report?.$case, 'result');
    assert.equal(sent.length, 21);
  });

  it('answers a kind that it does not know, or that is newer than its schema', async () => {
    const { runner, errors } = stage();
    runner.start(asked('1'));
    runner.start({ taskId: '2', flow: 'a->b', kind: undefined });
    await turn();
    assert.deepEqual(errors(), ['unsupported', 'unsupported']);
  });

  it('answers a flow whose clusters it has no servers for', async () => {
    const { runner, errors } = stage(waits);
    runner.start(asked('1', 'x->y'));
    await turn();
    assert.deepEqual(errors(), ['unreachable']);
  });

  it('refuses more tasks than it may run, and takes another when one is done', async () => {
    const { runner, errors } = stage(waits);
    for (let id = 1; id <= SITE_TASKS_MAX + 1; id += 1) runner.start(asked(String(id)));
    assert.deepEqual(errors(), ['busy']);
    runner.cancel('1');
    await turn();
    assert.deepEqual(errors(), ['busy', 'cancelled']);
    runner.start(asked('9'));
    await turn();
    assert.deepEqual(errors(), ['busy', 'cancelled']);
    await runner.close();
  });

  it('ends its tasks with the stream, and says nothing of them on the next one', async () => {
    const { runner, sent } = stage(waits);
    runner.start(asked('1'));
    runner.streamEnded();
    runner.start(asked('1')); // a later stream's, under the same id
    await turn();
    assert.deepEqual(sent, []);
    await runner.close();
  });

  it('tells what a task fails with', async () => {
    const { runner, errors } = stage(() => Promise.reject(new Error('no')));
    runner.start(asked('1'));
    await turn();
    assert.deepEqual(errors(), ['failed']);
  });
});
