import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  TRIAL_AFTER_MIN_MS,
  TRIAL_MOVES_MAX,
  UNREACHED_AFTER_MS,
} from '../../../coordinator/core/reach.js';
import { BALANCE_INTERVAL_MS } from '../../../coordinator/core/placement.js';
import { REVOKE_WAIT_MAX_MS } from '../../../coordinator/core/step.js';
import type { SimulatedAgent } from './simulated-parts.js';
import { Simulation } from './simulation.js';

const PARTITIONS = 12;

/** Reports, a balance, a revocation of which the answer may be lost, and a grant. */
const MOVED_MS = 4 * BALANCE_INTERVAL_MS + REVOKE_WAIT_MAX_MS;

function start(seed: number): Simulation {
  const simulation = new Simulation(seed);
  const topics = [{ name: 't', topicId: 'id', partitionCount: PARTITIONS }];
  simulation.addFlow({ name: 'a->b', source: 'a', target: 'b', topics });
  return simulation;
}

function partitionsOf(simulation: Simulation, { agentId }: SimulatedAgent): number {
  return [...simulation.leases.values()].filter(
    (lease) => lease.agentId === agentId && lease.item.includes('/partition/'),
  ).length;
}

describe('an agent that claims clusters which it does not reach', () => {
  it('keeps nothing of the flow while another agent reaches them, preferred or not', () => {
    const simulation = start(1);
    const blind = simulation.join('blind', ['a', 'b'], 'a'); // of the source's site
    blind.blind = true;
    simulation.run(5_000);
    assert.equal(partitionsOf(simulation, blind), PARTITIONS);
    const seeing = simulation.join('seeing');
    simulation.run(UNREACHED_AFTER_MS + MOVED_MS);
    assert.equal(partitionsOf(simulation, seeing), PARTITIONS);
    assert.equal(simulation.leases.get('a->b/site')?.agentId, 'seeing');
  });

  it('is tried again with a little, and has its share when that works', () => {
    const simulation = start(2);
    const blind = simulation.join('blind');
    const seeing = simulation.join('seeing');
    blind.blind = true;
    simulation.run(UNREACHED_AFTER_MS + MOVED_MS);
    assert.equal(partitionsOf(simulation, seeing), PARTITIONS);

    let most = 0;
    for (let lookedMs = 0; lookedMs < 2 * TRIAL_AFTER_MIN_MS; lookedMs += 250) {
      simulation.run(250);
      most = Math.max(most, partitionsOf(simulation, blind));
    }
    assert.ok(most >= 1 && most <= 4 * TRIAL_MOVES_MAX, `${most} at most on trial`);
    assert.equal(partitionsOf(simulation, seeing), PARTITIONS, 'it does not reach them still');

    blind.blind = false;
    simulation.run(4 * TRIAL_AFTER_MIN_MS);
    assert.equal(partitionsOf(simulation, blind), PARTITIONS / 2);
  });

  it('has its share at once when it starts anew', () => {
    const simulation = start(3);
    const blind = simulation.join('blind');
    simulation.join('seeing');
    blind.blind = true;
    simulation.run(UNREACHED_AFTER_MS + MOVED_MS);
    simulation.crash(blind);
    const again = simulation.join('blind');
    simulation.run(MOVED_MS);
    assert.equal(partitionsOf(simulation, again), PARTITIONS / 2);
  });

  it('keeps what it has where nobody does better: a cluster that is down moves nothing', () => {
    const simulation = start(4);
    const agents = ['one', 'two', 'three'].map((name) => simulation.join(name));
    simulation.run(5_000);
    for (const agent of agents) agent.blind = true;
    const before = simulation.grantsMade;
    simulation.run(10 * TRIAL_AFTER_MIN_MS);
    assert.equal(simulation.grantsMade, before);
    for (const agent of agents) agent.blind = false;
    simulation.run(10 * TRIAL_AFTER_MIN_MS);
    assert.equal(simulation.grantsMade, before);
  });
});
