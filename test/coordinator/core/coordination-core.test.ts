import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newAgent } from './simulated-parts.js';
import { LEASE_TTL_MS } from './simulated-store.js';
import { Simulation } from './simulation.js';

const FLOW = 'a->b';

function withFlow(seed: number): Simulation {
  const simulation = new Simulation(seed);
  simulation.event({ kind: 'flow-mode', flow: FLOW, source: 'a', target: 'b', mode: 'running' });
  return simulation;
}

/** The holder of the site item lists the topics. */
function listTopics(simulation: Simulation, topics: number, partitionCount: number): void {
  const sessionId = simulation.core.state.flows.get(FLOW)?.site.holder?.sessionId;
  assert.ok(sessionId !== undefined, 'somebody holds the site');
  const listed = Array.from({ length: topics }, (_, index) => ({
    name: `t${index}`,
    topicId: `id${index}`,
    partitionCount,
  }));
  simulation.event({ kind: 'inventory', sessionId, flow: FLOW, topics: listed });
}

/** What must hold once nothing is under way: store, core and agents say the same. */
function checkSettled(simulation: Simulation): void {
  for (const item of simulation.core.state.items.values()) {
    assert.equal(item.state, 'held', item.key);
    const lease = simulation.leases.get(item.key);
    assert.equal(lease?.sessionId, item.holder?.sessionId, item.key);
    assert.equal(lease?.leaseEpoch, item.leaseEpoch, item.key);
    const agent = simulation.agents.get(item.holder?.agentId ?? '');
    assert.equal(agent?.held.get(item.key), item.leaseEpoch, `${item.key} at its agent`);
  }
  assert.equal(simulation.leases.size, simulation.core.state.items.size);
}

const loads = (simulation: Simulation): number[] =>
  [...simulation.core.state.agents.values()].map((agent) => agent.load).sort((a, b) => a - b);

describe('CoordinationCore', () => {
  it('grants the site, then every partition of what the site lists', () => {
    const simulation = withFlow(1);
    simulation.join('one');
    simulation.run(1_000);
    listTopics(simulation, 3, 4);
    simulation.run(3_000);
    assert.equal(simulation.core.state.items.size, 13);
    checkSettled(simulation);
  });

  it('gives nothing to an agent that cannot reach both clusters', () => {
    const simulation = withFlow(2);
    simulation.join('far', ['a']);
    simulation.run(2_000);
    assert.equal(simulation.leases.size, 0);
  });

  it('moves only the surplus when an agent joins', () => {
    const simulation = withFlow(3);
    simulation.join('one');
    simulation.join('two');
    simulation.run(1_000);
    listTopics(simulation, 1, 29);
    simulation.run(3_000);
    assert.deepEqual(loads(simulation), [15, 15]);
    const before = simulation.grantsMade;
    simulation.join('three');
    simulation.run(40_000);
    checkSettled(simulation);
    assert.deepEqual(loads(simulation), [10, 10, 10]);
    assert.equal(simulation.grantsMade - before, 10);
  });

  it('moves the items of a silent agent within one time to live', () => {
    const simulation = withFlow(4);
    const one = simulation.join('one');
    simulation.join('two');
    simulation.run(1_000);
    listTopics(simulation, 2, 5);
    simulation.run(3_000);
    one.silent = true;
    simulation.run(LEASE_TTL_MS - 500);
    assert.ok([...simulation.leases.values()].some((lease) => lease.agentId === 'one'));
    simulation.agents.delete('one');
    simulation.run(4_000);
    checkSettled(simulation);
    assert.ok([...simulation.leases.values()].every((lease) => lease.agentId === 'two'));
  });

  it('leaves its items with an agent whose stream broke and which comes back', () => {
    const simulation = withFlow(5);
    const one = simulation.join('one');
    simulation.join('two');
    simulation.run(1_000);
    listTopics(simulation, 2, 5);
    simulation.run(3_000);
    const before = new Map(simulation.leases);
    simulation.disconnect(one);
    simulation.run(LEASE_TTL_MS - 2_000);
    simulation.comeBack(one);
    simulation.run(2_000);
    assert.deepEqual(simulation.leases, before);
    checkSettled(simulation);
  });

  it('moves the items of a draining agent at once', () => {
    const simulation = withFlow(6);
    const one = simulation.join('one');
    simulation.join('two');
    simulation.run(1_000);
    listTopics(simulation, 2, 5);
    simulation.run(3_000);
    simulation.event({ kind: 'agent-draining', sessionId: one.sessionId });
    simulation.run(1_500);
    simulation.crash(one);
    simulation.run(2_000);
    checkSettled(simulation);
  });

  it('ignores a release of an earlier lease of the same item', () => {
    const simulation = withFlow(7);
    const one = simulation.join('one');
    simulation.run(1_000);
    const [lease] = [...simulation.leases.values()];
    assert.ok(lease !== undefined);
    const stale = { item: lease.item, leaseEpoch: lease.leaseEpoch - 1n };
    simulation.event({ kind: 'released', sessionId: one.sessionId, lease: stale });
    simulation.event({ kind: 'lease-gone', lease: stale });
    simulation.run(2_000);
    assert.deepEqual([...simulation.leases.values()], [lease]);
    checkSettled(simulation);
  });

  it('adopts the leases that an earlier leader granted', () => {
    const simulation = new Simulation(8);
    const mode = 'running' as const;
    simulation.event({ kind: 'flow-mode', flow: FLOW, source: 'a', target: 'b', mode });
    const leases = [
      { item: `${FLOW}/site`, sessionId: '70', agentId: 'one', leaseEpoch: 5n },
      { item: `${FLOW}/partition/t0/0`, sessionId: '70', agentId: 'one', leaseEpoch: 6n },
    ];
    for (const lease of leases) simulation.leases.set(lease.item, lease);
    simulation.store.sessions.set('70', 'one');
    simulation.event({
      kind: 'recovered',
      sessions: [{ sessionId: '70', agentId: 'one' }],
      leases,
    });
    simulation.run(1_000);
    const held = new Map(leases.map((lease) => [lease.item, lease.leaseEpoch]));
    const identity = { agentId: 'one', clusters: ['a', 'b'], site: '' };
    const one = newAgent(identity, { sessionId: '70', held });
    simulation.agents.set('one', one);
    simulation.comeBack(one);
    listTopics(simulation, 1, 1);
    simulation.run(2_000);
    assert.deepEqual([...simulation.leases.values()], leases);
    checkSettled(simulation);
  });

  it('is not told of a lease that is gone by a listing that was made before', () => {
    const simulation = withFlow(8);
    simulation.join('one');
    simulation.run(1_000);
    listTopics(simulation, 1, 2);
    simulation.run(3_000);
    const leases = [...simulation.leases.values()];
    const lease = leases.find(({ item }) => item.endsWith('t0/1'))!;
    listTopics(simulation, 0, 0); // not in the selection any more: the item is forgotten
    simulation.run(20_000);
    assert.equal(simulation.core.state.items.has(lease.item), false);
    simulation.event({ kind: 'leases-listed', leases, more: false });
    simulation.event({ kind: 'leases-listed', leases, more: false }); // one that waited meanwhile
    assert.equal(simulation.core.state.items.has(lease.item), false);
    listTopics(simulation, 1, 2);
    simulation.run(3_000);
    checkSettled(simulation);
  });

  it('takes a deletion for what was granted before it, and for nothing newer', () => {
    const simulation = withFlow(7);
    simulation.join('one');
    simulation.run(1_000);
    listTopics(simulation, 1, 2);
    simulation.run(3_000);
    const { core } = simulation;
    const item = core.state.items.get(`${FLOW}/partition/t0/1`)!;
    const { leaseEpoch } = item;
    simulation.event({ kind: 'lease-deleted', item: item.key, revision: leaseEpoch });
    assert.equal(item.state, 'held', 'it was granted at the revision at which an older one went');
    simulation.leases.delete(item.key);
    simulation.event({ kind: 'lease-deleted', item: item.key, revision: leaseEpoch + 1n });
    assert.equal(item.state, 'unheld');
    simulation.run(3_000);
    checkSettled(simulation);
  });

  it('believes only the list that is complete, not one that broke off before', () => {
    const simulation = withFlow(8);
    simulation.join('one');
    simulation.run(1_000);
    listTopics(simulation, 1, 2);
    simulation.run(3_000);
    const leases = [...simulation.leases.values()];
    const lost = leases.find(({ item }) => item.endsWith('t0/1'))!;
    const kept = leases.filter((lease) => lease !== lost);
    const item = simulation.core.state.items.get(lost.item)!;
    simulation.event({ kind: 'leases-listed', leases: [lost], first: true, more: true });
    // The watch forgot to tell that it went; the newest epoch says that the list is newer.
    simulation.leases.delete(lost.item);
    const newer = { ...kept[0]!, item: `${FLOW}/partition/t9/9`, leaseEpoch: 1_000_000n };
    simulation.event({ kind: 'leases-listed', leases: [...kept, newer], first: true });
    assert.equal(item.state, 'unheld');
  });

  it('moves nothing after a takeover before it could be granted again', () => {
    const simulation = new Simulation(9);
    const topics = [{ name: 't', topicId: 'id', partitionCount: 20 }];
    simulation.addFlow({ name: FLOW, source: 'a', target: 'b', topics });
    simulation.join('one');
    simulation.run(3_000);
    simulation.takeOver();
    simulation.join('two');
    for (let lookedMs = 0; lookedMs < 5_000; lookedMs += 250) {
      simulation.run(250);
      for (const item of simulation.core.state.revoking)
        assert.notEqual(item.topic?.target, undefined, `${item.key} at ${simulation.nowMs}`);
    }
    simulation.run(20_000);
    assert.deepEqual(loads(simulation), [10, 11]);
    checkSettled(simulation);
  });

  it('revokes everything of a stopped flow and grants it again when it runs', () => {
    const simulation = withFlow(9);
    simulation.join('one');
    simulation.run(1_000);
    listTopics(simulation, 1, 4);
    simulation.run(2_000);
    const change = { kind: 'flow-mode', flow: FLOW, source: 'a', target: 'b' } as const;
    simulation.event({ ...change, mode: 'stopped' });
    simulation.run(20_000);
    assert.equal(simulation.core.isIdle(FLOW), true);
    assert.equal(simulation.leases.size, 0);
    simulation.event({ ...change, mode: 'running' });
    simulation.run(3_000);
    checkSettled(simulation);
  });
});
