import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SteeringAct, SteeringRule } from '../../../coordinator/core/steering-rules.js';
import { newAgent } from './simulated-parts.js';
import { LEASE_TTL_MS } from './simulated-store.js';
import { Simulation } from './simulation.js';

const FLOW = 'a->b';

function withTopics(seed: number, ...agents: string[]): Simulation {
  const simulation = new Simulation(seed);
  const mode = 'running' as const;
  simulation.event({ kind: 'flow-mode', flow: FLOW, source: 'a', target: 'b', mode });
  for (const agent of agents) simulation.join(agent);
  simulation.run(1_000);
  list(simulation, 'orders', 'logs');
  simulation.run(3_000);
  return simulation;
}

function list(simulation: Simulation, ...names: string[]): void {
  const sessionId = simulation.core.state.flows.get(FLOW)?.site.holder?.sessionId ?? '';
  const topics = names.map((name) => ({ name, topicId: `id-${name}`, partitionCount: 6 }));
  simulation.event({ kind: 'inventory', sessionId, flow: FLOW, topics });
}

const rule = (act: SteeringAct, ...topics: string[]): SteeringRule => ({
  ...{ act, topics, operator: 'me', atMs: 1 },
});

function steer(simulation: Simulation, ...rules: SteeringRule[]): void {
  simulation.event({ kind: 'flow-steered', flow: FLOW, rules });
}

const leased = (simulation: Simulation, topic: string): number =>
  [...simulation.leases.keys()].filter((item) => item.includes(`/${topic}/`)).length;

const heldBy = (simulation: Simulation, agentId: string): number =>
  [...simulation.leases.values()].filter((lease) => lease.agentId === agentId).length;

describe('CoordinationCore steered by operators', () => {
  it('takes back what is paused, disturbs nothing else, and grants it again', () => {
    const simulation = withTopics(1, 'one', 'two');
    const orders = [...simulation.leases].filter(([item]) => item.includes('/orders/'));
    steer(simulation, rule('pause', 'logs'));
    simulation.run(20_000);
    assert.equal(leased(simulation, 'logs'), 0);
    for (const [item, lease] of orders) assert.equal(simulation.leases.get(item), lease);
    steer(simulation);
    simulation.run(3_000);
    assert.equal(leased(simulation, 'logs'), 6);
    for (const [item, lease] of orders) assert.equal(simulation.leases.get(item), lease);
  });

  it('still watches the site of a paused flow, and pauses what appears there', () => {
    const simulation = withTopics(2, 'one');
    steer(simulation, rule('pause'));
    simulation.run(20_000);
    assert.equal(simulation.leases.size, 1);
    list(simulation, 'orders', 'logs', 'new');
    simulation.run(3_000);
    assert.equal(simulation.leases.size, 1);
  });

  it('revokes what a new leader finds leased of a paused topic', () => {
    const simulation = new Simulation(3);
    const mode = 'running' as const;
    simulation.event({ kind: 'flow-mode', flow: FLOW, source: 'a', target: 'b', mode });
    steer(simulation, rule('pause', 'orders'), rule('exclude', 'logs'));
    const leases = ['orders', 'logs', 'users'].map((topic, index) => ({
      ...{ item: `${FLOW}/partition/${topic}/0`, sessionId: '7', agentId: 'one' },
      leaseEpoch: BigInt(index + 1),
    }));
    for (const lease of leases) simulation.leases.set(lease.item, lease);
    simulation.store.sessions.set('7', 'one');
    const sessions = [{ sessionId: '7', agentId: 'one' }];
    simulation.event({ kind: 'recovered', sessions, leases });
    const held = new Map(leases.map((lease) => [lease.item, lease.leaseEpoch]));
    const identity = { agentId: 'one', clusters: ['a', 'b'], site: '' };
    const one = newAgent(identity, { sessionId: '7', held });
    simulation.agents.set('one', one);
    simulation.comeBack(one);
    simulation.run(20_000);
    assert.deepEqual([leased(simulation, 'orders'), leased(simulation, 'logs')], [0, 0]);
    assert.equal(leased(simulation, 'users'), 1);
  });

  it('forgets an excluded topic, and takes it in again from the last inventory', () => {
    const simulation = withTopics(4, 'one', 'two');
    steer(simulation, rule('exclude', 'logs'));
    simulation.run(20_000);
    assert.equal(leased(simulation, 'logs'), 0);
    assert.equal(simulation.core.state.flows.get(FLOW)?.topics.has('logs'), false);
    list(simulation, 'orders', 'logs');
    simulation.run(3_000);
    assert.equal(leased(simulation, 'logs'), 0);
    steer(simulation);
    simulation.run(5_000);
    assert.equal(leased(simulation, 'logs'), 6);
  });

  it('moves everything off a drained agent, the site too, and gives it nothing until undone', () => {
    const simulation = withTopics(5, 'one', 'two');
    simulation.event({ kind: 'agents-drained', agentIds: ['one'] });
    simulation.run(20_000);
    assert.equal(heldBy(simulation, 'one'), 0);
    assert.equal(heldBy(simulation, 'two'), 13);
    simulation.crash(simulation.agents.get('one') ?? assert.fail());
    simulation.run(LEASE_TTL_MS + 1_000);
    simulation.join('one');
    simulation.run(10_000);
    assert.equal(heldBy(simulation, 'one'), 0);
    simulation.event({ kind: 'agents-drained', agentIds: [] });
    simulation.run(60_000);
    assert.ok(heldBy(simulation, 'one') >= 6);
  });

  it('leaves its work with a drained agent when nobody else can do it', () => {
    const simulation = withTopics(6, 'one');
    simulation.event({ kind: 'agents-drained', agentIds: ['one'] });
    simulation.run(20_000);
    assert.equal(heldBy(simulation, 'one'), 13);
    simulation.join('two');
    simulation.run(20_000);
    assert.equal(heldBy(simulation, 'two'), 13);
  });

  it('prefers agents of the source’s own site, and goes back to them', () => {
    const simulation = new Simulation(7);
    const mode = 'running' as const;
    simulation.event({ kind: 'flow-mode', flow: FLOW, source: 'a', target: 'b', mode });
    simulation.join('far');
    simulation.run(1_000);
    list(simulation, 'orders');
    simulation.run(3_000);
    assert.equal(heldBy(simulation, 'far'), 7);
    simulation.join('near', ['a', 'b'], 'a');
    simulation.run(30_000);
    assert.equal(heldBy(simulation, 'near'), 7);
  });
});
