import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Simulation } from './simulation.js';

const FLOW = 'a->b';
const ITEM = `${FLOW}/partition/orders/0`;

describe('a target topic that is made anew', () => {
  it('voids what holders of earlier leases report, and not what the next ones do', () => {
    const simulation = new Simulation(3);
    const { core, leases } = simulation;
    const mode = 'running' as const;
    simulation.event({ kind: 'flow-mode', flow: FLOW, source: 'a', target: 'b', mode });
    simulation.join('one');
    simulation.run(1_000);
    const sessionId = core.state.flows.get(FLOW)?.site.holder?.sessionId ?? '';
    const topics = [{ name: 'orders', topicId: 'id', partitionCount: 1 }];
    simulation.event({ kind: 'inventory', sessionId, flow: FLOW, topics });
    simulation.run(3_000);
    const before = { item: ITEM, leaseEpoch: leases.get(ITEM)!.leaseEpoch };
    assert.ok(core.copiesCount(before));

    simulation.event({ kind: 'target-renewed', flow: FLOW, topic: 'orders' });
    // Its agent holds it until it has settled, and says a last time how far it came.
    assert.ok(core.accepts(leases.get(ITEM)!.sessionId, before));
    assert.ok(!core.copiesCount(before));

    simulation.run(10_000);
    const after = { item: ITEM, leaseEpoch: leases.get(ITEM)!.leaseEpoch };
    assert.ok(after.leaseEpoch > before.leaseEpoch);
    assert.ok(core.copiesCount(after));
  });
});
