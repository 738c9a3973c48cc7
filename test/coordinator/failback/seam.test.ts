import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  copyBackSeed,
  isAtSeam,
  positionAtSeam,
  rearmSeed,
  type SeamPartition,
  type Seed,
} from '../../../coordinator/failback/seam.js';
import { PartitionMap, type MapRun } from '../../../coordinator/target/partition-map.js';

/** 200 records crossed, then the fence's marker; ten never did. */
const SEAM: SeamPartition = {
  sourceTopic: 'orders',
  targetTopic: 'A.orders',
  partition: 0,
  sourceTopicId: 'a',
  targetTopicId: 'b',
  crossed: { sourceNext: 200n, targetNext: 200n },
  fenceEnd: 201n,
};

function mapOf(runs: readonly MapRun[]): PartitionMap {
  const map = new PartitionMap();
  map.apply(runs);
  return map;
}

/** Whoever is granted the copy finds the seed durable. */
function seeded(map: PartitionMap, { runs, start }: Seed): PartitionMap {
  map.adopt(runs, start);
  map.saved(map.takeUnsaved());
  return map;
}

const run = (sourceStart: bigint, targetStart: bigint, length: bigint): MapRun => {
  return { sourceStart, targetStart, length };
};

describe('the seam of a failback', () => {
  const flow = (): PartitionMap => mapOf([run(0n, 0n, 200n)]);

  it('lets the copy back begin behind the fence, and append behind what never crossed', () => {
    const seed = copyBackSeed(SEAM, 210n, flow().runs());
    assert.deepEqual(seed.start, { sourceOffset: 201n, targetOffset: 210n });
    assert.equal(seed.sequenceBase, 210n);
    assert.deepEqual([seed.topic, seed.sourceTopicId, seed.targetTopicId], ['A.orders', 'b', 'a']);
    const copy = seeded(new PartitionMap(), seed);
    assert.deepEqual(copy.tail(8).at(-1), run(201n, 210n, 0n));
    assert.deepEqual(copy.toTarget(150n), { kind: 'exact', targetOffset: 150n });
    assert.deepEqual(copy.toTarget(201n), { kind: 'exact', targetOffset: 210n });
  });

  it('is exact in both directions once the flow runs again', () => {
    const copy = seeded(new PartitionMap(), copyBackSeed(SEAM, 210n, flow().runs()));
    copy.apply([run(201n, 210n, 50n)]);
    const at = { ...SEAM, sourceNext: 261n, targetEnd: 251n };
    const again = seeded(flow(), rearmSeed(at, copy.runs()));
    const expected: [bigint, bigint][] = [
      [0n, 0n],
      [199n, 199n],
      [205n, 200n], // never crossed: the next record that did
      [210n, 201n],
      [259n, 250n],
      [261n, 251n],
    ];
    for (const [source, target] of expected)
      assert.equal(again.toTarget(source).targetOffset, target, `source ${source}`);
    assert.deepEqual(again.tail(8).at(-1), run(261n, 251n, 0n));
    again.apply([run(261n, 251n, 20n)]);
    assert.deepEqual(again.toTarget(270n), { kind: 'exact', targetOffset: 260n });
  });

  it('is the same however often it is seeded, also where nothing was written', () => {
    const seed = copyBackSeed(SEAM, 200n, flow().runs());
    const copy = seeded(seeded(new PartitionMap(), seed), seed);
    const at = { ...SEAM, sourceNext: 201n, targetEnd: 201n };
    const rearm = rearmSeed(at, copy.runs());
    const again = seeded(seeded(flow(), rearm), rearm);
    assert.deepEqual(again.end, { sourceNext: 201n, targetNext: 201n });
    assert.equal(again.toTarget(200n).targetOffset, 200n);
  });

  it('keeps both maps exact over any number of rounds', () => {
    const round = fc.record({
      mirrored: fc.integer({ min: 0, max: 20 }),
      lost: fc.integer({ min: 0, max: 5 }),
      back: fc.integer({ min: 0, max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 5 }), (rounds) => {
        const source: (string | null)[] = [];
        const target: (string | null)[] = [];
        const forth = mapOf([run(0n, 0n, 0n)]);
        const copy = new PartitionMap();
        const next = (log: readonly unknown[]): bigint => BigInt(log.length);
        const write = (log: (string | null)[], name: string, count: number): void => {
          for (let n = 0; n < count; n += 1) log.push(`${name}${n}`);
        };
        for (const [index, { mirrored, lost, back }] of rounds.entries()) {
          if (mirrored > 0) forth.apply([run(next(source), next(target), BigInt(mirrored))]);
          write(source, `m${index}.`, mirrored);
          write(target, `m${index}.`, mirrored);
          const crossed = { sourceNext: next(source), targetNext: next(target) };
          write(source, `lost${index}.`, lost);
          target.push(null); // the fence of the promotion
          const seam = { ...SEAM, crossed, fenceEnd: next(target) };
          seeded(copy, copyBackSeed(seam, next(source), forth.runs()));
          if (back > 0) copy.apply([run(next(target), next(source), BigInt(back))]);
          write(target, `b${index}.`, back);
          write(source, `b${index}.`, back);
          const sourceNext = next(source) + 1n;
          source.push(null); // the fence of the hand-over
          const at = { ...SEAM, sourceNext, targetEnd: next(target) };
          seeded(forth, rearmSeed(at, copy.runs()));
        }
        for (const [offset, value] of target.entries()) {
          if (value === null) continue;
          const there = BigInt(source.indexOf(value));
          assert.deepEqual(copy.toTarget(BigInt(offset)), { kind: 'exact', targetOffset: there });
          assert.deepEqual(forth.toTarget(there), { kind: 'exact', targetOffset: BigInt(offset) });
        }
        assert.equal(forth.end?.targetNext, next(target));
      }),
    );
  });

  it('knows a group that has read all that crossed, and nothing since', () => {
    const expected = [false, true, true, false];
    assert.deepEqual(
      [199n, 200n, 201n, 202n].map((offset) => isAtSeam(SEAM, offset)),
      expected,
    );
    assert.equal(positionAtSeam(SEAM, undefined), 200n);
    assert.equal(positionAtSeam(SEAM, 190n), 200n);
    assert.equal(positionAtSeam(SEAM, 206n), 206n);
  });
});
