import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import type { Coordination } from '../../../coordinator/service/coordination.js';
import { CoordinationFailbackHost } from '../../../coordinator/service/failback-host.js';
import type { ConnectedFlowTarget } from '../../../coordinator/service/open-target.js';
import { SourceFacts } from '../../../coordinator/target/source-facts.js';
import { failbackFlow } from '../../../mirror/failback-flow.js';
import { flowFrom } from '../target/open-on-broker.js';

/** A copy back that was seeded with two partitions of `east.orders`, and that nobody copies yet. */
function seeded(topics = 'orders') {
  const original = flowFrom('east', `east->west.topics = ${topics}`);
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
  const options = { original, operator: 'me', leftOut: new Set<string>() };
  return { facts, host: new CoordinationFailbackHost(coordination, options) };
}

describe('a look at the copy back', () => {
  it('names the partitions that no agent has said anything of', () => {
    const { host } = seeded();
    const awaited = ['east.orders-0', 'east.orders-1'];
    assert.deepEqual(host.look(), { lagRecords: undefined, awaited, halted: [] });
  });

  it('names a topic that is gone from the new primary, which never catches up', () => {
    const { host, facts } = seeded();
    facts.takeMissing(['east.orders', 'other'], []);
    assert.deepEqual(host.look().halted, ['topic east.orders is gone from west']);
  });

  it('names a topic that was taken out of the flow meanwhile, which nobody copies', () => {
    const { host } = seeded('other');
    assert.deepEqual(host.look().halted, [
      'topic east.orders was left out of the topics of west->east~failback meanwhile: take it in again',
    ]);
  });
});

describe('the copy back', () => {
  it('selects what the flow does, by its name on the other side, but for what is left out', () => {
    const flow = flowFrom('east', 'east->west.topics = orders, old');
    const { topicFilter } = failbackFlow(flow, new Set(['old']));
    const names = ['east.orders', 'east.old', 'east.other', 'orders'];
    assert.deepEqual(
      names.filter((name) => topicFilter.accepts(name)),
      ['east.orders'],
    );
  });
});
