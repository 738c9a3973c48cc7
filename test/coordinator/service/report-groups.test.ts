import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { Coordination } from '../../../coordinator/service/coordination.js';
import type { OpenedFlowTarget } from '../../../coordinator/service/flow-target-port.js';
import type { SourceEnds } from '../../../coordinator/service/site-task-kinds.js';
import { reportGroups } from '../../../coordinator/service/report-groups.js';

interface SiteTaskOptions {
  readonly onPiece: (piece: SourceEnds) => void;
}

const FLOW = 'a->b';
const NEVER = new AbortController().signal;

/** What is known once the holder of the site has answered, with this happening meanwhile. */
function ask(meanwhile: (site: { holder: unknown; leaseEpoch: bigint }) => void) {
  const site: { holder: unknown; leaseEpoch: bigint } = {
    holder: { agentId: 'one', sessionId: 'one-1' },
    leaseEpoch: 1n,
  };
  const run = (_flow: unknown, _task: unknown, { onPiece }: SiteTaskOptions): Promise<object> => {
    for (const slice of [
      { topic: 't', partition: 3, ends: [10n] },
      { topic: 't', partition: 4, ends: [11n, -1n] },
    ])
      onPiece({ topics: [slice] });
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
    const ends = new Map([['t', new Map([10n, 11n, -1n].map((end, index) => [3 + index, end]))]]);
    assert.deepEqual(await ask(() => {}), { state: 'known', ends });
  });

  it('knows nothing when the site changed hands meanwhile, be it to the same agent', async () => {
    const other = await ask((site) => (site.holder = { agentId: 'two', sessionId: 'two-1' }));
    assert.equal(other.state, 'unknown');
    assert.equal((await ask((site) => (site.holder = undefined))).state, 'unknown');
    assert.equal((await ask((site) => (site.leaseEpoch = 2n))).state, 'unknown');
  });
});
