import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../../../common/clock.js';
import type { CompareRangesTask } from '../../../coordinator/service/site-task-kinds.js';
import { SiteTaskFailedError } from '../../../coordinator/service/site-task-errors.js';
import type { SiteTasks } from '../../../coordinator/service/site-tasks.js';
import {
  Verification,
  type VerifiablePartition,
} from '../../../coordinator/verification/verification.js';
import {
  VerificationStore,
  type VerificationDocuments,
} from '../../../coordinator/verification/verification-store.js';

const clock: Clock = { nowMs: () => 0, wallMs: () => 0, sleep: () => Promise.resolve() };

function memoryDocuments(): VerificationDocuments {
  const kept = new Map<string, string>();
  const documentOf = (key: string, value: string) => ({ key, value, revision: 1n });
  return {
    get: (key: string) =>
      Promise.resolve(kept.has(key) ? documentOf(key, kept.get(key)!) : undefined),
    list: (prefix: string) =>
      Promise.resolve(
        [...kept].filter(([key]) => key.startsWith(prefix)).map((each) => documentOf(...each)),
      ),
    put: (key: string, value: string) => Promise.resolve(void kept.set(key, value)),
    delete: (key: string) => Promise.resolve(void kept.delete(key)),
  } as unknown as VerificationDocuments;
}

const partitionOf = (partition: number, targetTopicId = 'there'): VerifiablePartition => ({
  ...{ topic: 'orders', targetTopic: 'a.orders', partition, sourceTopicId: 'here', targetTopicId },
  runs: [{ sourceStart: 0n, targetStart: 0n, records: 10n, sourceGaps: 0n, targetGaps: 0n }],
  end: { sourceNext: 10n, targetNext: 10n },
});

const failed = new SiteTaskFailedError('agent-1', {
  ...{ code: 'MIRROR_FETCH_RETRY', message: 'orders-1: no leader', retriable: true },
});

/** An agent that compares everything but some partitions; counts what it was asked. */
function agentThatCannot(broken: readonly number[]) {
  const asked: number[] = [];
  const run: SiteTasks['run'] = async (_flow, task, { onPiece } = {} as never) => {
    if (task.$case !== 'compareRanges') throw new Error('another task');
    const { partition, segments } = task.value as CompareRangesTask;
    asked.push(partition);
    if (broken.includes(partition)) throw failed;
    const counts = { deletedOnSource: 0n, deletedOnTarget: 0n, compacted: 0n, bytes: 0n };
    for (const segment of segments) {
      const equalRecords = segment.sourceTo - segment.sourceFrom;
      await onPiece?.({ ...segment, ...counts, equalRecords } as never);
    }
    return { difference: undefined } as never;
  };
  return { siteTasks: { run } as unknown as SiteTasks, asked };
}

function verify(
  partitions: readonly VerifiablePartition[],
  siteTasks: SiteTasks,
  store = new VerificationStore(memoryDocuments(), 'a->b'),
) {
  const listener = { onRange: () => {}, onProgress: () => {} };
  const verification = new Verification({
    ...{ flow: 'a->b', partitions, store, siteTasks, clock, listener },
    ...{ bytesPerSecond: 1n, producerId: 7n, isPromoted: () => false },
  });
  return { verification, run: verification.run(new AbortController().signal) };
}

describe('Verification', () => {
  it('goes on behind a partition that cannot be compared, and names it', async () => {
    const { siteTasks, asked } = agentThatCannot([1]);
    const { verification, run } = verify(
      [0, 1, 2].map((each) => partitionOf(each)),
      siteTasks,
    );
    const verified = await run;
    assert.deepEqual(
      verified.map(({ equalRecords, sourceNext }) => [equalRecords, sourceNext]),
      [
        [10n, 10n],
        [0n, 0n],
        [10n, 10n],
      ],
    );
    const [first, ...others] = verification.givenUp;
    assert.deepEqual([first?.partition, others], [1, []]);
    assert.match(first?.reason ?? '', /agent agent-1: orders-1: no leader/);
    assert.ok(asked.filter((each) => each === 1).length > 1);
  });

  it('ends where one partition after the other cannot be compared', async () => {
    const { siteTasks } = agentThatCannot([0, 1, 2, 3]);
    const { run } = verify(
      [0, 1, 2, 3].map((each) => partitionOf(each)),
      siteTasks,
    );
    await assert.rejects(run, { code: 'MIRROR_SITE_TASK_FAILED' });
  });

  it('takes a topic that was made anew for not verified', async () => {
    const documents = memoryDocuments();
    const store = new VerificationStore(documents, 'a->b');
    await store.saveHead({ topics: [], startedAtMs: 1, finishedAtMs: 2 });
    const { siteTasks } = agentThatCannot([]);
    await verify([partitionOf(0)], siteTasks, store).run;
    for (const [targetTopicId, compared] of [
      ['there', 0n],
      ['another', 10n],
    ] as const) {
      const later = new VerificationStore(documents, 'a->b');
      assert.ok((await later.load()) !== undefined);
      const before = later.find(partitionOf(0, targetTopicId))?.equalRecords ?? 0n;
      const { run } = verify([partitionOf(0, targetTopicId)], siteTasks, later);
      const [found] = await run;
      assert.equal(found!.equalRecords - before, compared);
    }
  });
});
