import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isSite, startFixture, TestAgent, until } from './fixture.js';

const LIMIT = 1_000_000;
const FLOW = 'a->b';

it('shares a flow’s limit among its agents, and gives more to one that is held back', async (t) => {
  const fixture = await startFixture({
    lines: [`${FLOW}.bandwidth.bytes.per.second = ${LIMIT}`],
  });
  t.after(() => fixture.close());
  await until(() => fixture.coordinator.coordination, 'leadership');
  const agents = ['x', 'y'].map((agentId) => new TestAgent(fixture.agents, { agentId }));
  const [x, y] = agents as [TestAgent, TestAgent];
  await Promise.all(agents.map((agent) => agent.welcome()));
  const watcher = await until(
    () => agents.find((agent) => agent.grants().some(({ item }) => item && isSite(item))),
    'a grant of the site',
  );
  const topic = { name: 't', topicId: '6f1f3f5e-0c1b-4a55-9d3c-3a1d0b5c7e21', partitionCount: 7 };
  watcher.say({ $case: 'inventory', value: { flow: FLOW, topics: [topic] } });

  let sequence = 0n;
  const share = (agent: TestAgent): number => {
    sequence += 1n;
    const limitedFlows = agent === x ? [FLOW] : [];
    const value = { sequence, bufferedBytes: 0n, limitedFlows, missingRights: [] };
    agent.say({ $case: 'heartbeat', value });
    return Number(agent.all('flowLimit').at(-1)?.bytesPerSecond ?? 0n);
  };
  // Each is told by itself: what both have heard last need not go together yet.
  const [ofX, ofY] = await until(() => {
    const shares = [share(x), share(y)] as const;
    const together = shares[0] + shares[1];
    return shares[1] > 0 && shares[0] > LIMIT * 0.9 && together <= LIMIT * 1.1 ? shares : undefined;
  }, 'nearly all of it, and no more, for the one that is held back');
  assert.ok(ofY >= LIMIT * 0.04, `enough to begin with, beside ${ofX}`);
});
