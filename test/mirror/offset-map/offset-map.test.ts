import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RUNS_PER_CHUNK, type OffsetMapChunk } from '../../../mirror/offset-map-chunk.js';
import { OffsetMapConflictError } from '../../../mirror/offset-map-errors.js';
import { OffsetMap } from '../../../mirror/offset-map.js';

/** Ten records, a commit marker left out of the source, ten more, a fence on the target, ten. */
function threeRuns(): OffsetMap {
  const map = new OffsetMap();
  map.extend(100n, 0n, 10n);
  map.extend(111n, 10n, 10n);
  map.extend(121n, 21n, 10n);
  return map;
}

/** A transactional history: `runs` runs of two records with one marker between. */
function transactional(runs: number): OffsetMap {
  const map = new OffsetMap();
  for (let run = 0n; run < BigInt(runs); run += 1n) map.extend(run * 3n, run * 2n, 2n);
  return map;
}

/** What a store would hold after these saves. */
class ChunkStore {
  readonly chunks = new Map<number, OffsetMapChunk>();

  save(map: OffsetMap, writesMax = Number.POSITIVE_INFINITY): number[] {
    const unsaved = map.takeUnsavedChunks();
    for (const { index, generation, runs } of unsaved.slice(0, writesMax)) {
      if (runs.length === 0) this.chunks.delete(index);
      else this.chunks.set(index, { generation, runs });
    }
    return unsaved.map((chunk) => chunk.index);
  }
}

describe('OffsetMap', () => {
  it('keeps one run for any number of contiguous reports', () => {
    const map = new OffsetMap();
    for (let offset = 0n; offset < 10_000n; offset += 100n) map.extend(offset, offset, 100n);

    assert.equal(map.runCount, 1);
    assert.deepEqual(map.end, { sourceNext: 10_000n, targetNext: 10_000n });
  });

  it('answers unknown, and no offset, while it is empty', () => {
    const map = new OffsetMap();

    assert.deepEqual(map.toTarget(5n), { kind: 'unknown', targetOffset: undefined });
    assert.deepEqual(map.toSource(5n), { kind: 'unknown', sourceOffset: undefined });
    assert.equal(map.floorByTarget(5n), undefined);
  });

  it('names the kind of every translation to the target', () => {
    const map = threeRuns();

    assert.deepEqual(map.toTarget(7n), { kind: 'before', targetOffset: 0n });
    assert.deepEqual(map.toTarget(105n), { kind: 'exact', targetOffset: 5n });
    assert.deepEqual(map.toTarget(110n), { kind: 'gap', targetOffset: 10n });
    assert.deepEqual(map.toTarget(121n), { kind: 'exact', targetOffset: 21n });
    assert.deepEqual(map.toTarget(131n), { kind: 'exact', targetOffset: 31n });
    assert.deepEqual(map.toTarget(140n), { kind: 'beyond', targetOffset: 31n });
  });

  it('maps a target offset on a fence marker to the next source record', () => {
    const map = threeRuns();

    assert.deepEqual(map.toSource(20n), { kind: 'gap', sourceOffset: 121n });
    assert.deepEqual(map.toSource(21n), { kind: 'exact', sourceOffset: 121n });
  });

  it('answers a hole on both sides with its start, since records may be missing there', () => {
    const map = new OffsetMap();
    map.extend(0n, 0n, 10n);
    map.extend(50n, 40n, 10n);

    assert.deepEqual(map.toTarget(30n), { kind: 'floor', targetOffset: 10n });
    assert.deepEqual(map.toSource(30n), { kind: 'floor', sourceOffset: 10n });
    assert.deepEqual(map.recordsBetween(0n, 60n), { atLeast: 20n, atMost: 50n });
  });

  it('accepts a repeat of what it knows, and appends only what is new', () => {
    const map = threeRuns();

    assert.equal(map.extend(103n, 3n, 4n), false);
    assert.equal(map.extend(125n, 25n, 6n), false);
    assert.equal(map.extend(125n, 25n, 10n), true);
    assert.deepEqual(map.end, { sourceNext: 135n, targetNext: 35n });
    assert.equal(map.runCount, 3);
  });

  it('accepts a repeat of what it has merged meanwhile', () => {
    const map = transactional(100);
    map.merge(20);

    assert.equal(map.extend(30n, 20n, 2n), false);
    assert.throws(() => map.extend(30n, 190n, 2n), OffsetMapConflictError);
  });

  for (const [why, source, target, count] of [
    ['to before the first run', 90n, 0n, 5n],
    ['on the source', 125n, 31n, 5n],
    ['on the target', 131n, 25n, 5n],
    ['over the end of an older run', 105n, 5n, 20n],
    ['into a gap', 110n, 10n, 1n],
  ] as const) {
    it(`refuses a run that goes backwards ${why}, and names it`, () => {
      const map = threeRuns();
      const before = map.runs();

      assert.throws(
        () => map.extend(source, target, count),
        (error) =>
          error instanceof OffsetMapConflictError &&
          error.code === 'MIRROR_OFFSET_MAP_CONFLICT' &&
          error.claim.sourceStart === source &&
          /goes backwards/.test(error.message),
      );
      assert.deepEqual(map.runs(), before);
    });
  }

  it('refuses empty, negative and oversized runs', () => {
    const map = new OffsetMap();

    assert.throws(() => map.extend(0n, 0n, 0n), OffsetMapConflictError);
    assert.throws(() => map.extend(-1n, 0n, 1n), OffsetMapConflictError);
    assert.throws(() => map.extend(0n, -1n, 1n), OffsetMapConflictError);
    assert.throws(() => map.extend(2n ** 63n - 1n, 0n, 1n), OffsetMapConflictError);
    assert.equal(map.runCount, 0);
  });

  it('cuts inside a run, and can grow again from there', () => {
    const map = threeRuns();
    map.truncateTo(15n);

    assert.deepEqual(map.end, { sourceNext: 116n, targetNext: 15n });
    map.extend(116n, 16n, 4n);
    assert.deepEqual(map.toTarget(116n), { kind: 'exact', targetOffset: 16n });
  });

  it('keeps of a merged run that is cut only its exact start', () => {
    const map = transactional(20);
    map.merge(4);
    map.truncateTo(9n);

    assert.deepEqual(map.end, { sourceNext: 1n, targetNext: 1n });
    assert.deepEqual(map.floorByTarget(9n), { sourceOffset: 1n, targetOffset: 1n });
  });

  it('leaves the newest runs exact when it merges', () => {
    const map = transactional(1000);
    assert.equal(map.merge(1000), false);
    assert.equal(map.merge(100), true);

    assert.equal(map.runCount <= 75, true);
    assert.deepEqual(map.toTarget(2997n), { kind: 'exact', targetOffset: 1998n });
    assert.equal(map.toTarget(1000n).kind, 'floor');
  });

  it('keeps a merged run apart from the exact one that follows at once', () => {
    const merged = {
      sourceStart: 0n,
      targetStart: 0n,
      records: 4n,
      sourceGaps: 1n,
      targetGaps: 0n,
    };
    const exact = { sourceStart: 5n, targetStart: 4n, records: 3n, sourceGaps: 0n, targetGaps: 0n };

    assert.deepEqual(OffsetMap.fromRuns([merged, exact]).runs(), [merged, exact]);
    const map = OffsetMap.fromRuns([merged]);
    map.extend(5n, 4n, 3n);
    assert.deepEqual(map.toTarget(6n), { kind: 'exact', targetOffset: 5n });
  });

  it('errs inside a merged run by at most its gaps', () => {
    const map = transactional(1000);
    map.merge(100);
    const gapsMax = map.runs().reduce((most, run) => {
      const gaps = run.sourceGaps + run.targetGaps;
      return gaps > most ? gaps : most;
    }, 0n);

    for (let offset = 0n; offset < 3000n; offset += 1n) {
      const truth = (offset / 3n) * 2n + (offset % 3n);
      const { targetOffset } = map.toTarget(offset);
      assert.ok(targetOffset !== undefined && targetOffset >= truth - gapsMax);
    }
    assert.ok(gapsMax < 64n);
  });
});

describe('OffsetMap, saved in chunks', () => {
  it('rewrites only the last chunk as it grows', () => {
    const store = new ChunkStore();
    const map = transactional(RUNS_PER_CHUNK + 10);
    assert.deepEqual(store.save(map), [0, 1]);
    assert.deepEqual(store.save(map), []);

    map.extend(map.end.sourceNext, map.end.targetNext, 5n);
    assert.deepEqual(store.save(map), [1]);

    const restored = OffsetMap.fromChunks(store.chunks);
    assert.deepEqual(restored.runs(), map.runs());
    assert.deepEqual(store.save(restored), []);
  });

  it('deletes the chunks that a merge freed', () => {
    const store = new ChunkStore();
    const map = transactional(RUNS_PER_CHUNK * 3);
    store.save(map);
    map.merge(RUNS_PER_CHUNK);

    assert.deepEqual(store.save(map), [0, 1, 2]);
    assert.deepEqual([...store.chunks.keys()], [0]);
    assert.deepEqual(OffsetMap.fromChunks(store.chunks).runs(), map.runs());
  });

  it('loses nothing when the save of a merge is cut short', () => {
    for (let writes = 0; writes <= 4; writes += 1) {
      const store = new ChunkStore();
      const map = transactional(RUNS_PER_CHUNK * 4);
      store.save(map);
      map.merge(RUNS_PER_CHUNK * 2);
      store.save(map, writes);

      const restored = OffsetMap.fromChunks(store.chunks);
      assert.deepEqual(restored.end, map.end);
      for (let offset = 0n; offset < map.end.sourceNext; offset += 1n) {
        const truth = (offset / 3n) * 2n + (offset % 3n);
        const { targetOffset } = restored.toTarget(offset);
        assert.ok(targetOffset !== undefined && targetOffset <= truth);
      }
      store.save(restored);
      assert.deepEqual(OffsetMap.fromChunks(store.chunks).runs(), restored.runs());
    }
  });

  it('does not bring back what was truncated when the save is cut short', () => {
    for (let writes = 1; writes <= 3; writes += 1) {
      const store = new ChunkStore();
      const map = transactional(RUNS_PER_CHUNK * 3);
      store.save(map);
      map.truncateTo(101n);
      store.save(map, writes);

      const restored = OffsetMap.fromChunks(store.chunks);
      assert.deepEqual(restored.end, map.end);
      // The next save is cut short as well, and still the void chunks stay void.
      restored.extend(1000n, 101n, 1n);
      store.save(restored, 1);
      assert.deepEqual(OffsetMap.fromChunks(store.chunks).end, restored.end);
    }
  });

  it('does not bring back anything after a truncation to nothing', () => {
    const store = new ChunkStore();
    const map = transactional(RUNS_PER_CHUNK * 2);
    store.save(map);
    map.truncateTo(0n);
    store.save(map, 1);

    const restored = OffsetMap.fromChunks(store.chunks);
    assert.equal(restored.runCount, 0);
    restored.extend(0n, 0n, 1n);
    store.save(restored, 1);
    assert.equal(OffsetMap.fromChunks(store.chunks).runCount, 1);
  });

  it('ends at a missing chunk, since what lies there is unknown', () => {
    const store = new ChunkStore();
    const map = transactional(RUNS_PER_CHUNK * 3);
    store.save(map);
    store.chunks.delete(1);

    const restored = OffsetMap.fromChunks(store.chunks);
    assert.equal(restored.runCount, RUNS_PER_CHUNK);
    assert.deepEqual(store.save(restored), [0, 1, 2]);
    assert.deepEqual([...store.chunks.keys()], [0]);
  });

  it('writes chunks anew when restoring them moved their runs', () => {
    const runs = transactional(RUNS_PER_CHUNK + 1).runs();
    const last = runs.at(-2);
    assert.ok(last !== undefined);
    const adjoining = {
      ...last,
      sourceStart: last.sourceStart + 2n,
      targetStart: last.targetStart + 2n,
    };
    for (const [first, second] of [
      [runs.slice(0, 3), runs.slice(3, 5)],
      [runs.slice(0, RUNS_PER_CHUNK), [adjoining]],
    ] as const) {
      const store = new ChunkStore();
      store.chunks.set(0, { generation: 0, runs: first });
      store.chunks.set(1, { generation: 0, runs: second });
      const restored = OffsetMap.fromChunks(store.chunks);
      assert.deepEqual(store.save(restored), [0, 1]);
      assert.deepEqual(OffsetMap.fromChunks(store.chunks).runs(), restored.runs());
    }
  });

  it('writes again what a failed save took', () => {
    const map = transactional(RUNS_PER_CHUNK * 2);
    new ChunkStore().save(map);
    map.merge(RUNS_PER_CHUNK);
    const failed = map.takeUnsavedChunks();
    map.markUnsaved(failed);

    assert.deepEqual(map.takeUnsavedChunks(), failed);
  });
});
