import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LEADER_MARGIN_FRACTION } from '../../../coordinator/store/limits.js';
import { LEASE_TTL_MS, startFixture, TestAgent, until } from './fixture.js';

it('has the store keep a session until a leader that stood still can renew it', async (t) => {
  const fixture = await startFixture();
  t.after(() => fixture.close());
  const { leadership } = await until(() => fixture.coordinator.coordination, 'leadership');
  const agent = new TestAgent(fixture.agents, { agentId: 'x' });
  await agent.welcome();
  const [session] = await leadership.sessions();
  const storeTtls = (session?.ttlMs ?? 0) / LEASE_TTL_MS;
  // The last renewal may be as old as the time between two heartbeats.
  assert.ok(storeTtls > 1 / 3 + (1 - LEADER_MARGIN_FRACTION), `${storeTtls} times to live`);
  assert.ok(storeTtls < 1.5, `a dead agent's work waits ${storeTtls} times to live`);
  await agent.leave();
});
