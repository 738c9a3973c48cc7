import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { Coordination } from '../../../coordinator/service/coordination.js';
import type { OpenedFlowTarget } from '../../../coordinator/service/flow-target-port.js';
import { reportGroups } from '../../../coordinator/service/report-groups.js';

const FLOW = 'a->b';
const NEVER = new AbortController().signal;

/** What is known once the holder of the site has answered, with this happening meanwhile. */
function ask(meanwhile: (site: { holder: unknown; leaseEpoch: bigint }) => void) {
  const site: { holder: unknown; leaseEpoch: bigint } = {
    holder: { agentId: 'one', sessionId: 'one-1' },
    leaseEpoch: 1n,
  };
  const run = (): Promise<object> => {
    meanwhile(site);
    return Promise.resolve({});
  };
  const coordination = {
    ...{ clock: systemClock, log: silentLogger, siteTasks: { run } },
    core: { state: { flows: new Map([[FLOW, { site }]]) } },
  };
  return reportGroups(coordination as unknown as Coordination<OpenedFlowTarget>, FLOW, NEVER);
}

describe('reportGroups', () => {
  it('knows everything once the holder of the site has said so', async () => {
    assert.deepEqual(await ask(() => {}), { state: 'known' });
  });

  it('knows nothing when the site changed hands meanwhile, be it to the same agent', async () => {
    const other = await ask((site) => (site.holder = { agentId: 'two', sessionId: 'two-1' }));
    assert.equal(other.state, 'unknown');
    assert.equal((await ask((site) => (site.holder = undefined))).state, 'unknown');
    assert.equal((await ask((site) => (site.leaseEpoch = 2n))).state, 'unknown');
  });
});
