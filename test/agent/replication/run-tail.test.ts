import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { RunTail, type Run } from '../../../agent/replication/run-tail.js';
import { seedFor } from '../../kit/seeded-random.js';

const run = (sourceStart: bigint, targetStart: bigint, length: bigint): Run => ({
  sourceStart,
  targetStart,
  length,
});

describe('RunTail', () => {
  it('joins runs that continue each other, and keeps apart those with a gap in the source', () => {
    const tail = new RunTail([]);
    tail.start({ sourceNext: 10n, targetNext: 0n });
    tail.extend(run(10n, 0n, 5n));
    tail.extend(run(15n, 5n, 5n));
    tail.extend(run(30n, 10n, 1n));
    assert.deepEqual(tail.unacknowledged(), [run(10n, 0n, 10n), run(30n, 10n, 1n)]);
    assert.deepEqual(tail.end, { sourceNext: 31n, targetNext: 11n });
  });

  it('refuses a run that goes backwards', () => {
    const tail = new RunTail([run(0n, 0n, 10n)]);
    assert.throws(() => tail.extend(run(5n, 9n, 1n)), /backwards/);
  });

  it('reports its start until exactly that start is durable', () => {
    const tail = new RunTail([]);
    tail.start({ sourceNext: 7n, targetNext: 0n });
    assert.equal(tail.startIsDurable, false);
    assert.deepEqual(tail.unacknowledged(), [run(7n, 0n, 0n)]);
    tail.acknowledge({ sourceNext: 3n, targetNext: 0n }); // somebody else's start
    assert.equal(tail.startIsDurable, false);
    tail.acknowledge({ sourceNext: 7n, targetNext: 0n });
    assert.equal(tail.startIsDurable, true);
    assert.deepEqual(tail.unacknowledged(), []);
  });

  it('reports again what was durable and is copied anew after the target lost its tail', () => {
    const tail = new RunTail([run(0n, 0n, 100n)]);
    tail.truncateTo(60n);
    assert.deepEqual(tail.unacknowledged(), []);
    tail.extend(run(60n, 60n, 10n));
    assert.deepEqual(tail.unacknowledged(), [run(0n, 0n, 70n)]);
  });

  it('tells that what follows the last record is done, until that is durable', () => {
    const tail = new RunTail([run(0n, 0n, 10n)]);
    tail.rest({ sourceNext: 12n, targetNext: 10n });
    assert.deepEqual(tail.end, { sourceNext: 12n, targetNext: 10n });
    assert.deepEqual(tail.unacknowledged(), [run(12n, 10n, 0n)]);
    assert.deepEqual(tail.floor(10n), { sourceNext: 12n, targetNext: 10n, inRun: false });
    tail.acknowledge({ sourceNext: 10n, targetNext: 10n });
    assert.deepEqual(tail.unacknowledged(), [run(12n, 10n, 0n)]);
    tail.acknowledge({ sourceNext: 12n, targetNext: 10n });
    assert.deepEqual(tail.unacknowledged(), []);
    tail.rest({ sourceNext: 15n, targetNext: 10n });
    assert.deepEqual(tail.runs, [run(0n, 0n, 10n), run(15n, 10n, 0n)]);
    tail.extend(run(16n, 10n, 2n));
    assert.deepEqual(tail.runs, [run(0n, 0n, 10n), run(16n, 10n, 2n)]);
  });

  it('forgets that the source was done up to somewhere when the records before it are lost', () => {
    const tail = new RunTail([run(0n, 0n, 10n)]);
    tail.rest({ sourceNext: 12n, targetNext: 10n });
    tail.truncateTo(7n);
    assert.deepEqual(tail.end, { sourceNext: 7n, targetNext: 7n });
    tail.extend(run(7n, 7n, 3n));
    assert.deepEqual(tail.runs, [run(0n, 0n, 10n)]);
  });

  it('knows nothing before its oldest run', () => {
    assert.equal(new RunTail([run(50n, 50n, 10n)]).floor(49n), undefined);
  });

  for (const [targetOffset, expected] of [
    [0n, { sourceNext: 10n, targetNext: 0n, inRun: false }],
    [3n, { sourceNext: 13n, targetNext: 3n, inRun: true }],
    [5n, { sourceNext: 20n, targetNext: 5n, inRun: false }],
    [7n, { sourceNext: 22n, targetNext: 7n, inRun: true }],
    [99n, { sourceNext: 25n, targetNext: 10n, inRun: true }],
  ] as const) {
    it(`finds the nearest exactly known position at or before target offset ${targetOffset}`, () => {
      const tail = new RunTail([run(10n, 0n, 5n), run(20n, 5n, 5n)]);
      assert.deepEqual(tail.floor(targetOffset), expected);
    });
  }

  it('agrees with a list of every pair of offsets, whatever is done to it', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('extend' as const),
        gap: fc.nat(3),
        length: fc.integer({ min: 1, max: 9 }),
      }),
      fc.record({ kind: fc.constant('truncate' as const), back: fc.nat(12) }),
      fc.record({ kind: fc.constant('acknowledge' as const) }),
    );
    const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const tail = new RunTail([run(100n, 0n, 0n)]);
      let pairs: bigint[] = []; // source offset by target offset
      let sourceNext = 100n;
      for (const each of steps) {
        if (each.kind === 'acknowledge') tail.acknowledge(tail.end!);
        else if (each.kind === 'extend') {
          const sourceStart = sourceNext + BigInt(each.gap);
          tail.extend(run(sourceStart, BigInt(pairs.length), BigInt(each.length)));
          for (let index = 0; index < each.length; index += 1) {
            pairs.push(sourceStart + BigInt(index));
          }
          sourceNext = sourceStart + BigInt(each.length);
        } else {
          pairs = pairs.slice(0, Math.max(0, pairs.length - each.back));
          tail.truncateTo(BigInt(pairs.length));
          sourceNext = pairs.length === 0 ? 100n : pairs.at(-1)! + 1n;
        }
      }
      for (let target = 1; target <= pairs.length; target += 1) {
        const floor = tail.floor(BigInt(target));
        if (floor === undefined || floor.targetNext !== BigInt(target)) continue;
        // In a run the record before it is known; at its start, only that the next one follows.
        if (floor.inRun) assert.equal(floor.sourceNext, pairs[target - 1]! + 1n);
      }
      for (const { sourceStart, targetStart, length } of tail.unacknowledged()) {
        for (let index = 0n; index < length; index += 1n) {
          assert.equal(pairs[Number(targetStart + index)], sourceStart + index);
        }
      }
    });
    fc.assert(property, { seed: seedFor('RunTail'), numRuns: 500 });
  });
});
