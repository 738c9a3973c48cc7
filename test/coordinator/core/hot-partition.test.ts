import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BALANCE_INTERVAL_MS } from '../../../coordinator/core/placement.js';
import { WEIGH_INTERVAL_MS } from '../../../coordinator/core/weight.js';
import { SEED } from './seeded-run.js';
import { REPORT_INTERVAL_MS, Simulation } from './simulation.js';

const RUNS = 30;
const AGENTS = ['one', 'two', 'three'];
const PARTITIONS = 30;
const MEBIBYTE = 1024 * 1024;

/** Two reports, between which a rate is measured; a look at the balance; the moves themselves. */
const MOVED_MS = WEIGH_INTERVAL_MS + 2 * REPORT_INTERVAL_MS + BALANCE_INTERVAL_MS + 3_000;

/** What moved rests, is weighed at its new agent, and is looked at once more. */
const LATER_MS = 4 * MOVED_MS;

/** Agents that share a flow, with nothing under way, and what moved since. */
class Scene {
  readonly simulation: Simulation;
  readonly holders: ReadonlyMap<string, string>;
  readonly moved: string[] = [];

  constructor(seed: number) {
    this.simulation = new Simulation(seed);
    const { simulation } = this;
    simulation.lostReleases = 0;
    const topics = [{ name: 't', topicId: 'id', partitionCount: PARTITIONS }];
    simulation.addFlow({ name: 'a->b', source: 'a', target: 'b', topics });
    for (const name of AGENTS) simulation.join(name);
    simulation.run(60_000);
    this.holders = this.now();
    simulation.onGrant = ({ item }) => this.moved.push(item);
  }

  /** The agent of each partition. */
  now(): Map<string, string> {
    const leases = [...this.simulation.leases.values()].filter(({ item }) => !isSite(item));
    return new Map(leases.map(({ item, agentId }) => [item, agentId]));
  }

  /** So many of one agent's partitions. */
  some(count: number): { readonly agentId: string; readonly items: readonly string[] } {
    const agentId = AGENTS[Math.floor(this.simulation.random() * AGENTS.length)] ?? '';
    const items = this.of(agentId, this.holders);
    return { agentId, items: items.slice(0, count) };
  }

  of(agentId: string, holders: ReadonlyMap<string, string>): string[] {
    return [...holders].filter(([, holder]) => holder === agentId).map(([item]) => item);
  }
}

const isSite = (item: string): boolean => item.endsWith('/site');

function forEachSeed(act: (scene: Scene) => void): void {
  for (let seed = SEED; seed < SEED + RUNS; seed += 1) {
    try {
      act(new Scene(seed));
    } catch (cause) {
      throw new Error(`MIRROR_TEST_SEED=${seed}: ${(cause as Error).message}`, { cause });
    }
  }
}

describe(`what a hot partition moves (MIRROR_TEST_SEED=${SEED})`, () => {
  it('is its cold neighbours, each once, if it alone is more than a share; and nothing else', () => {
    forEachSeed((scene) => {
      const { agentId, items } = scene.some(1);
      const neighbours = scene.of(agentId, scene.holders).filter((item) => !items.includes(item));
      assert.ok(neighbours.length > 5);
      scene.simulation.rates.set(items[0]!, 64 * MEBIBYTE);
      scene.simulation.run(MOVED_MS);
      assert.deepEqual(scene.of(agentId, scene.now()), items, 'it is alone at its agent');
      scene.simulation.run(LATER_MS);
      assert.deepEqual(scene.moved.sort(), neighbours.sort(), 'nothing else was disturbed');
      assert.equal(scene.now().size, PARTITIONS);
    });
  });

  it('is one of two hot ones that share an agent', () => {
    forEachSeed((scene) => {
      const { agentId, items } = scene.some(2);
      for (const item of items) scene.simulation.rates.set(item, 32 * MEBIBYTE);
      scene.simulation.run(MOVED_MS + MOVED_MS);
      const [here, there] = items.map((item) => scene.now().get(item));
      assert.ok(here !== there && [here, there].includes(agentId), `at ${here} and ${there}`);
      scene.simulation.run(LATER_MS);
      const hotMoves = scene.moved.filter((item) => items.includes(item));
      assert.equal(hotMoves.length, 1, 'one of them, once');
      const before = scene.moved.length;
      scene.simulation.run(LATER_MS);
      assert.equal(scene.moved.length, before, 'it comes to rest');
    });
  });

  it('is nothing while rates waver by less than a quarter', () => {
    forEachSeed((scene) => {
      const { simulation } = scene;
      for (const item of scene.holders.keys()) simulation.rates.set(item, 5 * MEBIBYTE);
      simulation.run(LATER_MS);
      const before = scene.moved.length;
      for (let look = 0; look < 10; look += 1) {
        for (const item of scene.holders.keys())
          simulation.rates.set(item, (4.5 + simulation.random()) * MEBIBYTE);
        simulation.run(WEIGH_INTERVAL_MS);
      }
      assert.equal(scene.moved.length, before);
    });
  });
});
