import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { goBehind, sequenceBaseAt } from '../../../agent/replication/behind-others.js';
import { OwnRecords, segmentsFrom } from '../../../agent/replication/own-records.js';
import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import { RunTail } from '../../../agent/replication/run-tail.js';
import type { TargetStretch } from '../../../agent/replication/target-scan.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';

const OURS = 9n;
const THEIRS = 4n;
const LAST_SEQUENCE = 20;
const END = 31n;

/** At offset, as many; retention has removed those without a sequence, of which one was ours. */
const LOG: { at: bigint; count: number; sequence?: number; isTheirs?: boolean }[] = [
  { at: 10n, count: 5, sequence: 10 },
  { at: 15n, count: 3, isTheirs: true },
  { at: 18n, count: 2, sequence: 15 },
  { at: 25n, count: 3, sequence: 18 },
  { at: 28n, count: 3, isTheirs: true },
];

function scan(known: bigint, sequence: number): TargetStretch {
  const assignment = { producerId: OURS, producerEpoch: 0 };
  const own = new OwnRecords({ assignment, known, sequence });
  const one = { key: null, value: Buffer.from('v'), timestamp: 1n };
  for (const { at, count, sequence: baseSequence = -1, isTheirs } of LOG) {
    if (at + BigInt(count) <= known) continue;
    const records = Array.from({ length: count }, () => one);
    const producerId = isTheirs === true ? THEIRS : OURS;
    own.add(buildBatch({ records, baseOffset: at, producerId, producerEpoch: 0, baseSequence }));
  }
  assert.deepEqual(own.end(END, LAST_SEQUENCE), { kind: 'whole' });
  const { segments, foreign, nextSequence } = own;
  return { segments, foreign, to: END, nextSequence, unknown: 0n, lost: 0n };
}

describe('sequenceBaseAt', () => {
  const stretch = scan(10n, 10);

  it('is right behind each record that went into the map, so that a later look goes on there', () => {
    let sequence = 10;
    for (const { targetStart, length } of stretch.segments)
      for (let known = targetStart + 1n; known <= targetStart + length; known += 1n) {
        sequence += 1;
        assert.equal(known - sequenceBaseAt(stretch, known), BigInt(sequence), `at ${known}`);
        const later = scan(known, sequence);
        assert.deepEqual(later.segments, segmentsFrom(stretch.segments, known));
        assert.equal(later.nextSequence, LAST_SEQUENCE + 1);
      }
    assert.equal(sequence, LAST_SEQUENCE + 1);
  });

  it('comes to that with which the copy goes on behind everything', () => {
    const tail = new RunTail([{ sourceStart: 0n, targetStart: 10n, length: 11n }]);
    const copier = { tail, sequenceBase: 0n } as unknown as PartitionCopier;
    const position = goBehind({ copier, stretch, sourceNext: 11n });
    assert.deepEqual(position, { sourceNext: 11n, targetNext: END });
    assert.equal(copier.sequenceBase, sequenceBaseAt(stretch, END));
    assert.equal(END - copier.sequenceBase, BigInt(LAST_SEQUENCE + 1));
  });
});
