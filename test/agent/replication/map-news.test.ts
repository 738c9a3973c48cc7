import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { CopierAssignment, MapNews } from '../../../agent/replication/copier-assignment.js';
import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import type { Run } from '../../../agent/replication/run-tail.js';
import { ProgressReport } from '../../../agent/session/progress-report.js';
import { ManualClock } from '../../kit/manual-clock.js';
import { quietCopier } from './quiet-copier.js';

function run(sourceStart: number, targetStart: number, length: number): Run {
  const [source, target] = [BigInt(sourceStart), BigInt(targetStart)];
  return { sourceStart: source, targetStart: target, length: BigInt(length) };
}

function granted(
  mapTail: Run[],
  news: Partial<MapNews>,
  about: Partial<CopierAssignment> = {},
): PartitionCopier {
  return quietCopier({ mapTail, mapNews: { runs: [], mapRestarted: false, ...news }, ...about });
}

function reportOf(copier: PartitionCopier): ReturnType<ProgressReport['report']> {
  const report = new ProgressReport(new ManualClock());
  return report.report({ flow: 'a->b', leaseEpoch: 1n, copier });
}

// A coordinator may die with what it heard and did not write: only its agent can bring that again.
describe('what a grant says is not durable', () => {
  const durable = run(0, 0, 50);
  const end = { sourceNext: 110n, targetNext: 60n };

  it('is reported by the new holder, until it is acknowledged', () => {
    const copier = granted([durable], { runs: [run(50, 50, 1), run(101, 51, 9)] });
    assert.deepEqual(copier.tail.end, end);

    copier.resumeAt(end);
    assert.equal(copier.state, 'running');
    assert.deepEqual(reportOf(copier).runs, [run(0, 0, 51), run(101, 51, 9)]);

    copier.acknowledgeMap({ sourceNext: 51n, targetNext: 51n });
    assert.deepEqual(reportOf(copier).runs, [run(101, 51, 9)]);
    copier.acknowledgeMap(end);
    assert.deepEqual(reportOf(copier).runs, []);
  });

  it('is waited for where it is the first position', () => {
    const start = { sourceNext: 500n, targetNext: 0n };
    const copier = granted([], { runs: [run(500, 0, 0)] });

    copier.resumeAt(start);
    assert.equal(copier.state, 'starting');
    assert.deepEqual(reportOf(copier).runs, [run(500, 0, 0)]);
    copier.acknowledgeMap(start);
    assert.equal(copier.state, 'running');
  });

  it('is not waited for where it says only that more of the source is done', () => {
    const copier = granted([durable], { runs: [run(70, 50, 0)] });

    copier.resumeAt({ sourceNext: 70n, targetNext: 50n });
    assert.equal(copier.state, 'running');
    assert.deepEqual(reportOf(copier).runs, [run(70, 50, 0)]);
  });

  for (const [what, jump, accept] of [
    ['an operator accepted it', run(70, 50, 0), 'source-lost-records'],
    ['it is ahead on the target', run(50, 55, 0), ''],
  ] as const) {
    it(`is waited for where ${what}`, () => {
      const at = { sourceNext: jump.sourceStart, targetNext: jump.targetStart };
      const copier = granted([durable], { runs: [jump] }, { accept });

      copier.resumeAt(at);
      assert.equal(copier.state, 'starting');
      copier.acknowledgeMap(at);
      assert.equal(copier.state, 'running');
    });
  }

  it('is reported with the cut that came before it', () => {
    const copier = granted([durable], { runs: [run(90, 50, 5)], truncatedTo: 50n });
    copier.resumeAt({ sourceNext: 95n, targetNext: 55n });
    assert.equal(reportOf(copier).truncatedTo, 50n);

    copier.acknowledgeMap({ sourceNext: 95n, targetNext: 55n });
    assert.equal(reportOf(copier).truncatedTo, undefined);
  });

  it('keeps to the lower of two cuts', () => {
    const copier = granted([durable], { runs: [run(90, 50, 5)], truncatedTo: 50n });
    copier.cutMap(53n);
    assert.equal(reportOf(copier).truncatedTo, 50n);
    copier.cutMap(40n);
    assert.equal(reportOf(copier).truncatedTo, 40n);
  });

  it('is reported as a copy that began anew', () => {
    const copier = granted([], { runs: [run(0, 50, 0)], mapRestarted: true });
    copier.resumeAt({ sourceNext: 0n, targetNext: 50n });
    assert.equal(reportOf(copier).mapRestarted, true);

    copier.acknowledgeMap({ sourceNext: 0n, targetNext: 50n });
    assert.equal(reportOf(copier).mapRestarted, false);
  });
});
