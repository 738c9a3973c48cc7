import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  assertMirrored,
  checkFence,
  checkHistory,
  checkOffsetMap,
  checkWholeMap,
  type HistoryRecord,
  type ViolationKind,
} from '../kit/history-checker.js';
import { Seeded } from '../kit/seeded-random.js';
import { decodeUnique, encodeUnique } from '../kit/write-unique.js';

const PARTITIONS = 2;
const RECORDS = 10;

function record(partition: number, n: number): HistoryRecord {
  return {
    partition,
    offset: BigInt(n),
    timestamp: 1_700_000_000_000n + BigInt(n),
    key: n === 3 ? null : Buffer.from(`key-${n % 3}`),
    value: n === 7 ? Buffer.alloc(0) : Buffer.from(`value-${partition}-${n}`),
    headers: [
      { key: 'trace', value: Buffer.from(`a${n}`) },
      { key: 'trace', value: Buffer.from(`b${n}`) },
      { key: 'empty', value: Buffer.alloc(0) },
    ],
  };
}

function history(): HistoryRecord[] {
  const numbers = Array.from({ length: RECORDS }, (_, n) => n);
  return Array.from({ length: PARTITIONS }, (_, partition) => partition).flatMap((partition) =>
    numbers.map((n) => record(partition, n)),
  );
}

/** Rewrites one partition of the target and lets its offsets follow. */
function mutate(
  change: (list: HistoryRecord[]) => HistoryRecord[],
  partition = 1,
): HistoryRecord[] {
  const all = history();
  const changed = change(all.filter((each) => each.partition === partition));
  return [
    ...all.filter((each) => each.partition !== partition),
    ...changed.map((each, index) => ({ ...each, offset: BigInt(index) })),
  ];
}

function alter(n: number, change: Partial<HistoryRecord>): HistoryRecord[] {
  return mutate((list) => list.map((each, index) => (index === n ? { ...each, ...change } : each)));
}

function kinds(target: HistoryRecord[]): ViolationKind[] {
  return [...new Set(checkHistory(history(), target).map((violation) => violation.kind))];
}

const trace = record(1, 4).headers;

const MUTATIONS: Record<string, { target: HistoryRecord[]; expected: ViolationKind[] }> = {
  'the first record is dropped': { target: mutate((l) => l.slice(1)), expected: ['loss'] },
  'the last record is dropped': { target: mutate((l) => l.slice(0, -1)), expected: ['loss'] },
  'a record in the middle is dropped': {
    target: mutate((l) => l.filter((_, n) => n !== 5)),
    expected: ['loss'],
  },
  'a whole partition is missing': { target: mutate(() => []), expected: ['loss'] },
  'a record is repeated at once': {
    target: mutate((l) => l.flatMap((each, n) => (n === 5 ? [each, each] : [each]))),
    expected: ['duplicate'],
  },
  'a run is repeated later': {
    target: mutate((l) => [...l, ...l.slice(4)]),
    expected: ['duplicate'],
  },
  'two neighbours are swapped': {
    target: mutate((l) => l.with(4, record(1, 5)).with(5, record(1, 4))),
    expected: ['order'],
  },
  'the last record comes first': {
    target: mutate((l) => [...l.slice(-1), ...l.slice(0, -1)]),
    expected: ['order'],
  },
  'a record is invented': {
    target: mutate((l) => [...l, { ...record(1, 4), value: Buffer.from('new') }]),
    expected: ['invention'],
  },
  'a record lands in the other partition': {
    target: [
      ...history().filter((r) => r.partition === 0),
      { ...record(1, 4), partition: 0 },
    ].concat(history().filter((r) => r.partition === 1 && r.offset !== 4n)),
    expected: ['invention', 'loss'],
  },
  'a bit of a value changes': {
    target: alter(4, { value: Buffer.from('value-1-!') }),
    expected: ['loss', 'invention'],
  },
  'an empty value becomes null': {
    target: alter(7, { value: null }),
    expected: ['loss', 'invention'],
  },
  'a key changes': { target: alter(4, { key: Buffer.from('key-x') }), expected: ['content'] },
  'a null key becomes empty': { target: alter(3, { key: Buffer.alloc(0) }), expected: ['content'] },
  'a key becomes null': { target: alter(4, { key: null }), expected: ['content'] },
  'a timestamp moves by 1 ms': { target: alter(4, { timestamp: 1n }), expected: ['content'] },
  'a header is dropped': { target: alter(4, { headers: trace.slice(1) }), expected: ['content'] },
  'headers are swapped': {
    target: alter(4, { headers: trace.toReversed() }),
    expected: ['content'],
  },
  'a repeated header is merged': {
    target: alter(4, { headers: [trace[0], trace[2]].filter((h) => h !== undefined) }),
    expected: ['content'],
  },
  'a header value changes': {
    target: alter(4, { headers: trace.with(1, { key: 'trace', value: Buffer.from('z') }) }),
    expected: ['content'],
  },
  'an empty header value becomes null': {
    target: alter(4, { headers: trace.with(2, { key: 'empty', value: null }) }),
    expected: ['content'],
  },
};

describe('checkHistory', () => {
  it('finds nothing in an exact mirror', () => {
    assert.deepEqual(checkHistory(history(), history()), []);
    assertMirrored(history(), history());
  });

  it('accepts target offsets that differ from the source', () => {
    const shifted = history().map((each) => ({ ...each, offset: each.offset + 1_000n }));
    assert.deepEqual(checkHistory(history(), shifted), []);
  });

  it('accepts gaps in the offsets of the source', () => {
    const gapped = history().map((each) => ({ ...each, offset: each.offset * 7n + 3n }));
    assert.deepEqual(checkHistory(gapped, history()), []);
  });

  for (const [name, { target, expected }] of Object.entries(MUTATIONS)) {
    it(`reports ${expected.join(' and ')} when ${name}`, () => {
      assert.deepEqual(kinds(target).sort(), [...expected].sort());
      assert.throws(() => assertMirrored(history(), target), /target is no mirror/);
    });
  }

  it('names the partition and offset of each violation', () => {
    const violations = checkHistory(history(), alter(4, { timestamp: 1n }));
    assert.deepEqual(violations, [
      {
        kind: 'content',
        partition: 1,
        offset: 4n,
        message: 'timestamp 1700000000004 became 1',
      },
    ]);
  });

  it('matches tombstones of one key in their order', () => {
    const tombstone = (n: number): HistoryRecord => ({ ...record(0, n), key: null, value: null });
    const source = [tombstone(0), tombstone(1), tombstone(2)];
    assert.deepEqual(checkHistory(source, source), []);
    const lost = checkHistory(source, source.slice(0, 2));
    assert.deepEqual(
      lost.map((each) => each.kind),
      ['loss'],
    );
  });

  it('bounds what it reports of each kind', () => {
    assert.equal(checkHistory(history(), [], { violationsMax: 3 }).length, 3);
  });

  it('finds every seeded random mutation', () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
    const random = new Seeded(seed);
    for (let round = 0; round < 300; round++) {
      const at = random.below(RECORDS - 1);
      const operation = random.below(3);
      const target = mutate((list) => {
        if (operation === 0) return list.filter((_, index) => index !== at);
        if (operation === 1) return list.toSpliced(at + 1, 0, record(1, random.below(RECORDS)));
        return list.toSpliced(at, 2, record(1, at + 1), record(1, at));
      });
      const expected = (['loss', 'duplicate', 'order'] as const)[operation];
      assert.ok(kinds(target).includes(expected ?? 'loss'), `SEED=${seed} round ${round}`);
    }
  });
});

describe('checkOffsetMap', () => {
  it('accepts a map that is exact and refuses one that is off by one', () => {
    const target = history().map((each) => ({ ...each, offset: each.offset + 5n }));
    const point = { partition: 1, sourceOffset: 4n, targetOffset: 9n };
    assert.deepEqual(checkOffsetMap(history(), target, [point]), []);
    const wrong = checkOffsetMap(history(), target, [{ ...point, targetOffset: 10n }]);
    assert.equal(wrong.length, 1);
  });
});

describe('checkWholeMap', () => {
  const run = (start: bigint, length: bigint) => {
    return { sourceStart: start, targetStart: start, length };
  };
  const whole = [run(0n, BigInt(RECORDS))];

  it('accepts a map of every record', () => {
    assert.deepEqual(
      checkWholeMap(history(), history(), () => whole),
      [],
    );
  });

  it('refuses one with a hole, one that ends early, and one that goes on', () => {
    const ends = BigInt(RECORDS);
    for (const wrong of [
      [run(0n, 4n), run(5n, ends - 5n)],
      [run(0n, ends - 1n)],
      [run(0n, ends + 1n)],
    ])
      assert.equal(
        checkWholeMap(history(), history(), (partition) => (partition === 1 ? wrong : whole))
          .length,
        1,
      );
  });
});

describe('unique values', () => {
  const value = { topic: 't', partition: 1, producer: 'p', n: 7, payload: 'x' };

  it('are read back as they were written', () => {
    assert.deepEqual(decodeUnique(encodeUnique(value)), value);
  });

  it('show by themselves that a byte was changed', () => {
    const bytes = encodeUnique(value);
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
      assert.equal(decodeUnique(changed), undefined);
    }
  });
});

describe('checkFence', () => {
  const own = (n: number): HistoryRecord => ({ ...record(0, n), value: Buffer.from(`own-${n}`) });
  const isOwn = ({ value }: HistoryRecord): boolean =>
    value?.toString().startsWith('own-') === true;

  it('finds nothing where only the new primary was written to', () => {
    assert.deepEqual(checkFence(history(), history()), []);
    assert.deepEqual(checkFence(history(), [...history(), own(RECORDS + 1)], isOwn), []);
  });

  for (const [what, after] of [
    ['a late append', [...history(), record(1, RECORDS + 1)]],
    ['a late append behind a record of the new primary', [...history(), own(11), record(0, 12)]],
    ['a record that is gone', history().slice(1)],
    ['a record that became another one', history().map((each) => ({ ...each, timestamp: 1n }))],
  ] as const) {
    it(`catches ${what}`, () => {
      assert.notDeepEqual(checkFence(history(), after, isOwn), []);
    });
  }
});
