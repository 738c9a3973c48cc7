import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HISTORY_RUNS_MAX } from '../../../agent/takeover/limits.js';
import { historyRuns } from '../../../agent/takeover/sync-history.js';

const pair = (upstream: number, downstream: number) => {
  return { upstreamOffset: BigInt(upstream), downstreamOffset: BigInt(downstream) };
};

function history(pairs: [number, number][], before: [number, number]): [number, number][] {
  const runs = historyRuns(
    pairs.map(([upstream, downstream]) => pair(upstream, downstream)),
    pair(...before),
  );
  return runs.map(({ sourceStart, targetStart }) => [Number(sourceStart), Number(targetStart)]);
}

describe('historyRuns', () => {
  it('takes what lies before the records that were compared', () => {
    assert.deepEqual(history([[5, 5], [50, 50], [99, 99]], [60, 60]), [[5, 5], [50, 50]]); // prettier-ignore
  });

  it('drops what a repeat made void', () => {
    assert.deepEqual(history([[5, 5], [80, 80], [50, 100], [90, 140]], [200, 250]), [[5, 5], [50, 100], [90, 140]]); // prettier-ignore
  });

  it('leaves out a repeat that did not come as far as an earlier start', () => {
    // The copy goes on behind the first start: what the second says lies after it on the target.
    assert.deepEqual(
      history(
        [
          [5, 5],
          [50, 100],
        ],
        [60, 60],
      ),
      [[5, 5]],
    );
  });

  it('is bounded, and keeps the newest', () => {
    const many = Array.from({ length: 10_000 }, (_, n): [number, number] => [n, n]);
    const kept = history(many, [20_000, 20_000]);
    assert.ok(kept.length <= HISTORY_RUNS_MAX);
    assert.deepEqual(kept.at(-1), [9_999, 9_999]);
  });

  it('does not take negative offsets', () => {
    assert.deepEqual(history([[-1, -1]], [5, 5]), []);
  });
});
