import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TICK_MS } from '../../../coordinator/service/coordination.js';
import { SEED } from './seeded-run.js';
import { LEASE_TTL_MS } from './simulated-store.js';
import type { SimulatedAgent } from './simulated-parts.js';
import { Simulation } from './simulation.js';

const RUNS = 50;
const PARTITIONS = 30;

/** The longest way to the store or to an agent, one way. */
const WAY_MS_MAX = 100;

/** How long an agent that leaves has what it holds, by the promise. */
const LEAVING_MS_MAX = 1_000;

/** Three agents that share a flow's partitions; nothing of what they say is lost. */
class Handover {
  readonly simulation: Simulation;
  readonly leaver: SimulatedAgent;

  constructor(seed: number) {
    this.simulation = new Simulation(seed);
    const { simulation } = this;
    simulation.delayMaxMs = WAY_MS_MAX;
    simulation.lostReleases = 0;
    const topics = [{ name: 't', topicId: 'id', partitionCount: PARTITIONS }];
    simulation.addFlow({ name: 'a->b', source: 'a', target: 'b', topics });
    this.leaver = simulation.join('leaver');
    simulation.join('two');
    simulation.join('three');
    simulation.run(20_000);
    // At any time between two heartbeats.
    simulation.run(TICK_MS * Math.floor(simulation.random() * 14));
    assert.ok(this.leaver.held.size >= PARTITIONS / 3, 'it has its share');
  }

  /** Until each of these is at another agent that knows of it; how long it took. */
  measure(items: readonly string[], limitMs: number): number {
    const { simulation } = this;
    const fromMs = simulation.nowMs;
    const others = [...simulation.agents.values()].filter((agent) => agent !== this.leaver);
    const isTaken = (item: string): boolean => others.some(({ held }) => held.has(item));
    while (!items.every(isTaken)) {
      assert.ok(simulation.nowMs - fromMs <= limitMs, `some are not taken after ${limitMs} ms`);
      simulation.run(TICK_MS);
    }
    return simulation.nowMs - fromMs;
  }
}

function forEachSeed(act: (seed: number) => void): void {
  for (let seed = SEED; seed < SEED + RUNS; seed += 1) {
    try {
      act(seed);
    } catch (cause) {
      throw new Error(`MIRROR_TEST_SEED=${seed}: ${(cause as Error).message}`, { cause });
    }
  }
}

describe(`how long work waits for another agent (MIRROR_TEST_SEED=${SEED})`, () => {
  const limitMs = LEASE_TTL_MS * 1.5;

  it('is 1.5 times to live at most where its agent died', () => {
    forEachSeed((seed) => {
      const handover = new Handover(seed);
      const items = [...handover.leaver.held.keys()];
      handover.simulation.crash(handover.leaver);
      handover.measure(items, limitMs);
    });
  });

  it('is 1.5 times to live at most where nobody is told that its agent is gone', () => {
    forEachSeed((seed) => {
      const handover = new Handover(seed);
      const items = [...handover.leaver.held.keys()];
      handover.leaver.silent = true;
      const tookMs = handover.measure(items, limitMs);
      assert.ok(tookMs > LEASE_TTL_MS * (2 / 3), `silence of ${tookMs} ms is not death`);
    });
  });

  it('is 1.5 times to live at most where its leader died with it', () => {
    forEachSeed((seed) => {
      const handover = new Handover(seed);
      const { simulation } = handover;
      const items = [...handover.leaver.held.keys()];
      simulation.crash(handover.leaver);
      const fromMs = simulation.nowMs;
      simulation.standStill(LEASE_TTL_MS);
      simulation.run(LEASE_TTL_MS - TICK_MS);
      simulation.takeOver();
      handover.measure(items, limitMs - (simulation.nowMs - fromMs));
    });
  });

  it('is a second at most where its agent leaves', () => {
    forEachSeed((seed) => {
      const handover = new Handover(seed);
      const { simulation, leaver } = handover;
      const items = [...leaver.held.keys()];
      simulation.event({ kind: 'agent-draining', sessionId: leaver.sessionId });
      handover.measure(items, LEAVING_MS_MAX);
    });
  });

  it('is a second at most where an operator drains its agent', () => {
    forEachSeed((seed) => {
      const handover = new Handover(seed);
      const items = [...handover.leaver.held.keys()];
      handover.simulation.drain([handover.leaver.agentId]);
      // The balance of all flows is looked at each 5 s, and of one whose agents changed at once.
      handover.measure(items, LEAVING_MS_MAX);
    });
  });
});
