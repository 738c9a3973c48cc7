import { withDeadline } from '../../common/deadline.js';
import { describeError } from '../../common/errors.js';
import type { Coordination } from './coordination.js';
import type { OpenedFlowTarget } from './flow-target-port.js';
import { SiteTaskUnsupportedError } from './site-task-errors.js';
import type { SiteAgent } from './site-tasks.js';

/** How long an agent waits for a broker of the source: a live one that is busy answers sooner. */
export const PROBE_BROKER_MS_MAX = 2_000;

/**
 * How long the agents may take; beyond it they are as cut off as their source. Also how long one is
 * waited for: after a change of leader they need a moment to connect.
 */
export const PROBE_MS_MAX = 4_000;

const AGENT_POLL_MS = 100;

/** Agents that are asked: one that sees the source is enough. */
const AGENTS_ASKED_MAX = 4;

/**
 * Lets agents ask the source whether it is there, so that nobody has to wait until its silence says
 * so. What came of it is kept with the flow; a probe that cannot be made leaves everything as it was.
 */
export async function probeSource<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  flowId: string,
  signal: AbortSignal,
): Promise<void> {
  const { clock, siteTasks } = coordination;
  const flow = coordination.flow(flowId);
  const atMs = clock.nowMs();
  while (siteTasks.agentsFor(flowId).length === 0 && clock.nowMs() - atMs < PROBE_MS_MAX)
    await clock.sleep(AGENT_POLL_MS, signal);
  const agents = siteTasks.agentsFor(flowId).slice(0, AGENTS_ASKED_MAX);
  const done = new AbortController();
  const task = { $case: 'probeSource', value: { timeoutMs: PROBE_BROKER_MS_MAX } } as const;
  const silent: string[] = [];
  let cannotTell = false;
  const ask = async ({ agentId }: SiteAgent, limit: AbortSignal): Promise<void> => {
    try {
      const options = { agentId, signal: limit };
      const { answered, problem } = await siteTasks.run<'probeSource'>(flowId, task, options);
      if (!answered) silent.push(`${agentId} (${problem})`);
      else {
        flow.sourceSeenAtMs = clock.nowMs();
        flow.unansweredProbe = undefined;
        done.abort(new Error('another agent saw the source'));
      }
    } catch (error) {
      if (error instanceof SiteTaskUnsupportedError) cannotTell = true;
      coordination.log.debug({ flow: flowId, agentId, error: describeError(error) }, 'no probe');
    }
  };
  const either = AbortSignal.any([signal, done.signal]);
  await withDeadline(
    { what: 'a probe of the source', ms: PROBE_MS_MAX, clock, signal: either },
    (limit) => Promise.all(agents.map((agent) => ask(agent, limit))),
  );
  signal.throwIfAborted();
  if (done.signal.aborted || cannotTell) return;
  const names = agents.map(({ agentId }) => agentId).join(', ');
  const mute =
    names === '' ? 'no agent that reaches it is connected' : `its agents do not answer: ${names}`;
  flow.unansweredProbe =
    silent.length > 0
      ? { atMs, state: 'unreachable', evidence: `it does not answer ${silent.join(', ')}` }
      : { atMs, state: 'unknown', evidence: mute };
}
