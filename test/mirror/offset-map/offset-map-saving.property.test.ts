import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { OffsetMapChunk } from '../../../mirror/offset-map-chunk.js';
import { OffsetMap } from '../../../mirror/offset-map.js';
import { propertyOptions, type MirroredRecord } from './naive-map.js';

type Operation =
  | { kind: 'grow'; runs: number }
  | { kind: 'truncate'; percent: number; writes: number }
  | { kind: 'merge'; runsMax: number }
  | { kind: 'save' }
  | { kind: 'crash'; writes: number };

const OPERATION: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant('grow' as const), runs: fc.integer({ min: 1, max: 900 }) }),
  fc.record({
    kind: fc.constant('truncate' as const),
    percent: fc.nat(99),
    writes: fc.integer({ min: 1, max: 9 }),
  }),
  fc.record({ kind: fc.constant('merge' as const), runsMax: fc.integer({ min: 4, max: 1200 }) }),
  fc.record({ kind: fc.constant('save' as const) }),
  fc.record({ kind: fc.constant('crash' as const), writes: fc.nat(4) }),
);

/** A partition with its map, a store of chunks, and the truth about every record. */
class Partition {
  readonly records: MirroredRecord[] = [];
  map = new OffsetMap();
  readonly #chunks = new Map<number, OffsetMapChunk>();
  #targetEnd = 0n;

  apply(operation: Operation): void {
    switch (operation.kind) {
      case 'grow':
        return this.#grow(operation.runs);
      case 'truncate':
        return this.#truncate(operation.percent, operation.writes);
      case 'merge':
        this.map.merge(operation.runsMax);
        return;
      case 'save':
        return this.#save(Number.POSITIVE_INFINITY);
      case 'crash':
        this.#save(operation.writes);
        return this.#restart();
    }
  }

  /** Runs of one or two records, with a marker between them: each is a run of its own. */
  #grow(runs: number): void {
    for (let run = 0; run < runs; run += 1) {
      const source = (this.records.at(-1)?.source ?? -1n) + 2n;
      const count = BigInt(1 + (run % 2));
      this.map.extend(source, this.#targetEnd, count);
      for (let record = 0n; record < count; record += 1n) {
        this.records.push({ source: source + record, target: this.#targetEnd + record });
      }
      this.#targetEnd += count;
    }
  }

  /** The save may be cut short, but its first write must arrive before anything is appended. */
  #truncate(percent: number, writes: number): void {
    this.records.length = Math.floor((this.records.length * percent) / 100);
    this.#targetEnd = (this.records.at(-1)?.target ?? -1n) + 1n;
    this.map.truncateTo(this.#targetEnd);
    this.#save(writes);
    this.#restart();
  }

  #save(writes: number): void {
    for (const { index, generation, runs } of this.map.takeUnsavedChunks().slice(0, writes)) {
      if (runs.length === 0) this.#chunks.delete(index);
      else this.#chunks.set(index, { generation, runs });
    }
  }

  #restart(): void {
    this.map = OffsetMap.fromChunks(this.#chunks);
    this.map.truncateTo(this.#targetEnd);
  }
}

/** Walks all source offsets backwards, so that the first record at or after each is at hand. */
function assertNeverLater(map: OffsetMap, records: readonly MirroredRecord[]): void {
  if (map.runCount === 0) return;
  const firstMapped = map.runs(0, 1)[0]?.sourceStart ?? 0n;
  let next: MirroredRecord | undefined;
  for (const record of records.toReversed()) {
    for (const offset of [record.source + 1n, record.source]) {
      if (offset === record.source) next = record;
      if (next === undefined || offset < firstMapped) continue;
      const { kind, targetOffset } = map.toTarget(offset);
      assert.ok(targetOffset !== undefined && targetOffset <= next.target, `source ${offset}`);
      if (kind === 'exact') assert.equal(targetOffset, next.target);
    }
    const pair = map.floorByTarget(record.target);
    if (pair?.targetOffset === record.target) assert.ok(pair.sourceOffset <= record.source);
  }
}

describe('OffsetMap, saved and restored', () => {
  it('never points later, whenever it is truncated, merged, saved or lost', () => {
    const operations = fc.array(OPERATION, { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(operations, (list) => {
        const partition = new Partition();
        for (const operation of list) partition.apply(operation);
        assertNeverLater(partition.map, partition.records);
      }),
      { ...propertyOptions(), numRuns: 150 },
    );
  });
});
