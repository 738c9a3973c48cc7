import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HOLES_MAX } from '../../../agent/replication/limits.js';
import {
  lengthOf,
  OwnRecords,
  sequenceOn,
  type OwnEnd,
  type TargetSegment,
} from '../../../agent/replication/own-records.js';
import { CONTROL_FLAG } from '../../../kafka/records/batch-header.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import { Seeded, seedFor } from '../../kit/seeded-random.js';

const OURS = 9n;
const THEIRS = 4n;
const LOGS = Number(process.env['SIMULATIONS'] ?? 2_000);
const BATCHES = 30;

/** As many records, by this flow unless told. */
interface Batch {
  at: bigint;
  count: number;
  writer?: 'ours' | 'theirs' | 'fence';
  sequence?: number;
  epoch?: number;
}

function bytesOf({ at, count, writer = 'ours', sequence = -1, epoch = 0 }: Batch): Buffer {
  const one = { key: null, value: Buffer.from('v'), timestamp: 1n };
  return buildBatch({
    records: Array.from({ length: count }, () => one),
    baseOffset: at,
    ...(writer === 'theirs' ? { producerId: THEIRS } : { producerId: OURS, producerEpoch: epoch }),
    baseSequence: sequence,
    flags: writer === 'fence' ? CONTROL_FLAG : 0,
  });
}

interface Look {
  known?: bigint;
  sequence?: number;
  to: bigint;
  lastSequence: number | undefined;
}

interface Found {
  end: OwnEnd;
  own: OwnRecords;
  segments: [bigint, bigint][];
}

function look(batches: readonly Batch[], { known = 10n, sequence = 10, ...at }: Look): Found {
  const assignment = { producerId: OURS, producerEpoch: 0 };
  const own = new OwnRecords({ assignment, known, sequence });
  for (const batch of batches) own.add(bytesOf(batch));
  const end = own.end(at.to, at.lastSequence);
  return {
    end,
    own,
    segments: own.segments.map(({ targetStart, length }) => [targetStart, length]),
  };
}

describe('the records of a flow among those of others', () => {
  it('lie where the batches of its producer are', () => {
    const { end, own, segments } = look(
      [
        { at: 8n, count: 2, sequence: 8 },
        { at: 10n, count: 1, writer: 'theirs' },
        { at: 11n, count: 3, sequence: 10 },
        { at: 14n, count: 2, sequence: 13 },
        { at: 16n, count: 4, writer: 'theirs' },
        { at: 20n, count: 1, sequence: 15 },
      ],
      { to: 21n, lastSequence: 15 },
    );
    assert.deepEqual(end, { kind: 'whole' });
    assert.deepEqual(segments, [
      [11n, 5n],
      [20n, 1n],
    ]);
    assert.deepEqual(own.foreign, { offset: 10n, producerId: THEIRS });
    assert.equal(own.nextSequence, 16);
  });

  it('need no look at what follows the last one that the broker knows', () => {
    const { end, own, segments } = look([{ at: 10n, count: 5, sequence: 10 }], {
      ...{ to: 1_000n, lastSequence: 14 },
    });
    assert.deepEqual(end, { kind: 'whole' });
    assert.deepEqual(segments, [[10n, 5n]]);
    assert.equal(own.nextSequence, 15);
  });

  it('are counted by their numbers where batches were removed', () => {
    const { end, own, segments } = look(
      [
        { at: 14n, count: 1, writer: 'theirs' },
        { at: 20n, count: 2, sequence: 17 },
      ],
      { to: 30n, lastSequence: 21 },
    );
    // Seven of nine removed offsets before the batch, and three of eight behind it.
    assert.deepEqual(end, { kind: 'whole' });
    assert.deepEqual(segments, [
      [10n, 4n],
      [15n, 3n],
      [20n, 5n],
    ]);
    assert.equal(own.foreign?.offset, 14n);
  });

  it('are all that was removed where the numbers leave no room for others', () => {
    const batches = [{ at: 20n, count: 2, sequence: 20 }];
    const { own, segments } = look(batches, { to: 22n, lastSequence: 21 });
    assert.equal(own.foreign, undefined);
    assert.deepEqual(segments, [[10n, 12n]]);
  });

  it('show what is gone and was not of this flow', () => {
    const batches = [{ at: 20n, count: 2, sequence: 15 }];
    const { own } = look(batches, { to: 22n, lastSequence: 16 });
    assert.deepEqual(own.foreign, { offset: 15n, producerId: undefined });
  });

  it('begin at number 0 behind a fence', () => {
    const { end, segments } = look(
      [
        { at: 10n, count: 2, sequence: 10 },
        { at: 12n, count: 1, writer: 'fence', epoch: 1 },
        { at: 13n, count: 2, sequence: 0, epoch: 1 },
      ],
      { to: 15n, lastSequence: 1 },
    );
    assert.deepEqual(end, { kind: 'whole' });
    assert.deepEqual(segments, [
      [10n, 2n],
      [13n, 2n],
    ]);
  });

  it('are not known where neither a batch nor the broker tells: that has a bound', () => {
    const { end, segments } = look([{ at: 10n, count: 2, sequence: 10 }], {
      ...{ to: 20n, lastSequence: undefined },
    });
    assert.deepEqual(end, { kind: 'unknown', offsets: 8n });
    assert.deepEqual(segments, [[10n, 2n]]);
  });

  it('are fewer than the map knows where the target lost some before others wrote', () => {
    const batches = [{ at: 8n, count: 5, writer: 'theirs' as const }];
    const { end, own, segments } = look(batches, { to: 13n, lastSequence: 7 });
    assert.deepEqual(end, { kind: 'lost', records: 2n });
    assert.deepEqual(segments, []);
    assert.equal(own.nextSequence, 8);
  });

  it('are not all there yet while the broker knows more than can be read', () => {
    const batches = [{ at: 10n, count: 2, sequence: 10 }];
    assert.deepEqual(look(batches, { to: 12n, lastSequence: 14 }).end, { kind: 'unsettled' });
  });

  it('are fewer than were read only if the log changed meanwhile', () => {
    const batches = [{ at: 10n, count: 2, sequence: 10 }];
    assert.deepEqual(look(batches, { to: 12n, lastSequence: 9 }).end, { kind: 'unsettled' });
  });

  it('keep to a bound of what is kept of removed stretches', () => {
    const count = 2 * HOLES_MAX;
    const batches = Array.from({ length: count }, (_, index): Batch => {
      return { at: 11n + 2n * BigInt(index), count: 1, writer: 'theirs' };
    });
    const at = 10n + 2n * BigInt(count);
    const { end, segments } = look([...batches, { at, count: 1, sequence: 13 }], {
      ...{ to: at + 1n, lastSequence: 13 },
    });
    assert.deepEqual(end, { kind: 'whole' });
    assert.deepEqual(segments.slice(0, 3), [
      [10n, 1n],
      [12n, 1n],
      [14n, 1n],
    ]);
    assert.deepEqual(segments.slice(3), [[at, 1n]]);
  });
});

/** A log as a broker would have it, with what was removed since; numbers wrap around in most. */
class RandomLog {
  readonly batches: Batch[] = [];
  readonly kept: Batch[];
  readonly known: bigint;
  readonly sequence: number;
  end: bigint;
  nextSequence: number;

  constructor(random: Seeded) {
    this.known = BigInt(random.below(100));
    this.sequence = random.chance(0.7) ? 2 ** 31 - 1 - random.below(40) : random.below(1_000);
    this.end = this.known;
    this.nextSequence = this.sequence;
    for (let n = random.below(BATCHES); n >= 0; n -= 1) {
      const count = random.below(4) + 1;
      const writer = random.chance(0.5) ? 'ours' : 'theirs';
      this.batches.push({ at: this.end, count, writer, sequence: this.nextSequence });
      this.end += BigInt(count);
      if (writer === 'ours') this.nextSequence = sequenceOn(this.nextSequence, BigInt(count));
    }
    const expired = this.known + BigInt(random.chance(0.5) ? random.below(Number(this.end)) : 0);
    const cleaned = random.next();
    this.kept = this.batches.filter(({ at }) => at >= expired && !random.chance(cleaned));
  }

  count(writer: 'ours' | 'theirs', batches = this.batches): bigint {
    return BigInt(
      batches.filter((batch) => batch.writer === writer).reduce((n, b) => n + b.count, 0),
    );
  }
}

function covers(segments: readonly TargetSegment[], offset: bigint): boolean {
  return segments.some(
    ({ targetStart: start, length }) => offset >= start && offset < start + length,
  );
}

describe('the records of a flow in any log', () => {
  it('are as many as it wrote, and those left are where they are', () => {
    const random = new Seeded(seedFor('own records'));
    for (let n = 0; n < LOGS; n += 1) {
      const log = new RandomLog(random);
      const { known, sequence } = log;
      const lastSequence = sequenceOn(log.nextSequence, -1n);
      const { end, own } = look(log.kept, { known, sequence, to: log.end, lastSequence });
      assert.deepEqual(end, { kind: 'whole' });
      assert.equal(lengthOf(own.segments), log.count('ours'));
      assert.equal(own.nextSequence, log.nextSequence);
      if (log.count('theirs') === 0n) assert.equal(own.foreign, undefined);
      for (const { at, writer } of log.kept)
        assert.equal(covers(own.segments, at), writer === 'ours', `offset ${at}`);
    }
  });

  it('are never taken for more where the broker forgot them, and what is missing is bounded', () => {
    const random = new Seeded(seedFor('own records forgotten'));
    for (let n = 0; n < LOGS; n += 1) {
      const log = new RandomLog(random);
      const { known, sequence } = log;
      const { end, own } = look(log.kept, {
        known,
        sequence,
        to: log.end,
        lastSequence: undefined,
      });
      const missing = log.count('ours') - lengthOf(own.segments);
      const bound = end.kind === 'unknown' ? end.offsets : 0n;
      assert.ok(missing >= 0n && missing <= bound, `${missing} of ${bound}`);
    }
  });
});
