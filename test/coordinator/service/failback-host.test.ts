import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import type { Coordination } from '../../../coordinator/service/coordination.js';
import { CoordinationFailbackHost } from '../../../coordinator/service/failback-host.js';
import type { ConnectedFlowTarget } from '../../../coordinator/service/open-target.js';
import { SourceFacts } from '../../../coordinator/target/source-facts.js';
import { failbackFlow } from '../../../mirror/failback-flow.js';
import { flowFrom } from '../target/open-on-broker.js';

describe('a look at the copy back', () => {
  it('names a topic that is gone from the new primary, which never catches up', () => {
    const original = flowFrom('east');
    const facts = new SourceFacts();
    const mapped = [0, 1].map((partition) => ({ topic: 'east.orders', partition }));
    const runtime = {
      ...{ flow: failbackFlow(original), facts, meters: new Map() },
      opened: { target: { mappedPartitions: () => mapped } },
    };
    const coordination = {
      clock: systemClock,
      core: { state: { flows: new Map() } },
      flow: () => runtime,
    } as unknown as Coordination<ConnectedFlowTarget>;
    const host = new CoordinationFailbackHost(coordination, { original, operator: 'me' });
    assert.deepEqual(host.look(), { lagRecords: undefined, halted: [] });
    facts.takeMissing(['east.orders', 'other'], []);
    assert.deepEqual(host.look().halted, ['topic east.orders is gone from west']);
  });
});
