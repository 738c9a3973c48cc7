import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SegmentScale } from '../../../agent/replication/segment-scale.js';

describe('SegmentScale', () => {
  const scale = new SegmentScale([
    { targetStart: 10n, length: 3n },
    { targetStart: 14n, length: 2n },
    { targetStart: 17n, length: 4n },
  ]);

  it('counts records, and nothing that lies between them', () => {
    const offsets = [10n, 11n, 12n, 14n, 15n, 17n, 18n, 19n, 20n];
    assert.equal(scale.length, 9n);
    assert.deepEqual(
      offsets.map((offset) => scale.indexOf(offset)),
      offsets.map((_, index) => BigInt(index)),
    );
    assert.deepEqual(
      offsets.map((_, index) => scale.offsetOf(BigInt(index))),
      offsets,
    );
  });

  it('has no index for markers, for what others wrote, and outside', () => {
    for (const offset of [9n, 13n, 16n, 21n, 100n]) assert.equal(scale.indexOf(offset), undefined);
  });

  it('splits a run where a marker lies', () => {
    const runs = [
      { sourceStart: 100n, targetStart: 1n, length: 5n },
      { sourceStart: 200n, targetStart: 7n, length: 2n },
    ];
    assert.deepEqual(
      [...scale.runs(runs)],
      [
        { sourceStart: 100n, targetStart: 11n, length: 2n },
        { sourceStart: 102n, targetStart: 14n, length: 2n },
        { sourceStart: 104n, targetStart: 17n, length: 1n },
        { sourceStart: 200n, targetStart: 19n, length: 2n },
      ],
    );
  });
});
