import { describeError, MirrorError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { CoordinationCore } from '../core/coordination-core.js';
import type { CoreEvent } from '../core/events.js';
import { parseItemKey } from '../core/work-item.js';
import type { OpenedFlowTarget } from './flow-target-port.js';
import type { AgentSession } from './agent-directory.js';
import type { Standing } from './meter-columns.js';
import type { FlowRuntime } from './flow-runtime.js';
import type { ProgressReport, StandingReport } from './messages.js';

export interface ProgressIntake<Opened extends OpenedFlowTarget> {
  readonly core: CoordinationCore;
  readonly flows: ReadonlyMap<string, FlowRuntime<Opened>>;
  readonly emit: (event: CoreEvent) => void;
  readonly log: Logger;
  readonly session: Pick<AgentSession, 'sessionId' | 'problems' | 'standing'>;
  readonly reports: readonly ProgressReport[];
  readonly standing: readonly StandingReport[];
  readonly nowMs: number;
}

/** Takes an agent's reports, each only if the agent has that lease now. */
export function takeProgress<Opened extends OpenedFlowTarget>(
  intake: ProgressIntake<Opened>,
): void {
  const { core, flows, session, reports, nowMs } = intake;
  for (const report of reports) {
    if (!core.accepts(session.sessionId, report.lease)) {
      // Also a short while after its session ran out in the store: so it is noted, and not refused.
      const message = `reported of ${report.lease.item}, which it does not hold; not heeded`;
      session.problems.note('foreign-lease', message, nowMs);
      continue;
    }
    const work = parseItemKey(report.lease.item);
    const flow = work === undefined ? undefined : flows.get(work.flow);
    if (work?.kind !== 'partition' || flow === undefined) continue;
    takeReport({ flow, topic: work.topic, partition: work.partition, report, intake });
    const knowsSource = report.copier !== 'recovering' && report.sourceEnd >= 0n;
    noteSource(flow, nowMs, knowsSource ? report.sourceEndAgeMs : undefined);
  }
  for (const { flow: name, sourceEndAgeMs } of intake.standing) {
    const flow = flows.get(name);
    // Without a partition that stands there is nothing that it could be said of.
    const standing = session.standing.get(name);
    if (flow === undefined || standing === undefined) continue;
    standing.seenAtMs = nowMs - sourceEndAgeMs;
    noteSource(flow, nowMs, sourceEndAgeMs);
    intake.emit({ kind: 'standing', sessionId: session.sessionId, flow: name });
  }
}

interface TakeReport<Opened extends OpenedFlowTarget> {
  readonly flow: FlowRuntime<Opened>;
  readonly topic: string;
  readonly partition: number;
  readonly report: ProgressReport;
  readonly intake: ProgressIntake<Opened>;
}

function takeReport<Opened extends OpenedFlowTarget>(options: TakeReport<Opened>): void {
  const { flow, topic, partition, report, intake } = options;
  const { emit, log, session, nowMs } = intake;
  const { sessionId, problems } = session;
  let { copier, halt } = report;
  const { lease, runs, truncatedTo, sequenceBase, sourceEpoch } = report;
  // While a blocked target has no map in memory the agent keeps its runs, and repeats them.
  const hasNews = runs.length > 0 || truncatedTo !== undefined;
  if (flow.target !== undefined && hasNews && intake.core.copiesCount(lease)) {
    try {
      const truncation = truncatedTo === undefined ? {} : { truncatedTo };
      const restarted = report.mapRestarted ? topicIds(intake, flow.id, topic) : undefined;
      const renewed = { sequenceBase, restarted };
      flow.target.applyProgress({ topic, partition, runs, ...truncation, sourceEpoch, renewed });
    } catch (error) {
      if (!(error instanceof MirrorError)) throw error;
      // One partition's fault: its runs are never acknowledged, and the others go on.
      copier = 'halted';
      halt = { code: 'map-conflict', message: describeError(error) };
      log.error({ item: lease.item, agent: sessionId, ...halt }, 'map conflict');
    }
  }
  // A copier that still looks for its position has none to report.
  const meter = flow.meter(topic, partition);
  // What its agent says of partitions that stand is not about this one any more.
  if (copier === 'recovering') meter.idle();
  meter.trouble = copier === 'recovering' || copier === 'running' ? report.trouble : '';
  // One that runs has nothing that another agent would do better.
  const inTrouble = copier === 'recovering' && meter.trouble !== '';
  if (inTrouble) problems.note('unreachable', `${lease.item}: ${meter.trouble}`, nowMs);
  if (copier !== 'recovering') meter.report(report, nowMs, standingOf(options));
  const bytesPerSecond = meter.bytesPerSecond(nowMs);
  emit({ kind: 'progress', sessionId, lease, copier, halt, inTrouble, bytesPerSecond });
}

function topicIds<Opened extends OpenedFlowTarget>(
  { core }: TakeReport<Opened>['intake'],
  flow: string,
  name: string,
): { sourceTopicId: string; targetTopicId: string } | undefined {
  const topic = core.state.flows.get(flow)?.topics.get(name);
  if (topic?.source === undefined || topic.target === undefined) return undefined;
  return { sourceTopicId: topic.source.topicId, targetTopicId: topic.target.targetTopicId };
}

/** Shared by all partitions of the flow that stand at this session's agent. */
function standingOf<Opened extends OpenedFlowTarget>({
  flow,
  report,
  intake,
}: TakeReport<Opened>): Standing | undefined {
  if (!report.standing) return undefined;
  const { standing } = intake.session;
  const known = standing.get(flow.id) ?? { seenAtMs: intake.nowMs - report.sourceEndAgeMs };
  standing.set(flow.id, known);
  return known;
}

function noteSource<Opened extends OpenedFlowTarget>(
  flow: FlowRuntime<Opened>,
  nowMs: number,
  sourceEndAgeMs: number | undefined,
): void {
  flow.agentSeenAtMs = nowMs;
  if (sourceEndAgeMs === undefined) return;
  const seenAtMs = nowMs - sourceEndAgeMs;
  if (flow.sourceSeenAtMs === undefined || seenAtMs > flow.sourceSeenAtMs)
    flow.sourceSeenAtMs = seenAtMs;
}
