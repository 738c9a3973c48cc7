import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { chooseSyncs, type SyncPair } from '../../../agent/replication/choose-syncs.js';
import { SYNCS_PER_LOOK_MAX } from '../../../agent/replication/limits.js';
import type { Run } from '../../../agent/replication/run-tail.js';

const NOT_DUE = { lagMax: 100, due: false };
const DUE = { lagMax: 100, due: true };

function run(sourceStart: number, targetStart: number, length: number): Run {
  return {
    sourceStart: BigInt(sourceStart),
    targetStart: BigInt(targetStart),
    length: BigInt(length),
  };
}

function pair(upstream: number, downstream: number): SyncPair {
  return { upstreamOffset: BigInt(upstream), downstreamOffset: BigInt(downstream) };
}

describe('chooseSyncs', () => {
  it('has none for a start without records', () => {
    assert.deepEqual(chooseSyncs([run(500, 0, 0)], undefined, DUE), []);
  });

  it('begins with the newest record', () => {
    assert.deepEqual(chooseSyncs([run(10, 0, 5)], undefined, NOT_DUE), [pair(14, 4)]);
  });

  it('waits until offset.lag.max records have passed, or the newest is due', () => {
    const runs = [run(10, 0, 100)];
    assert.deepEqual(chooseSyncs(runs, pair(14, 4), NOT_DUE), []);
    assert.deepEqual(chooseSyncs(runs, pair(14, 4), DUE), [pair(109, 99)]);
    const longer = [run(10, 0, 106)];
    assert.deepEqual(chooseSyncs(longer, pair(14, 4), NOT_DUE), [pair(115, 105)]);
  });

  it('has the first record behind a gap at once', () => {
    const runs = [run(10, 0, 5), run(20, 5, 3)];
    assert.deepEqual(chooseSyncs(runs, pair(14, 4), NOT_DUE), [pair(20, 5)]);
    assert.deepEqual(chooseSyncs(runs, pair(14, 4), DUE), [pair(20, 5), pair(22, 7)]);
  });

  it('says nothing twice', () => {
    assert.deepEqual(chooseSyncs([run(10, 0, 5)], pair(14, 4), DUE), []);
  });

  it('says at once that the copy went back', () => {
    assert.deepEqual(chooseSyncs([run(10, 0, 3)], pair(14, 4), NOT_DUE), [pair(12, 2)]);
  });

  it('is bounded, ends with the newest, and never leaves the runs', () => {
    const runs = Array.from({ length: 64 }, (_, index) => run(index * 200, index * 100, 100));
    const chosen = chooseSyncs(runs, pair(0, 0), DUE);
    assert.ok(chosen.length <= SYNCS_PER_LOOK_MAX, String(chosen.length));
    assert.deepEqual(chosen.at(-1), pair(63 * 200 + 99, 6_399));
    for (const { upstreamOffset, downstreamOffset } of chosen) {
      const index = downstreamOffset / 100n;
      assert.equal(upstreamOffset, index * 200n + (downstreamOffset % 100n));
    }
    const one = chooseSyncs([run(5, 5, 1_000_000)], pair(9, 9), NOT_DUE);
    assert.ok(one.length > 1 && one.length <= SYNCS_PER_LOOK_MAX, String(one.length));
  });
});
