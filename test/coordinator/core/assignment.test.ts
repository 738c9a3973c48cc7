import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assign, type Assignment } from '../../../coordinator/core/assignment.js';

interface Case {
  readonly unheld: readonly string[];
  readonly held?: Readonly<Record<string, readonly string[]>>;
  readonly preferred?: Readonly<Record<string, string>>;
  readonly agents: readonly string[];
  readonly movesMax?: number;
}

function run({ unheld, held = {}, preferred = {}, agents, movesMax = 100 }: Case) {
  return assign<string, string>({
    pools: [{ unheld, candidates: agents, movable: (agent) => held[agent] ?? [] }],
    loadOf: (agent) => held[agent]?.length ?? 0,
    weightOf: () => 1,
    preferredOf: (item) => preferred[item],
    movesMax,
  });
}

const counts = (result: Assignment<string, string>): Record<string, number> => {
  const byAgent: Record<string, number> = {};
  for (const { agent } of result.grants) byAgent[agent] = (byAgent[agent] ?? 0) + 1;
  return byAgent;
};

describe('assign', () => {
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
        { unheld: [], candidates: ['one', 'two'], movable: (agent) => flowA[agent] ?? [] },
        { unheld: [], candidates: ['two'], movable: (agent) => flowB[agent] ?? [] },
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
});
