import type { WorkloadResult } from './results.js';
import {
  summarizeCopy,
  summarizeLatency,
  type CopySummary,
  type LatencySummary,
} from './summary.js';

interface GoalBase {
  readonly workload: string;
  readonly text: string;
  /** What the measured figure is compared with. */
  readonly bound: number;
  readonly sense: 'at least' | 'at most';
}

type CopyFigure = (
  agent: CopySummary,
  others: { mm2: CopySummary | undefined; limit: CopySummary | undefined },
) => number | undefined;

type LatencyFigure = (agent: LatencySummary, mm2: LatencySummary) => number;

type Goal = GoalBase & ({ readonly copy: CopyFigure } | { readonly latency: LatencyFigure });

export interface GoalOutcome {
  readonly workload: string;
  readonly text: string;
  readonly bound: number;
  readonly sense: 'at least' | 'at most';
  readonly measured: number;
  readonly met: boolean;
}

const overLimit: CopyFigure = (agent, { limit }) =>
  limit && agent.bytesPerSecond / limit.bytesPerSecond;
const overMm2: CopyFigure = (agent, { mm2 }) =>
  mm2 && agent.recordsPerSecond / mm2.recordsPerSecond;
const cpuOverMm2: CopyFigure = (agent, { mm2 }) =>
  mm2?.cpuSecondsPerMillion === undefined || agent.cpuSecondsPerMillion === undefined
    ? undefined
    : agent.cpuSecondsPerMillion / mm2.cpuSecondsPerMillion;
const memoryOverMm2: CopyFigure = (agent, { mm2 }) =>
  mm2?.peakBytes === undefined || agent.peakBytes === undefined
    ? undefined
    : agent.peakBytes / mm2.peakBytes;
const startUpSeconds: CopyFigure = (agent) =>
  agent.startUpMs === undefined ? undefined : agent.startUpMs / 1000;

/** All as figures taken in one run, so that they mean the same on any machine. */
const GOALS: readonly Goal[] = [
  {
    workload: 'large',
    text: 'throughput over the broker limit',
    bound: 0.9,
    sense: 'at least',
    copy: overLimit,
  },
  { workload: 'large', text: "throughput over MM2's", bound: 4, sense: 'at least', copy: overMm2 },
  {
    workload: 'large',
    text: "CPU per record over MM2's",
    bound: 1 / 12,
    sense: 'at most',
    copy: cpuOverMm2,
  },
  {
    workload: 'one-record',
    text: "throughput over MM2's",
    bound: 8,
    sense: 'at least',
    copy: overMm2,
  },
  {
    workload: 'one-record',
    text: "CPU per record over MM2's",
    bound: 1 / 8,
    sense: 'at most',
    copy: cpuOverMm2,
  },
  {
    workload: 'small-lz4',
    text: "throughput over MM2's",
    bound: 3,
    sense: 'at least',
    copy: overMm2,
  },
  {
    workload: 'small-lz4',
    text: "CPU per record over MM2's",
    bound: 1 / 3,
    sense: 'at most',
    copy: cpuOverMm2,
  },
  {
    workload: 'latency',
    text: "p99 over MM2's",
    bound: 1 / 4,
    sense: 'at most',
    latency: (agent, mm2) => agent.p99Ms / mm2.p99Ms,
  },
  {
    workload: 'checkpoint-latency',
    text: 'p50 from a commit to its checkpoint, ms',
    bound: 100,
    sense: 'at most',
    latency: (agent) => agent.p50Ms,
  },
  {
    workload: 'large',
    text: "peak memory over MM2's",
    bound: 1 / 6,
    sense: 'at most',
    copy: memoryOverMm2,
  },
  {
    workload: 'large',
    text: 'seconds from start to first record',
    bound: 2,
    sense: 'at most',
    copy: startUpSeconds,
  },
];

/** Goals of workloads that did not run, or lack a figure, are left out. */
export function evaluateGoals(results: readonly WorkloadResult[]): GoalOutcome[] {
  const outcomes: GoalOutcome[] = [];
  for (const goal of GOALS) {
    const result = results.find(({ name }) => name === goal.workload);
    const measured = result === undefined ? undefined : figureOf(goal, result);
    if (measured === undefined) continue;
    const { workload, text, bound, sense } = goal;
    const met = sense === 'at least' ? measured >= bound : measured <= bound;
    outcomes.push({ workload, text, bound, sense, measured, met });
  }
  return outcomes;
}

function figureOf(goal: Goal, result: WorkloadResult): number | undefined {
  if ('copy' in goal && result.kind === 'copy') {
    const agent = summarizeCopy(result, 'agent');
    const mm2 = summarizeCopy(result, 'mm2');
    return agent && goal.copy(agent, { mm2, limit: summarizeCopy(result, 'limit') });
  }
  if ('latency' in goal && result.kind === 'latency') {
    const agent = summarizeLatency(result, 'agent');
    const mm2 = summarizeLatency(result, 'mm2');
    return agent && mm2 && goal.latency(agent, mm2);
  }
  return undefined;
}
