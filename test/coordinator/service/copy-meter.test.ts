import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { CopyMeter, LOOK_AGE_UNNOTED_MS } from '../../../coordinator/service/copy-meter.js';
import type { ProgressReport } from '../../../coordinator/service/messages.js';

function report(at: { sourceNext: bigint; sourceEnd: bigint; ageMs: number }): ProgressReport {
  const { sourceNext, sourceEnd, ageMs } = at;
  return {
    lease: { item: 'f/partition/t/0', leaseEpoch: 1n },
    ...{ copier: 'running', halt: undefined, runs: [], truncatedTo: undefined },
    ...{ sourceEpoch: undefined, mapRestarted: false, sequenceBase: 0n, trouble: '' },
    ...{ sourceNext, targetNext: sourceNext, sourceEnd, sourceEndAgeMs: ageMs },
    ...{ records: 0n, bytes: 0n, lastTimestampMs: -1, standing: false },
  };
}

describe('CopyMeter', () => {
  it('takes what is said of all that stand as a look at this one', () => {
    const meter = new CopyMeter();
    const standing = { seenAtMs: 900 };
    meter.report(report({ sourceNext: 5n, sourceEnd: 5n, ageMs: 100 }), 1_000, standing);
    assert.equal(meter.sourceEndAgeMs(1_000), 100);
    standing.seenAtMs = 60_000;
    assert.equal(meter.sourceEndAgeMs(60_500), 500);

    // What came since can be no older than that look.
    meter.report(report({ sourceNext: 5n, sourceEnd: 9n, ageMs: 0 }), 62_000);
    assert.equal(meter.lagMs(62_000), 2_000);
    standing.seenAtMs = 70_000;
    assert.equal(meter.sourceEndAgeMs(70_000), 8_000, 'it does not stand any more');
  });

  // Unknown is not empty: its broker may be silent, or nobody may copy it.
  it('counts the age of the last look though all was copied then', () => {
    const meter = new CopyMeter();
    meter.report(report({ sourceNext: 5n, sourceEnd: 5n, ageMs: 0 }), 1_000);
    assert.equal(meter.lagMs(1_000 + LOOK_AGE_UNNOTED_MS), 0);
    assert.equal(meter.lagMs(91_000), 90_000);
    meter.report(report({ sourceNext: 5n, sourceEnd: 5n, ageMs: 90_000 }), 91_000);
    assert.equal(meter.lagMs(91_000), 90_000, 'the source has not been heard of since');
    assert.equal(meter.lagRecords, 0n);
    assert.equal(meter.missingMs, 0, 'at the last look nothing was missing');
    meter.report(report({ sourceNext: 5n, sourceEnd: 5n, ageMs: 10 }), 92_000);
    assert.equal(meter.lagMs(92_000), 0);
  });

  it('does not go back to an older look', () => {
    const meter = new CopyMeter();
    const standing = { seenAtMs: 500 };
    meter.report(report({ sourceNext: 5n, sourceEnd: 5n, ageMs: 0 }), 1_000, standing);
    assert.equal(meter.sourceEndAgeMs(1_000), 0);
  });

  it('stands no longer where nobody copies it', () => {
    const meter = new CopyMeter();
    const standing = { seenAtMs: 1_000 };
    meter.report(report({ sourceNext: 5n, sourceEnd: 5n, ageMs: 0 }), 1_000, standing);
    meter.idle();
    standing.seenAtMs = 9_000;
    assert.equal(meter.sourceEndAgeMs(9_000), 8_000);
  });
});
