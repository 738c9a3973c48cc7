import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { alignRecords, type AlignmentLogs } from '../../../agent/replication/align-records.js';
import type { Position, Run } from '../../../agent/replication/run-tail.js';
import { CHUNK_BYTES_PER_RECORD, SourceChunk } from '../../../agent/replication/source-chunk.js';
import type { ReadRecord } from '../../../kafka/records/build-batch.js';
import { Seeded, seedFor } from '../../kit/seeded-random.js';

const HISTORIES = 2_000;
const RECORDS_MAX = 120;
const FROM: Position = { sourceNext: 1_000n, targetNext: 500n };

interface Pair {
  source: bigint;
  target: bigint;
}

/** Two logs of which compaction has left some; and what of them is the same record. */
interface History {
  source: ReadRecord[];
  target: ReadRecord[];
  targetEnd: bigint;
  pairs: Pair[];
  stamped: boolean;
}

function recordOf(offset: bigint, content: string, timestamp: bigint): ReadRecord {
  return { offset, timestamp, key: null, value: Buffer.from(content), headers: [] };
}

/** What cleaning leaves: from a random place on everything, before it each with some probability. */
function cleaner(random: Seeded): (index: number) => boolean {
  const dirtyFrom = random.below(RECORDS_MAX);
  const kept = random.pick([0, 0.02, 0.3, 0.7, 1]);
  return (index) => index >= dirtyFrom || random.chance(kept);
}

/** `contents`: how many different ones there are; Infinity if no two are the same. */
function historyOf(random: Seeded, contents: number): History {
  const copied = 1 + random.below(RECORDS_MAX);
  const written = copied + random.below(RECORDS_MAX);
  const history: History = { source: [], target: [], targetEnd: 0n, pairs: [], stamped: false };
  history.stamped = random.chance(0.3);
  const [onSource, onTarget] = [cleaner(random), cleaner(random)];
  const markers = random.pick([0, 0.1, 0.5]);
  let { sourceNext, targetNext } = FROM;
  for (let index = 0; index < written; index += 1) {
    while (random.chance(markers)) sourceNext += BigInt(1 + random.below(5));
    const content = contents === Infinity ? `${index}` : `${random.below(contents)}`;
    const isKept = onSource(index);
    if (isKept) history.source.push(recordOf(sourceNext, content, 7n));
    if (index < copied && onTarget(index)) {
      history.target.push(recordOf(targetNext, content, history.stamped ? 9n : 7n));
      if (isKept) history.pairs.push({ source: sourceNext, target: targetNext });
    }
    sourceNext += 1n;
    if (index < copied) targetNext += 1n;
  }
  history.targetEnd = targetNext;
  return history;
}

/** Pieces of a log, as fetches bring them. */
async function* pieces<T>(log: readonly T[], size: number): AsyncGenerator<readonly T[]> {
  for (let first = 0; first < log.length; first += size) yield log.slice(first, first + size);
}

async function align(
  { source, target, targetEnd, stamped }: Omit<History, 'pairs'>,
  { chunkRecords, piece = 3 }: { chunkRecords: number; piece?: number },
) {
  const found: Pair[] = [];
  let read = 0;
  const note = (runs: readonly Run[], position: Position): void => {
    for (const { sourceStart, targetStart, length } of runs)
      for (let n = 0n; n < length; n += 1n)
        found.push({ source: sourceStart + n, target: targetStart + n });
    assert.deepEqual(position, behind(found.at(-1)));
  };
  const logs: AlignmentLogs = {
    source: (from) =>
      pieces(
        source.filter(({ offset }) => offset >= from),
        piece,
      ),
    async *target(from, to) {
      const wanted = target.filter(({ offset }) => offset >= from && offset < to);
      read += wanted.length;
      for await (const records of pieces(wanted, piece)) yield { records, stamped };
    },
    found: (runs, position) => Promise.resolve(note(runs, position)),
  };
  const position = await alignRecords({ from: FROM, targetEnd, chunkRecords }, logs);
  assert.deepEqual(position, behind(found.at(-1)));
  return { found, read };
}

function behind(last: Pair | undefined): Position {
  if (last === undefined) return FROM;
  return { sourceNext: last.source + 1n, targetNext: last.target + 1n };
}

/** The rule, with all of both logs at hand: each source record is the last equal one that it may be. */
function reference({ source, target, stamped }: History): Pair[] {
  const pairs: Pair[] = [];
  let { sourceNext, targetNext } = FROM;
  for (const { offset, value, timestamp } of source) {
    const bound = targetNext + offset - sourceNext;
    const last = target.findLast(
      (each) =>
        each.offset <= bound &&
        each.value!.equals(value!) &&
        (stamped || each.timestamp === timestamp),
    );
    if (last === undefined || last.offset < targetNext) continue;
    pairs.push({ source: offset, target: last.offset });
    sourceNext = offset + 1n;
    targetNext = last.offset + 1n;
  }
  return pairs;
}

describe('alignRecords', () => {
  it('finds every record that both sides still have, whatever compaction took', async () => {
    const random = new Seeded(seedFor('align-records, all different'));
    for (let n = 0; n < HISTORIES; n += 1) {
      const history = historyOf(random, Infinity);
      const { found } = await align(history, { chunkRecords: 1 + random.below(60) });
      assert.deepEqual(found, history.pairs, `history ${n}`);
    }
  });

  it('goes by the same rule where records are equal, however small its chunks are', async () => {
    const random = new Seeded(seedFor('align-records, equal ones'));
    for (let n = 0; n < HISTORIES / 4; n += 1) {
      const history = historyOf(random, 1 + random.below(12));
      const expected = reference(history);
      const whole = await align(history, { chunkRecords: 2 * RECORDS_MAX });
      assert.deepEqual(whole.found, expected, `history ${n}, in one chunk`);
      const { found } = await align(history, { chunkRecords: 1 + random.below(20) });
      // It may end before: where more of the source came than the target can have lost.
      assert.deepEqual(found, expected.slice(0, found.length), `history ${n}, in chunks`);
    }
  });

  it('reads each log about once, where the source has lost nearly all of a long stretch', async () => {
    const length = 20_000;
    const all = Array.from({ length }, (_, n) => recordOf(FROM.targetNext + BigInt(n), `${n}`, 7n));
    const source = all
      .map((record) => ({ ...record, offset: record.offset + 500n }))
      .filter((_, n) => n % 97 === 0 || n > length - 100);
    const targetEnd = FROM.targetNext + BigInt(length - 50);
    const target = all.slice(0, length - 50);
    const logs = { source, target, targetEnd, stamped: false };
    const { found, read } = await align(logs, { chunkRecords: 16, piece: 100 });
    assert.equal(found.at(-1)!.target, targetEnd - 1n);
    assert.ok(read < 2 * length, `${read} records read of ${length}`);
  });

  it('gives up early where the source has other records, and the target all of its own', async () => {
    const length = 5_000;
    const of = (first: bigint, name: string): ReadRecord[] =>
      Array.from({ length }, (_, n) => recordOf(first + BigInt(n), `${name} ${n}`, 7n));
    const source = of(FROM.sourceNext, 'regrown');
    const target = of(FROM.targetNext, 'lost');
    const targetEnd = FROM.targetNext + BigInt(length);
    const logs = { source, target, targetEnd, stamped: false };
    const { found, read } = await align(logs, { chunkRecords: 50, piece: 100 });
    assert.deepEqual(found, []);
    assert.ok(read <= 100, `${read} records read`);
  });
});

describe('SourceChunk', () => {
  it('holds what it says for each record, and no more', () => {
    const records = 100_000;
    const before = process.memoryUsage().arrayBuffers;
    const chunk = new SourceChunk(records);
    const bytes = process.memoryUsage().arrayBuffers - before;
    assert.ok(bytes <= records * CHUNK_BYTES_PER_RECORD + 1_000, `${bytes} bytes`);
    assert.equal(chunk.count, 0);
  });
});
