import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LogBatch } from '../../../agent/site-tasks/log-batch.js';
import { LogCursor, type LogRead } from '../../../agent/site-tasks/log-cursor.js';
import { SegmentComparison } from '../../../agent/site-tasks/segment-comparison.js';
import { LOG_APPEND_TIME_FLAG } from '../../../kafka/records/batch-header.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import { Codec, initCodecs } from '../../../kafka/records/compression.js';
import type { ComparedRange } from '../../../proto/gen/mirror/v1/site_task.js';

/** Values at offsets, in batches of some size. */
function log(
  values: readonly (readonly [offset: number, value: string])[],
  options: { perBatch?: number; codec?: number; stamped?: boolean; logStart?: number } = {},
): LogCursor {
  const { perBatch = 3, codec = Codec.none, stamped = false, logStart = 0 } = options;
  const batches: LogBatch[] = [];
  for (let index = 0; index < values.length; index += perBatch) {
    const part = values.slice(index, index + perBatch);
    const first = part[0]![0];
    const records = part.map(([offset, value]) => ({
      ...{ key: null, value: Buffer.from(value), timestamp: 5n, offsetDelta: offset - first },
    }));
    const flags = stamped ? LOG_APPEND_TIME_FLAG : 0;
    const time = stamped ? { maxTimestamp: 99n } : {};
    const bytes = buildBatch({ records, baseOffset: BigInt(first), codec, flags, ...time });
    batches.push(new LogBatch(bytes));
  }
  const read = (fetchOffset: bigint): Promise<LogRead> => {
    const start = BigInt(logStart);
    if (fetchOffset < start) return Promise.resolve({ batches: [], next: start, logStart: start });
    const batch = batches.find(({ lastOffset }) => lastOffset >= fetchOffset);
    const next = batch === undefined ? fetchOffset : batch.lastOffset + 1n;
    return Promise.resolve({ batches: batch === undefined ? [] : [batch], next, logStart: start });
  };
  return new LogCursor(read, 0n);
}

const dense = (count: number): [number, string][] =>
  Array.from({ length: count }, (_, offset) => [offset, `v${offset}`]);

interface Compared {
  source: LogCursor;
  target: LogCursor;
  sourceCompacted?: boolean;
  targetCompacted?: boolean;
}

async function compare(
  sides: Compared,
  segments: readonly (readonly [number, number, number, number, boolean])[],
) {
  const ranges: ComparedRange[] = [];
  const comparison = new SegmentComparison({
    ...{ sourceCompacted: false, targetCompacted: false, takeBytes: () => 0 },
    ...sides,
    onRange: (range) => {
      ranges.push(range);
      return Promise.resolve();
    },
  });
  const difference = await comparison.run(
    segments.map(([sourceFrom, sourceTo, targetFrom, targetTo, exact]) => ({
      ...{ sourceFrom: BigInt(sourceFrom), sourceTo: BigInt(sourceTo), exact },
      ...{ targetFrom: BigInt(targetFrom), targetTo: BigInt(targetTo) },
    })),
  );
  const sum = (count: (range: ComparedRange) => bigint): number =>
    Number(ranges.reduce((total, range) => total + count(range), 0n));
  for (const { sourceChecksum, targetChecksum } of ranges)
    assert.equal(sourceChecksum === targetChecksum, difference?.what !== 'value');
  return {
    what: difference?.what,
    at: [difference?.sourceOffset, difference?.targetOffset],
    equal: sum(({ equalRecords }) => equalRecords),
    deletedOnSource: sum(({ deletedOnSource }) => deletedOnSource),
    deletedOnTarget: sum(({ deletedOnTarget }) => deletedOnTarget),
    compacted: sum(({ compacted }) => compacted),
  };
}

describe('SegmentComparison', () => {
  it('finds equal what lies in other batches, under another codec, stamped by the target', async () => {
    await initCodecs();
    const source = log(dense(20), { perBatch: 3 });
    const target = log(dense(20), { perBatch: 7, codec: Codec.gzip, stamped: true });
    const found = await compare({ source, target }, [[0, 20, 0, 20, true]]);
    assert.deepEqual([found.what, found.equal], [undefined, 20]);
  });

  it('takes equal batches whole, and counts their records', async () => {
    const found = await compare({ source: log(dense(20)), target: log(dense(20)) }, [
      [0, 20, 0, 20, true],
    ]);
    assert.equal(found.equal, 20);
  });

  it('names an altered record by both offsets', async () => {
    const altered = dense(20).map(([offset, value]): [number, string] => [
      offset,
      offset === 13 ? 'x' : value,
    ]);
    const found = await compare({ source: log(dense(20)), target: log(altered) }, [
      [0, 20, 0, 20, true],
    ]);
    assert.deepEqual([found.what, found.at, found.equal], ['value', [13n, 13n], 13]);
  });

  it('names a record that is missing on either side', async () => {
    const without = dense(20).filter(([offset]) => offset !== 7);
    const onTarget = await compare({ source: log(dense(20)), target: log(without) }, [
      [0, 20, 0, 20, true],
    ]);
    assert.deepEqual([onTarget.what, onTarget.at[0]], ['missing-on-target', 7n]);
    const onSource = await compare({ source: log(without), target: log(dense(20)) }, [
      [0, 20, 0, 20, true],
    ]);
    assert.deepEqual([onSource.what, onSource.at[1]], ['missing-on-source', 7n]);
  });

  it('counts what compaction removed, and compares the rest', async () => {
    const without = dense(20).filter(([offset]) => offset % 3 !== 0);
    const sides = { source: log(dense(20)), target: log(without), targetCompacted: true };
    const found = await compare(sides, [[0, 20, 0, 20, true]]);
    assert.deepEqual([found.what, found.equal, found.compacted], [undefined, 13, 7]);
  });

  it('counts what a side deleted, without reading the other', async () => {
    const source = await compare(
      { source: log(dense(20), { logStart: 8 }), target: log(dense(20)) },
      [[0, 20, 0, 20, true]],
    );
    assert.deepEqual([source.what, source.deletedOnSource, source.equal], [undefined, 8, 12]);
    const target = await compare(
      { source: log(dense(20)), target: log(dense(20), { logStart: 8 }) },
      [[0, 20, 0, 20, true]],
    );
    assert.deepEqual([target.what, target.deletedOnTarget, target.equal], [undefined, 8, 12]);
  });

  it('follows runs with other distances, and gaps of markers between them', async () => {
    const source = log([...dense(6), ...dense(12).slice(8)]);
    const moved = dense(12)
      .slice(8)
      .map(([offset, value]): [number, string] => [offset - 2, value]);
    const target = log([...dense(6), ...moved]);
    const found = await compare({ source, target }, [
      [0, 6, 0, 6, true],
      [6, 8, 6, 6, false],
      [8, 12, 6, 10, true],
    ]);
    assert.deepEqual([found.what, found.equal], [undefined, 10]);
  });

  it('finds a record of the source between two runs that never crossed', async () => {
    const target = log([...dense(6), [6, 'v7'], [7, 'v8']]);
    const found = await compare({ source: log(dense(9)), target }, [
      [0, 6, 0, 6, true],
      [6, 7, 6, 6, false],
      [7, 9, 6, 8, true],
    ]);
    assert.deepEqual([found.what, found.at[0]], ['missing-on-target', 6n]);
  });

  it('finds a foreign record between two runs', async () => {
    const target = log([...dense(6), [6, 'foreign'], [7, 'v6']]);
    const found = await compare({ source: log(dense(7)), target }, [
      [0, 6, 0, 6, true],
      [6, 6, 6, 7, false],
      [6, 7, 7, 8, true],
    ]);
    assert.deepEqual([found.what, found.at], ['foreign-record', [undefined, 6n]]);
  });

  it('compares a merged run by order, and gives up where compaction broke it', async () => {
    const gaps: [number, string][] = dense(9).map(([offset, value]) => [offset * 2, value]);
    const alike = await compare({ source: log(gaps), target: log(dense(9)) }, [
      [0, 18, 0, 9, false],
    ]);
    assert.deepEqual([alike.what, alike.equal], [undefined, 9]);
    const broken = gaps.filter(([offset]) => offset !== 8);
    const sides = { source: log(broken), target: log(dense(9)), sourceCompacted: true };
    const found = await compare(sides, [[0, 18, 0, 9, false]]);
    assert.deepEqual([found.what, found.equal, found.compacted], [undefined, 4, 5]);
  });
});
