import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAP_RUNS_MAX } from '../../../coordinator/target/limits.js';
import {
  PartitionMap,
  type MapNews,
  type MapRun,
} from '../../../coordinator/target/partition-map.js';
import { OffsetMapConflictError } from '../../../mirror/offset-map-errors.js';
import { ModelMapTopic } from './model-map-topic.js';

function run(sourceStart: number, targetStart: number, length: number): MapRun {
  return {
    sourceStart: BigInt(sourceStart),
    targetStart: BigInt(targetStart),
    length: BigInt(length),
  };
}

function news(runs: MapRun[]): MapNews {
  return { runs, truncatedTo: undefined, mapRestarted: false };
}

/** Durable or not. */
function known(map: PartitionMap): MapRun[] {
  return [...map.tail(64), ...(map.news(64)?.runs ?? [])];
}

function mapOf(...runs: MapRun[]): PartitionMap {
  const map = new PartitionMap();
  map.apply(runs);
  return map;
}

describe('PartitionMap', () => {
  it('translates nothing before anything is reported', () => {
    const map = new PartitionMap();

    assert.equal(map.end, undefined);
    assert.equal(map.toTarget(5n).kind, 'unknown');
    assert.deepEqual(known(map), []);
  });

  it('translates from a starting point alone', () => {
    const map = mapOf(run(500, 0, 0));

    assert.deepEqual(map.end, { sourceNext: 500n, targetNext: 0n });
    assert.deepEqual(map.toTarget(500n), { kind: 'exact', targetOffset: 0n });
    assert.deepEqual(map.toTarget(499n), { kind: 'before', targetOffset: 0n });
    assert.deepEqual(map.toTarget(501n), { kind: 'beyond', targetOffset: 0n });
    assert.deepEqual(known(map), [run(500, 0, 0)]);
  });

  it('forgets the starting point once records have passed it', () => {
    const map = mapOf(run(500, 0, 0), run(505, 0, 10));

    assert.deepEqual(map.end, { sourceNext: 515n, targetNext: 10n });
    assert.deepEqual(known(map), [run(505, 0, 10)]);
    assert.deepEqual(map.toTarget(500n), { kind: 'before', targetOffset: 0n });
  });

  it('translates between the records and a starting point ahead of them', () => {
    const map = mapOf(run(0, 0, 10), run(30, 10, 0));

    assert.deepEqual(map.toTarget(10n), { kind: 'gap', targetOffset: 10n });
    assert.deepEqual(map.toTarget(20n), { kind: 'gap', targetOffset: 10n });
    assert.deepEqual(map.toTarget(30n), { kind: 'exact', targetOffset: 10n });
    assert.deepEqual(map.toTarget(9n), { kind: 'exact', targetOffset: 9n });
  });

  it('points to the start of what is missing on both sides', () => {
    const map = mapOf(run(0, 0, 10), run(30, 15, 0));

    assert.deepEqual(map.toTarget(20n), { kind: 'floor', targetOffset: 10n });
  });

  it('takes repeats of everything it knows', () => {
    const reports = [run(500, 0, 0), run(505, 0, 10), run(520, 10, 5)];
    const map = mapOf(...reports);
    const before = known(map);

    map.apply(reports);

    assert.deepEqual(known(map), before);
  });

  it('takes repeats of what lies before a starting point', () => {
    const map = mapOf(run(0, 0, 10), run(30, 10, 0));

    map.apply([run(0, 0, 10)]);
    map.apply([run(5, 5, 5)]);

    assert.deepEqual(map.end, { sourceNext: 30n, targetNext: 10n });
  });

  it('takes repeats of merged records that lie before a starting point', () => {
    const map = new PartitionMap();
    const reports: MapRun[] = [];
    for (let index = 0; index <= MAP_RUNS_MAX; index += 1)
      reports.push(run(index * 3, index * 2, 2));
    const end = run(MAP_RUNS_MAX * 3 + 5, MAP_RUNS_MAX * 2 + 2, 0);
    map.apply([...reports, end]);

    map.apply([...reports, end]);

    assert.equal(map.end?.sourceNext, end.sourceStart);
  });

  it('goes back to where the source was cut, though more of it was done', () => {
    for (const targetNext of [10, 12]) {
      const map = mapOf(run(0, 0, 10), run(14, 10, 0));
      for (let repeat = 0; repeat < 2; repeat += 1) {
        map.apply([run(10, targetNext, 0)], 10n);
        assert.deepEqual(map.end, { sourceNext: 10n, targetNext: BigInt(targetNext) });
      }
      map.apply([run(10, targetNext, 5)]);
      assert.deepEqual(map.end, { sourceNext: 15n, targetNext: BigInt(targetNext + 5) });
    }
  });

  for (const [what, claim] of [
    ['records at other offsets', run(0, 1, 10)],
    ['records behind the starting point that are new', run(10, 10, 5)],
    ['a starting point that contradicts the records', run(5, 6, 0)],
  ] as const) {
    it(`refuses ${what}`, () => {
      const map = mapOf(run(0, 0, 10), run(30, 10, 0));

      assert.throws(() => map.apply([claim]), OffsetMapConflictError);
      assert.deepEqual(map.end, { sourceNext: 30n, targetNext: 10n });
    });
  }

  it('goes back to where it began when the target lost everything', () => {
    const map = mapOf(run(500, 0, 0), run(505, 0, 10));

    map.apply([], 0n);

    assert.deepEqual(map.end, { sourceNext: 505n, targetNext: 0n });
    assert.deepEqual(known(map), [run(505, 0, 0)]);
  });

  it('comes out the same when a truncation with its runs is repeated', () => {
    const map = mapOf(run(0, 0, 100));

    for (let repeat = 0; repeat < 2; repeat += 1) {
      map.apply([run(80, 80, 10), run(95, 90, 5)], 80n);
      assert.deepEqual(known(map), [run(0, 0, 90), run(95, 90, 5)]);
    }
  });

  it('is the same after it was stored and restored', () => {
    const store = new ModelMapTopic();
    const map = mapOf(run(500, 0, 0));
    store.write(map.takeUnsaved());
    assert.deepEqual(store.restore().end, map.end);

    map.apply([run(505, 0, 10), run(520, 10, 5)]);
    store.write(map.takeUnsaved());
    assert.deepEqual(known(store.restore()), known(map));

    map.apply([run(600, 15, 0)]);
    store.write(map.takeUnsaved());
    assert.deepEqual(store.restore().end, { sourceNext: 600n, targetNext: 15n });
  });

  it('does not bring back a starting point that a truncation made void', () => {
    const store = new ModelMapTopic();
    const map = mapOf(run(0, 0, 40), run(100, 50, 0), run(100, 50, 10));
    store.write(map.takeUnsaved());

    map.apply([], 40n);
    store.write(map.takeUnsaved());

    assert.deepEqual(store.restore().end, { sourceNext: 40n, targetNext: 40n });
  });

  it('tells again what a failed write had taken', () => {
    const store = new ModelMapTopic();
    const map = mapOf(run(500, 0, 0), run(505, 0, 10));

    map.markUnsaved(map.takeUnsaved());
    store.write(map.takeUnsaved());

    assert.deepEqual(known(store.restore()), known(map));
  });

  it('finds the runs from an offset to the end', () => {
    const map = mapOf(run(0, 0, 10), run(20, 10, 10), run(40, 20, 10));

    assert.deepEqual(map.runsFrom(15n), [run(20, 10, 10), run(40, 20, 10)]);
    assert.deepEqual(map.runsFrom(99n), [run(40, 20, 10)]);
    assert.deepEqual(mapOf(run(5, 3, 10)).runsFrom(2n), []);
  });

  it('keeps to its limit, with a tail that stays exact', () => {
    const map = new PartitionMap();
    for (let index = 0; index <= MAP_RUNS_MAX; index += 1)
      map.apply([run(index * 3, index * 2, 2)]);

    assert.ok(map.runCount <= MAP_RUNS_MAX);
    map.saved(map.takeUnsaved());
    assert.equal(map.tail(64).length, 64);
    assert.deepEqual(map.tail(1), [run(MAP_RUNS_MAX * 3, MAP_RUNS_MAX * 2, 2)]);
    const { targetOffset } = map.toTarget(300n);
    assert.ok(targetOffset !== undefined && targetOffset <= 200n);
    assert.ok(map.rereadMax(300n) >= 200n - targetOffset);
  });

  it('calls durable what was written, and tells the rest apart', () => {
    const map = mapOf(run(500, 0, 0));
    assert.deepEqual(map.tail(64), []);
    assert.deepEqual(map.news(64), news([run(500, 0, 0)]));

    map.saved(map.takeUnsaved());
    assert.deepEqual(map.tail(64), [run(500, 0, 0)]);
    assert.equal(map.news(64), undefined);

    map.apply([run(500, 0, 51), run(600, 51, 1)]);
    assert.deepEqual(map.tail(64), [run(500, 0, 0)]);
    assert.deepEqual(map.news(64), news([run(500, 0, 51), run(600, 51, 1)]));
    assert.deepEqual(map.news(1), news([run(500, 0, 51)]));

    map.saved(map.takeUnsaved());
    map.apply([run(601, 52, 9), run(612, 61, 0)]);
    assert.deepEqual(map.tail(64), [run(500, 0, 51), run(600, 51, 1)]);
    assert.deepEqual(map.news(64), news([run(601, 52, 9), run(612, 61, 0)]));

    map.saved(map.takeUnsaved());
    assert.deepEqual(map.tail(1), [run(600, 51, 10), run(612, 61, 0)]);
  });

  it('takes for durable what was taken to be written, not what came meanwhile', () => {
    const map = mapOf(run(0, 0, 10));
    const taken = map.takeUnsaved();
    map.apply([run(10, 10, 5)]);

    assert.deepEqual(map.saved(taken), { sourceNext: 10n, targetNext: 10n });
    assert.deepEqual(map.news(64), news([run(10, 10, 5)]));
    assert.deepEqual(map.tail(64), [run(0, 0, 10)]);
  });

  it('does not let a write vouch for what was cut while it was made', () => {
    const map = mapOf(run(0, 0, 10), run(20, 10, 10));
    map.saved(map.takeUnsaved());
    map.apply([run(40, 20, 10)]);
    const taken = map.takeUnsaved();
    map.apply([run(50, 15, 5)], 15n);

    assert.equal(map.saved(taken), undefined);
    assert.deepEqual(map.tail(64), [run(0, 0, 10), run(20, 10, 5)]);
    assert.deepEqual(map.news(64), { ...news([run(50, 15, 5)]), truncatedTo: 15n });

    assert.notEqual(map.saved(map.takeUnsaved()), undefined);
    assert.equal(map.news(64), undefined);
  });

  it('tells of a cut that is not durable though nothing follows it', () => {
    const map = mapOf(run(0, 0, 10));
    map.saved(map.takeUnsaved());
    map.apply([], 4n);

    assert.deepEqual(map.tail(64), [run(0, 0, 4)]);
    assert.deepEqual(map.news(64), { ...news([]), truncatedTo: 4n });
  });

  it('knows nothing that is durable of a copy that began anew', () => {
    const map = mapOf(run(0, 0, 10));
    map.saved(map.takeUnsaved());
    map.reset();
    map.apply([run(0, 10, 0)]);

    assert.deepEqual(map.tail(64), []);
    assert.deepEqual(map.news(64), { ...news([run(0, 10, 0)]), mapRestarted: true });
  });

  it('tells a position ahead on the target from the end of the last run', () => {
    const map = mapOf(run(0, 0, 10), run(10, 15, 0));
    map.saved(map.takeUnsaved());

    assert.deepEqual(map.tail(64), [run(0, 0, 10), run(10, 15, 0)]);
  });
});
