import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CoordinationCore } from '../../../coordinator/core/coordination-core.js';
import type { CoreAction } from '../../../coordinator/core/events.js';
import { REVOKE_WAIT_MAX_MS } from '../../../coordinator/core/step.js';

const leaseTtlMs = 10_000;
const TICK_MS = 250;

/** A core with one agent that was heard at 0; [ms, what] are told in turn, with ticks in between. */
class Leader {
  readonly core = new CoordinationCore({ leaseTtlMs });
  readonly closed: number[] = [];
  nowMs = 0;

  constructor() {
    const joined = { agentId: 'x', clusters: ['a', 'b'], held: [] };
    this.core.step({ kind: 'agent-joined', sessionId: '1', ...joined }, 0);
  }

  tick(): CoreAction[] {
    const actions = this.core.step({ kind: 'tick' }, this.nowMs);
    if (actions.some(({ kind }) => kind === 'close-session')) this.closed.push(this.nowMs);
    return actions;
  }

  runUntil(untilMs: number): void {
    while (this.nowMs + TICK_MS <= untilMs) {
      this.nowMs += TICK_MS;
      this.tick();
    }
  }

  /** Nothing runs; then timers do, before anything is read. */
  freezeUntil(untilMs: number): void {
    this.nowMs = untilMs;
    this.tick();
  }

  heartbeat(): void {
    this.core.step({ kind: 'agent-heartbeat', sessionId: '1' }, this.nowMs);
  }
}

describe('a leader that stood still', () => {
  it('ends the session of a silent agent one time to live after its last word, if it did not', () => {
    const leader = new Leader();
    leader.runUntil(3_000);
    leader.heartbeat();
    leader.runUntil(20_000);
    assert.deepEqual(leader.closed, [3_000 + leaseTtlMs + TICK_MS]);
  });

  /** Last heard, frozen from, until, then silent: when the session ends; undefined for never. */
  const table = [
    { name: 'no agent, whose word waits to be read', heard: 3_000, from: 5_500, until: 13_500 },
    {
      name: 'no agent, for longer than the time to live',
      heard: 3_000,
      from: 3_000,
      until: 60_000,
    },
    { name: 'no agent, at the edge of it', heard: 0, from: 3_250, until: 12_250 },
  ];
  for (const { name, heard, from, until } of table) {
    it(`ends the session of ${name} (${heard}, ${from}–${until} ms)`, () => {
      const leader = new Leader();
      leader.runUntil(heard);
      leader.heartbeat();
      leader.runUntil(from);
      leader.freezeUntil(until);
      leader.heartbeat();
      leader.runUntil(until + leaseTtlMs);
      assert.deepEqual(leader.closed, []);
    });
  }

  it('ends that of a dead one by as much later as it stood still, and not later', () => {
    const leader = new Leader();
    leader.runUntil(4_000);
    leader.freezeUntil(12_000);
    leader.runUntil(40_000);
    const [closedMs] = leader.closed;
    assert.ok(closedMs !== undefined, 'it is closed');
    assert.ok(closedMs > leaseTtlMs + 7_000 && closedMs <= leaseTtlMs + 8_000 + TICK_MS);
  });

  it('takes ticks that come late by a little for what they are: time in which it could hear', () => {
    const leader = new Leader();
    while (leader.closed.length === 0) leader.freezeUntil(leader.nowMs + 2 * TICK_MS);
    assert.deepEqual(leader.closed, [leaseTtlMs + 2 * TICK_MS]);
  });

  it('waits as long for an agent to let go of a partition', () => {
    const leader = new Leader();
    const { core } = leader;
    const flow = { kind: 'flow-mode', flow: 'a->b', source: 'a', target: 'b' } as const;
    core.step({ ...flow, mode: 'running' }, 0);
    const lease = { item: 'a->b/site', leaseEpoch: 5n };
    leader.tick();
    core.step({ kind: 'granted', sessionId: '1', lease }, 0);
    core.step({ ...flow, mode: 'stopped' }, 0);
    leader.freezeUntil(REVOKE_WAIT_MAX_MS + 1_000);
    const item = core.state.items.get('a->b/site');
    assert.equal(item?.state, 'revoking');
    leader.heartbeat();
    leader.runUntil(2 * REVOKE_WAIT_MAX_MS + 1_000);
    assert.equal(item.state, 'releasing');
  });
});
