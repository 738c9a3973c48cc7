import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeChunk, encodeChunk } from '../../../mirror/offset-map-chunk.js';
import { OffsetMap } from '../../../mirror/offset-map.js';
import {
  build,
  firstFromSource,
  firstFromTarget,
  propertyOptions,
  SHAPES,
  type MirroredRecord,
} from './naive-map.js';

const OPTIONS = propertyOptions();

/** All offsets worth asking about: from before the first record to past the last. */
function* offsets(records: readonly MirroredRecord[], side: 'source' | 'target') {
  const last = records.at(-1);
  assert.ok(last);
  for (let offset = 0n; offset <= last[side] + 5n; offset += 1n) yield offset;
}

/** The consumer's view: translating must lead to the same next record, or to an earlier one. */
function assertNeverLater(map: OffsetMap, records: readonly MirroredRecord[]): void {
  for (const offset of offsets(records, 'source')) {
    const { targetOffset } = map.toTarget(offset);
    assert.ok(targetOffset !== undefined);
    const truth = firstFromSource(records, offset)?.target ?? map.end.targetNext;
    assert.ok(targetOffset <= truth, `source ${offset}: ${targetOffset} is after ${truth}`);
  }
  for (const offset of offsets(records, 'target')) {
    const { sourceOffset } = map.toSource(offset);
    assert.ok(sourceOffset !== undefined);
    const truth = firstFromTarget(records, offset)?.source ?? map.end.sourceNext;
    assert.ok(sourceOffset <= truth, `target ${offset}: ${sourceOffset} is after ${truth}`);
  }
}

/** Every pair the map calls exact is a position at which recovery may begin to count. */
function assertFloorsAreExact(map: OffsetMap, records: readonly MirroredRecord[]): void {
  for (const offset of offsets(records, 'target')) {
    const pair = map.floorByTarget(offset);
    if (pair === undefined) {
      assert.ok(offset < (records[0]?.target ?? 0n));
      continue;
    }
    assert.ok(pair.targetOffset <= offset);
    const before = records.filter((record) => record.target < pair.targetOffset);
    assert.ok(before.every((record) => record.source < pair.sourceOffset));
    const after = records.slice(before.length);
    assert.ok(after.every((record) => record.source >= pair.sourceOffset));
  }
}

for (const shape of SHAPES) {
  describe(`OffsetMap, ${shape.name} history`, () => {
    it('leads a group to the same next record, in both directions', () => {
      fc.assert(
        fc.property(shape.steps, (steps) => {
          const { map, records } = build(steps);
          for (const offset of offsets(records, 'source')) {
            const { targetOffset } = map.toTarget(offset);
            assert.ok(targetOffset !== undefined);
            assert.equal(
              firstFromTarget(records, targetOffset)?.source,
              firstFromSource(records, offset)?.source,
            );
          }
          for (const offset of offsets(records, 'target')) {
            const { sourceOffset } = map.toSource(offset);
            assert.ok(sourceOffset !== undefined);
            assert.equal(
              firstFromSource(records, sourceOffset)?.target,
              firstFromTarget(records, offset)?.target,
            );
          }
          assertNeverLater(map, records);
        }),
        OPTIONS,
      );
    });

    it('gives recovery a position that is exact and never past the target end', () => {
      fc.assert(
        fc.property(shape.steps, fc.integer({ min: 4, max: 12 }), (steps, runsMax) => {
          const { map, records } = build(steps);
          assertFloorsAreExact(map, records);
          map.merge(runsMax);
          assertFloorsAreExact(map, records);
        }),
        OPTIONS,
      );
    });

    it('never points later after merges, in whatever order it grows', () => {
      fc.assert(
        fc.property(shape.steps, shape.steps, fc.integer({ min: 4, max: 12 }), (a, b, runsMax) => {
          const { records } = build([...a, ...b]);
          const { map } = build(a);
          map.merge(runsMax);
          const known = build(a).records.length;
          for (const { source, target } of records.slice(known)) map.extend(source, target, 1n);
          assertNeverLater(map, records);
          map.merge(runsMax);
          assert.ok(map.runCount <= runsMax);
          assertNeverLater(map, records);
        }),
        OPTIONS,
      );
    });

    it('never points later when reports got lost on the way', () => {
      const lost = fc.array(fc.boolean(), { minLength: 40, maxLength: 40 });
      fc.assert(
        fc.property(shape.steps, lost, fc.boolean(), (steps, lostAt, merged) => {
          const { records } = build(steps);
          const map = new OffsetMap();
          // The first and the last report arrive, so that the map spans all records.
          for (const [index, { source, target }] of records.entries()) {
            const keep = index === 0 || index === records.length - 1;
            if (keep || lostAt[index % 40] !== true) map.extend(source, target, 1n);
          }
          if (merged) map.merge(4);
          assertNeverLater(map, records);
          assertFloorsAreExact(map, records);
          const total = map.recordsBetween(0n, map.end.sourceNext);
          assert.ok(total.atLeast <= BigInt(records.length));
          assert.ok(total.atMost >= BigInt(records.length));
        }),
        OPTIONS,
      );
    });

    it('counts records between two offsets, exactly unless merged', () => {
      const range = fc.tuple(fc.nat(200), fc.nat(200));
      fc.assert(
        fc.property(shape.steps, range, (steps, [a, b]) => {
          const { map, records } = build(steps);
          const [from, to] = [BigInt(Math.min(a, b)), BigInt(Math.max(a, b))];
          const inRange = records.filter((each) => each.source >= from && each.source < to);
          const truth = BigInt(inRange.length);
          const count = map.recordsBetween(from, to);
          assert.equal(count.atLeast, truth);
          if (shape.name !== 'transactional') assert.equal(count.atMost, truth);
          map.merge(4);
          const merged = map.recordsBetween(from, to);
          assert.ok(merged.atLeast <= truth && merged.atMost >= truth);
        }),
        OPTIONS,
      );
    });

    it('equals a map of the shorter history after a truncation', () => {
      fc.assert(
        fc.property(shape.steps, fc.bigInt(0n, 400n), (steps, targetOffset) => {
          const { map, records } = build(steps);
          map.truncateTo(targetOffset);
          const shorter = new OffsetMap();
          for (const { source, target } of records) {
            if (target < targetOffset) shorter.extend(source, target, 1n);
          }
          assert.deepEqual(map.runs(), shorter.runs());
        }),
        OPTIONS,
      );
    });

    it('survives encoding, merged or not', () => {
      fc.assert(
        fc.property(shape.steps, fc.boolean(), (steps, merged) => {
          const { map } = build(steps);
          if (merged) map.merge(4);
          const chunk = { generation: 3, runs: map.runs() };
          const bytes = encodeChunk(chunk);
          assert.deepEqual(decodeChunk(bytes), chunk);
          assert.deepEqual(OffsetMap.fromRuns(decodeChunk(bytes).runs).runs(), map.runs());
        }),
        OPTIONS,
      );
    });
  });
}
