import { withDeadline } from '../../common/deadline.js';
import { describeError } from '../../common/errors.js';
import type { CommitsReported } from '../promotion/promotion-look.js';
import type { Coordination } from './coordination.js';
import type { OpenedFlowTarget } from './flow-target-port.js';
import type { SourceEnds } from './site-task-kinds.js';
import { SiteTaskUnsupportedError } from './site-task-errors.js';

/** How long the holder may take; the drain of a planned promotion asks again until its own time is over. */
export const REPORT_GROUPS_MS_MAX = 10_000;

/**
 * Has the holder of the flow's site work report which topics there are, what groups have committed up
 * to now, and where the topics end. Its reports come on the stream on which it then says that it is
 * done, and are taken in before that.
 */
export async function reportGroups<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  flowId: string,
  signal: AbortSignal,
): Promise<CommitsReported> {
  const { clock, siteTasks, log } = coordination;
  const site = coordination.core.state.flows.get(flowId)?.site;
  if (site?.holder === undefined)
    return { state: 'unknown', problem: 'no agent watches its groups' };
  const { leaseEpoch } = site;
  const { agentId, sessionId } = site.holder;
  const what = `what agent ${agentId} knows of its groups`;
  const limits = { what, ms: REPORT_GROUPS_MS_MAX, clock, signal };
  const task = { $case: 'reportGroups', value: {} } as const;
  try {
    const ends = new Map<string, Map<number, bigint>>();
    const onPiece = (piece: SourceEnds): void => {
      for (const { topic, partition: first, ends: found } of piece.topics) {
        const seen = ends.get(topic) ?? new Map<number, bigint>();
        ends.set(topic, seen);
        for (const [index, end] of found.entries()) seen.set(first + index, end);
      }
    };
    await withDeadline(limits, (limit) =>
      siteTasks.run<'reportGroups'>(flowId, task, { agentId, onPiece, signal: limit }),
    );
    // What it said after it had lost the work was not heeded.
    if (site.leaseEpoch === leaseEpoch && site.holder?.sessionId === sessionId)
      return { state: 'known', ends };
    return { state: 'unknown', problem: 'another agent begins to watch its groups' };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SiteTaskUnsupportedError) return { state: 'as-reported' };
    const problem = describeError(error);
    log.debug({ flow: flowId, agentId, error: problem }, 'the groups were not reported');
    return { state: 'unknown', problem };
  }
}
