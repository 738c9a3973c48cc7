import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Simulation } from './simulation.js';

const FLOW = 'a->b';
const ITEM = `${FLOW}/partition/orders/0`;

describe('a halt that an operator accepted', () => {
  it('is for the next holder, whatever the one before says while it stops', () => {
    const simulation = new Simulation(5);
    const { core, leases } = simulation;
    const mode = 'running' as const;
    simulation.event({ kind: 'flow-mode', flow: FLOW, source: 'a', target: 'b', mode });
    simulation.join('one');
    simulation.run(1_000);
    const site = core.state.flows.get(FLOW)?.site.holder?.sessionId ?? '';
    const topics = [{ name: 'orders', topicId: 'id', partitionCount: 1 }];
    simulation.event({ kind: 'inventory', sessionId: site, flow: FLOW, topics });
    simulation.run(3_000);
    const { sessionId, leaseEpoch } = leases.get(ITEM)!;
    const report = { kind: 'progress', sessionId, lease: { item: ITEM, leaseEpoch } } as const;
    const halt = { code: 'source-data-lost', message: 'why' };
    simulation.event({ ...report, copier: 'halted', halt });
    simulation.event({ kind: 'resume', items: [ITEM], accept: 'source-data-lost' });
    // It settles what is in flight, and does not copy any more.
    simulation.event({ ...report, copier: 'running', halt });
    assert.equal(core.state.items.get(ITEM)?.accept, 'source-data-lost');
  });
});
