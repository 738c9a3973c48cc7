import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { ProtocolViolationError } from '../../../coordinator/service/errors.js';
import type { AgentLink, CoordinatorSays } from '../../../coordinator/service/messages.js';
import {
  SiteTaskFailedError,
  SiteTaskLostError,
  SiteTaskUnsupportedError,
} from '../../../coordinator/service/site-task-errors.js';
import type { ComparedRange, SiteTask } from '../../../coordinator/service/site-task-kinds.js';
import {
  PIECES_UNACKED_MAX,
  SITE_TASKS_PER_AGENT_MAX,
  SiteTasks,
  type SiteAgent,
} from '../../../coordinator/service/site-tasks.js';

class RecordingLink implements AgentLink {
  readonly peer = 'test';
  readonly sent: CoordinatorSays[] = [];
  send(message: CoordinatorSays): void {
    this.sent.push(message);
  }
  end(): void {}
  tasks(): string[] {
    return this.sent.flatMap((says) => (says.kind === 'site-task' ? [says.taskId] : []));
  }
  acks(): number[] {
    return this.sent.flatMap((says) => (says.kind === 'site-task-ack' ? [says.pieces] : []));
  }
}

const task: SiteTask<'compareRanges'> = {
  $case: 'compareRanges',
  value: {
    ...{ topic: 't', partition: 0, targetTopic: 'a.t', sourceTopicId: 's', targetTopicId: 'u' },
    ...{ segments: [], bytesPerSecond: 1n, tailProducerId: undefined },
  },
};

const range = {} as ComparedRange;
const equal = {
  kind: 'result',
  result: { $case: 'compareRanges', value: { difference: undefined } },
} as const;

function stage() {
  const link = new RecordingLink();
  const other = new RecordingLink();
  const kinds = ['compareRanges'];
  const first: SiteAgent = { agentId: 'one', version: '1', siteTaskKinds: kinds, link };
  const second: SiteAgent = { agentId: 'two', version: '1', siteTaskKinds: kinds, link: other };
  const agents: SiteAgent[] = [first, second];
  const over = new AbortController();
  const tasks = new SiteTasks({
    agentsFor: () => agents,
    clock: systemClock,
    log: silentLogger,
    over: over.signal,
  });
  const { signal } = new AbortController();
  return { link, other, agents, over, tasks, signal };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('SiteTasks', () => {
  it('hands every piece over in order, then the result', async () => {
    const { tasks, link, signal } = stage();
    const seen: bigint[] = [];
    const onPiece = async (piece: ComparedRange): Promise<void> => {
      await turn();
      seen.push(piece.sourceFrom);
    };
    const result = tasks.run('a->b', task, { onPiece, signal });
    await turn();
    const [id = ''] = link.tasks();
    for (const sourceFrom of [1n, 2n, 3n])
      tasks.report(link, id, {
        kind: 'piece',
        piece: { $case: 'compareRanges', value: { ...range, sourceFrom } },
      });
    tasks.report(link, id, equal);
    assert.deepEqual(await result, { difference: undefined });
    assert.deepEqual(seen, [1n, 2n, 3n]);
    assert.deepEqual(link.acks(), [1, 2, 3]);
  });

  it('says that a task is lost, and may be started again, when its stream breaks', async () => {
    const { tasks, link, signal } = stage();
    const result = tasks.run('a->b', task, { signal });
    await turn();
    tasks.streamEnded(link);
    await assert.rejects(result, (error: Error) => {
      assert.ok(error instanceof SiteTaskLostError);
      return error.retriable;
    });
    tasks.report(link, '1', equal); // late, and of no interest
  });

  it('loses every task with the term', async () => {
    const { tasks, over, signal } = stage();
    const result = tasks.run('a->b', task, { signal });
    await turn();
    over.abort(new Error('elected another'));
    await assert.rejects(result, SiteTaskLostError);
  });

  it('refuses at once what the agent does not know', async () => {
    const { tasks, agents, signal } = stage();
    agents.splice(0, 2, { ...agents[0]!, siteTaskKinds: [] });
    await assert.rejects(tasks.run('a->b', task, { signal }), SiteTaskUnsupportedError);
  });

  it('tells what the agent says of a failure', async () => {
    const { tasks, link, signal } = stage();
    const result = tasks.run('a->b', task, { signal });
    await turn();
    const error = { code: 'MIRROR_X', message: 'no such topic', retriable: true };
    tasks.report(link, link.tasks()[0]!, { kind: 'error', ...error });
    await assert.rejects(result, (thrown: Error) => {
      assert.ok(thrown instanceof SiteTaskFailedError);
      assert.equal(thrown.agentCode, 'MIRROR_X');
      assert.match(thrown.message, /one: no such topic/);
      return thrown.retriable;
    });
  });

  it('cancels when its asker no longer wants it, and keeps the place until the agent stops', async () => {
    const { tasks, link, other, agents } = stage();
    agents.pop();
    const stops = Array.from({ length: SITE_TASKS_PER_AGENT_MAX }, () => new AbortController());
    const running = stops.map(({ signal }) => tasks.run('a->b', task, { signal }));
    const waiting = tasks.run('a->b', task, { signal: new AbortController().signal });
    await turn();
    assert.equal(link.tasks().length, SITE_TASKS_PER_AGENT_MAX);
    stops[0]!.abort(new Error('enough'));
    await assert.rejects(running[0]!, /enough/);
    assert.equal(link.sent.at(-1)?.kind, 'cancel-site-task');
    assert.equal(link.tasks().length, SITE_TASKS_PER_AGENT_MAX);
    tasks.report(link, link.tasks()[0]!, {
      ...{ kind: 'error', code: 'cancelled', message: 'cancelled', retriable: true },
    });
    while (link.tasks().length <= SITE_TASKS_PER_AGENT_MAX) await turn();
    tasks.report(link, link.tasks().at(-1)!, equal);
    await waiting;
    assert.deepEqual(other.sent, []);
    for (const id of link.tasks()) tasks.report(link, id, equal);
    await Promise.all(running.slice(1));
  });

  it('goes to another agent when the first has its hands full', async () => {
    const { tasks, link, other, signal } = stage();
    const count = SITE_TASKS_PER_AGENT_MAX + 1;
    const running = Array.from({ length: count }, () => tasks.run('a->b', task, { signal }));
    await turn();
    assert.equal(other.tasks().length, 1);
    for (const id of link.tasks()) tasks.report(link, id, equal);
    for (const id of other.tasks()) tasks.report(other, id, equal);
    await Promise.all(running);
  });

  it('ends the stream of an agent that sends more than it may have on the way', async () => {
    const { tasks, link } = stage();
    const stop = new AbortController();
    const onPiece = (): Promise<void> => new Promise(() => {});
    const result = tasks.run('a->b', task, { onPiece, signal: stop.signal });
    await turn();
    const [id = ''] = link.tasks();
    const piece = { kind: 'piece', piece: { $case: 'compareRanges', value: range } } as const;
    for (let count = 0; count < PIECES_UNACKED_MAX; count += 1) tasks.report(link, id, piece);
    assert.throws(() => tasks.report(link, id, piece), ProtocolViolationError);
    stop.abort(new Error('over'));
    await assert.rejects(result, /over/);
  });

  it('ends a task whose piece cannot be taken', async () => {
    const { tasks, link, signal } = stage();
    const onPiece = (): never => {
      throw new Error('the disk is full');
    };
    const result = tasks.run('a->b', task, { onPiece, signal });
    await turn();
    const piece = { kind: 'piece', piece: { $case: 'compareRanges', value: range } } as const;
    tasks.report(link, link.tasks()[0]!, piece);
    await assert.rejects(result, /disk is full/);
    assert.equal(link.sent.at(-1)?.kind, 'cancel-site-task');
  });
});
