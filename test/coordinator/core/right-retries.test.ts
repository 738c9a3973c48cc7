import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CopierState } from '../../../coordinator/core/events.js';
import { refusalOf, RIGHT_RETRY_MS } from '../../../coordinator/core/right-retries.js';
import { Simulation } from './simulation.js';

const FLOW = 'a->b';
const ITEM = `${FLOW}/partition/orders/0`;

function copying(seed: number): Simulation {
  const simulation = new Simulation(seed);
  const mode = 'running' as const;
  simulation.event({ kind: 'flow-mode', flow: FLOW, source: 'a', target: 'b', mode });
  simulation.join('one');
  simulation.run(1_000);
  const sessionId = simulation.core.state.flows.get(FLOW)?.site.holder?.sessionId ?? '';
  const topics = [{ name: 'orders', topicId: 'id', partitionCount: 1 }];
  simulation.event({ kind: 'inventory', sessionId, flow: FLOW, topics });
  simulation.run(3_000);
  return simulation;
}

function says(simulation: Simulation, copier: CopierState, code?: string): void {
  const { sessionId, leaseEpoch } = simulation.leases.get(ITEM)!;
  const halt = code === undefined ? undefined : { code, message: 'why' };
  const lease = { item: ITEM, leaseEpoch };
  simulation.event({ kind: 'progress', sessionId, lease, copier, halt });
}

const refused = ({ core: { state } }: Simulation): string | undefined =>
  refusalOf(state, state.items.get(ITEM)!)?.code;

describe('partitions that halted for a missing right', () => {
  it('are granted again after a while, and count as halted until they run', () => {
    const simulation = copying(1);
    const first = simulation.leases.get(ITEM)?.leaseEpoch;
    says(simulation, 'halted', 'not-authorized');
    simulation.run(RIGHT_RETRY_MS / 2);
    says(simulation, 'halted', 'not-authorized');
    assert.equal(simulation.leases.get(ITEM)?.leaseEpoch, first);
    simulation.run(RIGHT_RETRY_MS);
    const second = simulation.leases.get(ITEM)?.leaseEpoch;
    assert.notEqual(second, first);
    assert.equal(refused(simulation), 'not-authorized');
    says(simulation, 'recovering');
    assert.equal(refused(simulation), 'not-authorized');
    says(simulation, 'running');
    assert.equal(refused(simulation), undefined);
    simulation.run(3 * RIGHT_RETRY_MS);
    assert.equal(simulation.leases.get(ITEM)?.leaseEpoch, second);
  });

  it('are tried again and again, and those that halted for anything else are not', () => {
    const simulation = copying(2);
    const epochs = new Set<bigint>();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const { leaseEpoch } = simulation.leases.get(ITEM)!;
      epochs.add(leaseEpoch);
      says(simulation, 'halted', 'not-authorized');
      // The agent may take its time to let go.
      for (let waits = 0; waits < 10; waits += 1) {
        simulation.run(RIGHT_RETRY_MS);
        if ((simulation.leases.get(ITEM)?.leaseEpoch ?? leaseEpoch) !== leaseEpoch) break;
      }
    }
    assert.equal(epochs.size, 3);
    const last = simulation.leases.get(ITEM)?.leaseEpoch;
    says(simulation, 'halted', 'target-diverged');
    simulation.run(3 * RIGHT_RETRY_MS);
    assert.equal(simulation.leases.get(ITEM)?.leaseEpoch, last);
  });
});
