import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { PartitionView } from '../../../coordinator/service/status-view.js';
import {
  ForwardClock,
  isPartition,
  isSite,
  LEASE_TTL_MS,
  startFixture,
  TestAgent,
  until,
} from './fixture.js';

/** A promise, and what settles it. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

it('takes a new topic and a lease on its way for what they are, and not for a want of agents', async (t) => {
  const clock = new ForwardClock();
  const fixture = await startFixture({ clock });
  t.after(() => fixture.close());
  const coordination = await until(() => fixture.coordinator.coordination, 'leadership');
  const { target } = fixture;
  const [topicMade, leaseWritten] = [gate(), gate()];
  const ensureTopic = target.ensureTopic.bind(target);
  target.ensureTopic = async (topic) => {
    await topicMade.opened;
    return ensureTopic(topic);
  };
  const agent = new TestAgent(fixture.agents, { agentId: 'x' });
  await agent.grant(isSite);

  const { leadership } = coordination;
  const grant = leadership.grant.bind(leadership);
  leadership.grant = async (requests) => {
    await leaseWritten.opened;
    return grant(requests);
  };
  const topics = [
    { name: 't', topicId: '6f1f3f5e-0c1b-4a55-9d3c-3a1d0b5c7e21', partitionCount: 1 },
  ];
  agent.say({ $case: 'inventory', value: { flow: 'a->b', topics } });
  const partition = (): PartitionView | undefined =>
    fixture.coordinator.status('a->b').flows[0]?.partitions[0];
  const made = await until(partition, 'the topic');
  assert.deepEqual([made.state, made.holder], ['recovering', '']);

  topicMade.open();
  const chosen = await until(() => (partition()?.holder === 'x' ? partition() : undefined), 'x');
  assert.equal(chosen.state, 'recovering');
  assert.deepEqual(
    agent.grants().filter(({ item }) => item && isPartition(0)(item)),
    [],
  );

  leaseWritten.open();
  await agent.grant(isPartition(0));
  await agent.leave();
  await clock.putForward(2 * LEASE_TTL_MS);
  // Its session outlives the agent, and then there is none that could have the partition.
  await until(() => (partition()?.state === 'unheld' ? true : undefined), 'unheld');
});
