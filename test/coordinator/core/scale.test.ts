import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ScaleWorld, type ScaleShape } from './scale-world.js';

const SHAPES: readonly ScaleShape[] = [
  { partitions: 20_000, agents: 200, flows: 10, sites: false },
  { partitions: 20_000, agents: 200, flows: 20, sites: true },
];

/** What placement looks at, grants and asks back while `act` comes to rest. */
function work(world: ScaleWorld, act: () => void) {
  const { state } = world.core;
  const before = { ...world, effort: state.placementEffort };
  act();
  world.settle();
  const effort = state.placementEffort - before.effort;
  return { effort, grants: world.grants - before.grants, moves: world.revokes - before.revokes };
}

function checkAllHeld(world: ScaleWorld): void {
  for (const item of world.core.state.items.values()) assert.equal(item.state, 'held', item.key);
}

const agentsOf = (world: ScaleWorld) => [...world.core.state.agents.values()];

for (const shape of SHAPES) {
  describe(`CoordinationCore with ${JSON.stringify(shape)}`, () => {
    // bench/scale measures the same with a million partitions, in time and memory.
    it('does work for a loss that grows with agents and what was lost, not with partitions', () => {
      const world = new ScaleWorld(shape);
      world.fill();
      checkAllHeld(world);
      const [victim] = agentsOf(world);
      assert.ok(victim !== undefined);
      const lost = victim.holding.size;
      const { effort, grants, moves } = work(world, () => world.lose(victim.sessionId));
      assert.equal(grants, lost);
      assert.equal(moves, 0);
      // A few looks at each agent of each flow that lost something; a look at each item lost.
      const flowsTouched = shape.sites ? 1 : shape.flows;
      const looks = 8 * flowsTouched * shape.agents;
      assert.ok(effort <= looks + 2 * lost, `looked at ${effort}, lost ${lost}`);
      checkAllHeld(world);
    });

    it('moves to a newcomer its share and nothing else', () => {
      const world = new ScaleWorld(shape);
      world.fill();
      const { moves, grants } = work(world, () => world.join());
      const peers = shape.sites ? shape.agents / shape.flows : shape.agents;
      const share = shape.partitions / (shape.sites ? shape.flows : 1) / (peers + 1);
      assert.ok(moves > share * 0.8 && moves <= share + 1, `moved ${moves}, its share is ${share}`);
      assert.equal(grants, moves);
      checkAllHeld(world);
    });
  });
}

describe('CoordinationCore with 100 joins and leaves', () => {
  it('disturbs no partition that need not move, and ends with one holder each', () => {
    const world = new ScaleWorld({ partitions: 5_000, agents: 50, flows: 5, sites: false });
    world.fill();
    for (let change = 0; change < 100; change += 1) {
      const agents = agentsOf(world);
      const leaves = change % 2 === 0;
      const victim = agents[(change * 7) % agents.length];
      assert.ok(victim !== undefined);
      const due = leaves ? victim.holding.size : Math.ceil(5_005 / (agents.length + 1));
      const before = new Map(
        [...world.core.state.items.values()].map((item) => [item.key, item.holder] as const),
      );
      const { grants } = work(world, () => {
        if (leaves) world.lose(victim.sessionId);
        else world.join();
      });
      assert.ok(grants <= due, `change ${change}: ${grants} grants, ${due} are due`);
      let changed = 0;
      for (const item of world.core.state.items.values())
        if (before.get(item.key) !== item.holder) changed += 1;
      assert.equal(changed, grants);
      checkAllHeld(world);
    }
  });
});
