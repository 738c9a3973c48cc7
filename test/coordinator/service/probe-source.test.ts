import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock, type Clock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { Coordination } from '../../../coordinator/service/coordination.js';
import type { OpenedFlowTarget } from '../../../coordinator/service/flow-target-port.js';
import type { AgentLink } from '../../../coordinator/service/messages.js';
import { PROBE_MS_MAX, probeSource } from '../../../coordinator/service/probe-source.js';
import { CoordinationPromotionHost } from '../../../coordinator/service/promotion-host.js';
import { SiteTasks, type SiteAgent } from '../../../coordinator/service/site-tasks.js';
import { hastyClock } from '../promotion/scene.js';

const FLOW = 'a->b';
const NEVER = new AbortController().signal;

type Reply = 'mute' | 'answered' | 'silent' | 'unsupported' | 'gone';

/** Waits pass at once; a deadline passes once those have replied that do. */
function probingClock(): Clock {
  const hasty = hastyClock();
  const deadline = (): Promise<void> =>
    new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  return { ...hasty, sleep: (ms) => (ms === PROBE_MS_MAX ? deadline() : hasty.sleep(ms)) };
}

/** A coordination of which only the source of one flow matters, and agents that reply like this. */
function stage(replies: Readonly<Record<string, Reply>>, seenAtMs: number | undefined) {
  const flow = { flow: { source: 'a' }, sourceSeenAtMs: seenAtMs, unansweredProbe: undefined };
  const agents: SiteAgent[] = Object.entries(replies).map(([agentId, reply]) => {
    const siteTaskKinds = reply === 'unsupported' ? [] : ['probeSource'];
    const link: AgentLink = {
      peer: 'test',
      end: () => {},
      send: (says) => {
        if (says.kind !== 'site-task' || reply === 'mute') return;
        if (reply === 'gone') setImmediate(() => siteTasks.streamEnded(link));
        const value = { answered: reply === 'answered', problem: 'ECONNREFUSED' };
        const result = { kind: 'result', result: { $case: 'probeSource', value } } as const;
        setImmediate(() => siteTasks.report(link, says.taskId, result));
      },
    };
    return { agentId, version: '1', siteTaskKinds, link };
  });
  const over = new AbortController().signal;
  const own = { clock: probingClock(), log: silentLogger };
  const siteTasks = new SiteTasks({ ...own, agentsFor: () => agents, over });
  const connected = agents.map(({ agentId }) => {
    return { agentId, connected: true, clusters: new Set(['a']) };
  });
  const core = { state: { agents: new Map(connected.map((each) => [each.agentId, each])) } };
  const coordination = { ...own, siteTasks, core, flow: () => flow };
  const host = new CoordinationPromotionHost(
    coordination as unknown as Coordination<OpenedFlowTarget>,
  );
  const probe = () =>
    probeSource(coordination as unknown as Coordination<OpenedFlowTarget>, FLOW, NEVER);
  return { flow, host, probe };
}

describe('probeSource', () => {
  const justNow = (): number => systemClock.nowMs() - 100;

  for (const [replies, expected] of [
    [{ one: 'answered' }, 'reachable'],
    [{ one: 'silent' }, 'unreachable'],
    [{ one: 'silent', two: 'answered' }, 'reachable'],
    [{ one: 'gone', two: 'silent' }, 'unreachable'],
    [{ one: 'mute', two: 'answered' }, 'reachable'],
    [{ one: 'mute', two: 'silent' }, 'unreachable'],
    [{ one: 'mute' }, 'unknown'],
    [{ one: 'gone' }, 'unknown'],
    [{ one: 'unsupported' }, 'reachable'], // as its last look says
    [{}, 'unknown'],
  ] as const) {
    it(`makes the source ${expected} when agents reply ${JSON.stringify(replies)}`, async () => {
      const { host, probe } = stage(replies, justNow());
      await probe();
      assert.equal(host.sourceState(FLOW).state, expected);
    });
  }

  it('says who asked, and what came of it', async () => {
    const { host, probe } = stage({ one: 'silent' }, justNow());
    await probe();
    const { evidence } = host.sourceState(FLOW);
    assert.match(
      evidence,
      /does not answer one \(ECONNREFUSED\); the source was last read \d+\.\d s/,
    );
  });

  it('is refuted by a look at the source that is newer', async () => {
    const { flow, host, probe } = stage({ one: 'silent' }, justNow());
    await probe();
    flow.sourceSeenAtMs = systemClock.nowMs();
    assert.equal(host.sourceState(FLOW).state, 'reachable');
  });

  it('shows a source that no agent has read yet', async () => {
    const { host, probe } = stage({ one: 'answered' }, undefined);
    await probe();
    assert.equal(host.sourceState(FLOW).state, 'reachable');
  });
});
