import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareSegments } from '../../../coordinator/verification/compare-segments.js';
import type { OffsetRun } from '../../../mirror/offset-map-run.js';

function run(sourceStart: bigint, targetStart: bigint, records: bigint, gaps = 0n): OffsetRun {
  return { sourceStart, targetStart, records, sourceGaps: gaps, targetGaps: 0n };
}

const plain = (runs: OffsetRun[], from?: { sourceNext: bigint; targetNext: bigint }) =>
  compareSegments(runs, from).map(({ sourceFrom, sourceTo, targetFrom, targetTo, exact }) => [
    ...[sourceFrom, sourceTo, targetFrom, targetTo].map(Number),
    exact,
  ]);

describe('compareSegments', () => {
  it('covers what lies between two runs, in order only', () => {
    assert.deepEqual(plain([run(0n, 0n, 10n), run(12n, 10n, 5n)]), [
      [0, 10, 0, 10, true],
      [10, 12, 10, 10, false],
      [12, 17, 10, 15, true],
    ]);
  });

  it('compares a merged run by order', () => {
    assert.deepEqual(plain([run(0n, 0n, 10n, 4n)]), [[0, 14, 0, 10, false]]);
  });

  it('goes on in the middle of a run', () => {
    const from = { sourceNext: 15n, targetNext: 5n };
    assert.deepEqual(plain([run(0n, 0n, 3n), run(12n, 2n, 8n)], from), [[15, 20, 5, 10, true]]);
  });

  it('goes on by order where the position lies beside the run', () => {
    const from = { sourceNext: 15n, targetNext: 4n };
    assert.deepEqual(plain([run(12n, 2n, 8n)], from), [[15, 20, 4, 10, false]]);
  });

  it('has nothing to say of an empty map, or one that was verified to its end', () => {
    assert.deepEqual(plain([]), []);
    assert.deepEqual(plain([run(0n, 0n, 3n)], { sourceNext: 3n, targetNext: 3n }), []);
  });

  it('does not go back when the target lost its tail since', () => {
    assert.deepEqual(plain([run(0n, 0n, 3n)], { sourceNext: 9n, targetNext: 9n }), []);
  });
});
