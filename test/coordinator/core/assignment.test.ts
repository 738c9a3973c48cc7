import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { assign, type Assignment } from '../../../coordinator/core/assignment.js';

const SEED = Number(process.env['MIRROR_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

interface Case {
  readonly unheld: readonly string[];
  readonly held?: Readonly<Record<string, readonly string[]>>;
  readonly preferred?: Readonly<Record<string, string>>;
  readonly agents: readonly string[];
  readonly leavers?: readonly string[];
  readonly weights?: Readonly<Record<string, number>>;
  readonly movesMax?: number;
}

function run({
  unheld,
  held = {},
  preferred = {},
  agents,
  leavers = [],
  weights = {},
  movesMax = 100,
}: Case) {
  const weightOf = (item: string): number => weights[item] ?? 1;
  return assign<string, string>({
    pools: [
      { unheld, candidates: agents, leavers, balance: true, movable: (agent) => held[agent] ?? [] },
    ],
    loadOf: (agent) => (held[agent] ?? []).reduce((sum, item) => sum + weightOf(item), 0),
    weightOf,
    preferredOf: (item) => preferred[item],
    movesMax,
  });
}

const counts = (result: Assignment<string, string>): Record<string, number> => {
  const byAgent: Record<string, number> = {};
  for (const { agent } of result.grants) byAgent[agent] = (byAgent[agent] ?? 0) + 1;
  return byAgent;
};

describe(`assign (MIRROR_TEST_SEED=${SEED})`, () => {
  it('spreads unheld items evenly', () => {
    const result = run({ unheld: ['1', '2', '3', '4', '5', '6'], agents: ['a', 'b', 'c'] });
    assert.deepEqual(counts(result), { a: 2, b: 2, c: 2 });
    assert.deepEqual(result.moves, []);
  });

  it('gives an item back to whom it was with, up to the average', () => {
    const preferred = { '1': 'b', '2': 'b', '3': 'b' };
    const result = run({ unheld: ['1', '2', '3'], agents: ['a', 'b'], preferred });
    assert.deepEqual(counts(result), { a: 1, b: 2 });
  });

  it('moves nothing for an uneven rest', () => {
    const held = { a: ['1', '2', '3'], b: ['4', '5'] };
    assert.deepEqual(run({ unheld: [], held, agents: ['a', 'b'] }).moves, []);
  });

  it('moves no more than it is allowed to', () => {
    const held = { a: ['1', '2', '3', '4', '5', '6', '7', '8'] };
    const result = run({ unheld: [], held, agents: ['a', 'b'], movesMax: 2 });
    assert.equal(result.moves.length, 2);
  });

  it('evens out loads between flows that share only some agents', () => {
    const flowA = { one: ['1', '2', '3'], two: ['4', '5', '6'] } as Record<string, string[]>;
    const flowB = { two: ['7', '8', '9', '10', '11', '12'] } as Record<string, string[]>;
    const result = assign<string, string>({
      pools: [
        {
          unheld: [],
          candidates: ['one', 'two'],
          leavers: [],
          balance: true,
          movable: (agent) => flowA[agent] ?? [],
        },
        {
          unheld: [],
          candidates: ['two'],
          leavers: [],
          balance: true,
          movable: (agent) => flowB[agent] ?? [],
        },
      ],
      loadOf: (agent) => (flowA[agent]?.length ?? 0) + (flowB[agent]?.length ?? 0),
      weightOf: () => 1,
      preferredOf: () => undefined,
      movesMax: 100,
    });
    assert.deepEqual(
      result.moves.map(({ from, to }) => `${from}->${to}`),
      Array(3).fill('two->one'),
    );
  });

  it('moves a hot item off a loaded agent, and one move is enough', () => {
    const held = { a: ['hot', 'warm', '1', '2'], b: ['3'] };
    const { moves } = run({
      unheld: [],
      held,
      agents: ['a', 'b'],
      weights: { hot: 100, warm: 90 },
    });
    assert.deepEqual(moves, [{ item: 'hot', from: 'a', to: 'b' }]);
  });

  it('moves nothing for a difference below a tenth', () => {
    const held = { a: ['1', '2'], b: ['3', '4'] };
    const weights = { '1': 50, '2': 57, '3': 50, '4': 45 };
    assert.deepEqual(run({ unheld: [], held, agents: ['a', 'b'], weights }).moves, []);
  });

  it('does not throw one item that is more than its share to and fro', () => {
    const held = { a: ['huge'], b: ['1'], c: ['2'] };
    const result = run({ unheld: [], held, agents: ['a', 'b', 'c'], weights: { huge: 500 } });
    assert.deepEqual(result.moves, []);
  });

  it('takes everything from who may not keep it, up to what may move', () => {
    const held = { a: ['1', '2', '3'], b: ['4'], c: [] };
    const result = run({ unheld: [], held, agents: ['b', 'c'], leavers: ['a'], movesMax: 2 });
    assert.deepEqual(
      result.moves.map(({ item, to }) => `${item}>${to}`),
      ['1>c', '2>b'],
    );
  });

  it('comes to rest from any loads, and each move makes the loads more even', () => {
    const weight = fc.integer({ min: 1, max: 1000 });
    const agent = fc.array(weight, { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(agent, { minLength: 2, maxLength: 6 }), (loads) => {
        const agents = loads.map((_, index) => `agent-${index}`);
        const weights: Record<string, number> = {};
        const held: Record<string, string[]> = {};
        loads.forEach((items, index) => {
          held[`agent-${index}`] = items.map((each, at) => {
            weights[`${index}/${at}`] = each;
            return `${index}/${at}`;
          });
        });
        const squares = (): number =>
          agents.reduce((sum, name) => {
            const load = (held[name] ?? []).reduce((all, item) => all + (weights[item] ?? 0), 0);
            return sum + load * load;
          }, 0);
        let before = squares();
        for (let round = 0; ; round += 1) {
          assert.ok(round < 100, 'it does not come to rest');
          const { moves } = run({ unheld: [], held, agents, weights, movesMax: 3 });
          if (moves.length === 0) break;
          for (const { item, from, to } of moves) {
            held[from] = (held[from] ?? []).filter((each) => each !== item);
            held[to] = [...(held[to] ?? []), item];
            const after = squares();
            assert.ok(after < before, `${item} from ${from} to ${to}`);
            before = after;
          }
        }
      }),
      { numRuns: 2_000, seed: SEED },
    );
  });
});
