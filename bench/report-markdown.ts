import { evaluateGoals, type GoalOutcome } from './goals.js';
import { markdownTable } from './markdown-table.js';
import type { BenchReport, CopyResult, LatencyResult, WorkloadResult } from './results.js';
import {
  summarizeCopy,
  summarizeLatency,
  type CopySummary,
  type LatencySummary,
} from './summary.js';

const NONE = '-';

type Figures<Summary> = readonly {
  readonly name: string;
  readonly of: (summary: Summary) => number | undefined;
  readonly digits: number;
  readonly scale?: number;
}[];

const COPY_FIGURES: Figures<CopySummary> = [
  { name: 'MB/s', of: (each) => each.bytesPerSecond, digits: 1, scale: 1e-6 },
  { name: 'records/s', of: (each) => each.recordsPerSecond, digits: 0 },
  { name: 'CPU s per GB', of: (each) => each.cpuSecondsPerGb, digits: 2 },
  { name: 'CPU s per million records', of: (each) => each.cpuSecondsPerMillion, digits: 2 },
  { name: 'peak memory, MB', of: (each) => each.peakBytes, digits: 0, scale: 1e-6 },
  { name: 'start to first record, s', of: (each) => each.startUpMs, digits: 2, scale: 1e-3 },
  { name: 'cores when idle', of: (each) => each.idleCores, digits: 3 },
];

const REREAD = 'records read again';

const LATENCY_FIGURES: Figures<LatencySummary> = [
  { name: 'p50, ms', of: (each) => each.p50Ms, digits: 2 },
  { name: 'p99, ms', of: (each) => each.p99Ms, digits: 2 },
  { name: 'p99.9, ms', of: (each) => each.p999Ms, digits: 2 },
  { name: REREAD, of: (each) => each.rereadRecords, digits: 2 },
  { name: 'cores', of: (each) => each.cores, digits: 3 },
  { name: 'peak memory, MB', of: (each) => each.peakBytes, digits: 0, scale: 1e-6 },
];

/** The results as a document: every figure in it comes from the report. */
export function reportMarkdown(report: BenchReport): string {
  // Of a quick run, no figure means anything.
  const goals = report.quick ? [] : evaluateGoals(report.workloads);
  const sections = [
    '# Benchmarks',
    `Written by \`npm run bench\` from benchmarks.json beside it; do not edit.`,
    aboutRun(report),
    ...(goals.length === 0 ? [] : ['## Goals', goalTable(goals), missedText(goals, report)]),
    ...report.workloads.flatMap((result) => workloadSections(result, report)),
    '## How it is measured',
    HOW_IT_IS_MEASURED,
    "## MirrorMaker 2's configuration",
    mm2Section(report),
  ];
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`;
}

const HOW_IT_IS_MEASURED = `\
- **agent** is \`mirror-maker\`, coordinator and agent in one process. **MM2** is MirrorMaker 2 in dedicated
  mode. **limit** is a producer that sends the same batches from memory to the same target, acks=all: it
  reads no source, so the source broker leaves it the cores that a copier must share with it.
- Brokers and copiers run on the same machine, one after the other. The order is reversed in every other
  round. Figures are medians over the rounds, ratios are of these medians.
- A copier is started when its topic is full. Throughput and CPU are of the part after the first fifth, which
  warms it up, to the last record as the target's end offsets tell; start-up time is from the start of the
  process to the first record on the target.
- CPU is user and system time of all threads; peak memory is the largest resident size since the start.
- Where a workload has a link, the limit is measured without it.
- Latency is from the call that produces a record at the source to its arrival at a consumer of the target;
  for the limit both are at the target.
- The latency of checkpoints is from the acknowledgement of a group's commit at the source to the arrival, at a
  consumer of the target, of the first checkpoint that is about it or a later one. The group reads right behind
  the producer. "Records read again" is what a failover would repeat, on average over the moments before each
  commit: what the group has read, less what its newest checkpoint says.
- After each copy the records on the target are counted; a wrong count is shown as a failure.`;

function aboutRun(report: BenchReport): string {
  const { machine, versions } = report;
  const memory = (machine.memoryBytes / 2 ** 30).toFixed(0);
  const lines = [
    `- Machine: ${machine.cores} cores (${machine.cpu}), ${memory} GiB, ${machine.system}`,
    `- Versions: ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    `- Commit: ${report.commit}`,
    `- ${report.rounds} rounds, begun ${report.startedAt}`,
  ];
  if (report.quick)
    lines.push('- **A quick run: it shows that the benchmark works, and no more.**');
  return lines.join('\n');
}

function goalTable(goals: readonly GoalOutcome[]): string {
  const rows = goals.map(({ workload, text, bound, sense, measured, met }) => [
    `${workload}: ${text}`,
    `${sense} ${significant(bound)}`,
    significant(measured),
    met ? 'PASS' : 'MISSED',
  ]);
  return markdownTable(['goal', 'bound', 'measured', ''], rows);
}

function missedText(goals: readonly GoalOutcome[], report: BenchReport): string {
  const missed = goals.filter(({ met }) => !met);
  if (missed.length === 0) return 'All goals are met.';
  const lines = missed.map(({ workload, text, bound, sense, measured }) => {
    const share = sense === 'at least' ? 1 - measured / bound : measured / bound - 1;
    const by = `${(share * 100).toFixed(0)} % ${sense === 'at least' ? 'below' : 'above'}`;
    const result = report.workloads.find(({ name }) => name === workload);
    return `- **${workload}: ${text}** is ${by} its bound. ${result ? whyText(result, report) : ''}`;
  });
  return `Missed:\n\n${lines.map((line) => line.trimEnd()).join('\n')}`;
}

/** What the figures themselves say about the reason. */
function whyText(result: WorkloadResult, report: BenchReport): string {
  const profiled = result.profile === undefined ? '' : ' Its profile stands below.';
  if (result.kind === 'latency') {
    const limit = summarizeLatency(result, 'limit');
    if (limit === undefined) return '';
    return `Without any copier, one broker and the two clients have p99 ${limit.p99Ms.toFixed(2)} ms.`;
  }
  const agent = summarizeCopy(result, 'agent');
  if (agent === undefined) return '';
  const { cores = 0, sourceBrokerCores, targetBrokerCores, benchCores } = agent;
  const sum = cores + sourceBrokerCores + targetBrokerCores + benchCores;
  return (
    `While it copied, ${sum.toFixed(2)} of ${report.machine.cores} cores were busy: mirror-maker ` +
    `${cores.toFixed(2)}, the source broker ${sourceBrokerCores.toFixed(2)}, the target broker ` +
    `${targetBrokerCores.toFixed(2)}, the benchmark ${benchCores.toFixed(2)}.${profiled}`
  );
}

function workloadSections(result: WorkloadResult, report: BenchReport): string[] {
  const table = result.kind === 'copy' ? copyTable(result) : latencyTable(result);
  return [
    `## ${result.title} (\`${result.name}\`)`,
    `${capitalized(result.content)}.`,
    table,
    result.kind === 'copy' ? coresText(result, report) : '',
    result.failures.length === 0 ? '' : failuresText(result),
    profileTable(result),
  ];
}

function copyTable(result: CopyResult): string {
  const rows = figureRows(COPY_FIGURES, {
    agent: summarizeCopy(result, 'agent'),
    mm2: summarizeCopy(result, 'mm2'),
    limit: summarizeCopy(result, 'limit'),
  });
  return markdownTable(['', 'agent', 'MM2', 'limit', 'agent / MM2', 'agent / limit'], rows);
}

function latencyTable(result: LatencyResult): string {
  const isOfCheckpoints = result.rounds.some(({ rereadRecords }) => rereadRecords !== undefined);
  const figures = LATENCY_FIGURES.filter(({ name }) => isOfCheckpoints || name !== REREAD);
  const rows = figureRows(figures, {
    agent: summarizeLatency(result, 'agent'),
    mm2: summarizeLatency(result, 'mm2'),
    limit: summarizeLatency(result, 'limit'),
  });
  return markdownTable(['', 'agent', 'MM2', 'limit', 'agent / MM2', 'agent / limit'], rows);
}

function figureRows<Summary>(
  figures: Figures<Summary>,
  summaries: Record<'agent' | 'mm2' | 'limit', Summary | undefined>,
): string[][] {
  return figures.map(({ name, of, digits, scale = 1 }) => {
    const figure = (summary: Summary | undefined): number | undefined =>
      summary && scaled(of(summary), scale);
    const agent = figure(summaries.agent);
    const mm2 = figure(summaries.mm2);
    const limit = figure(summaries.limit);
    const cells = [agent, mm2, limit].map((value) => value?.toFixed(digits) ?? NONE);
    return [name, ...cells, ratio(agent, mm2), ratio(agent, limit)];
  });
}

function scaled(value: number | undefined, scale: number): number | undefined {
  return value === undefined ? undefined : value * scale;
}

function ratio(value: number | undefined, other: number | undefined): string {
  return value === undefined || other === undefined || other === 0
    ? NONE
    : significant(value / other);
}

/** Who used the machine: where all cores are busy, a copier cannot be faster by waiting less. */
function coresText(result: CopyResult, report: BenchReport): string {
  const rows = (['agent', 'mm2', 'limit'] as const).flatMap((subject) => {
    const summary = summarizeCopy(result, subject);
    if (summary === undefined) return [];
    const { cores, sourceBrokerCores, targetBrokerCores, benchCores } = summary;
    const sum = (cores ?? 0) + sourceBrokerCores + targetBrokerCores + benchCores;
    const cells = [cores, sourceBrokerCores, targetBrokerCores, benchCores, sum];
    const name = { agent: 'agent', mm2: 'MM2', limit: 'limit' }[subject];
    return [[name, ...cells.map((value) => value?.toFixed(2) ?? NONE)]];
  });
  const header = [
    `cores used, of ${report.machine.cores}`,
    'copier',
    'source broker',
    'target broker',
    'benchmark',
    'sum',
  ];
  return markdownTable(header, rows);
}

function failuresText(result: WorkloadResult): string {
  const lines = result.failures.map((text) => `- ${text}`);
  return `Failures:\n\n${lines.join('\n')}`;
}

function profileTable(result: WorkloadResult): string {
  if (result.profile === undefined || result.profile.length === 0) return '';
  const rows = result.profile.map(({ name, place, share }) => [
    `\`${name}\``,
    `\`${place}\``,
    `${(share * 100).toFixed(1)} %`,
  ]);
  const title = "mirror-maker's own time, in a run of its own:";
  return `${title}\n\n${markdownTable(['function', 'where', 'share'], rows)}`;
}

function mm2Section(report: BenchReport): string {
  const settings = Object.entries(report.mm2Settings).map(
    ([names, values]) =>
      `${capitalized(names)}:\n\n\`\`\`properties\n${Object.entries(values)
        .map(([key, value]) => `${key} = ${value}`)
        .join('\n')}\n\`\`\``,
  );
  return [
    `Java: \`${report.mm2JavaOptions.join(' ')}\``,
    "Replication factors are 1. A client's settings have its cluster's alias in front; all others are the defaults.",
    ...settings,
  ].join('\n\n');
}

/** Three digits that mean something, without an exponent. */
export function significant(value: number): string {
  if (!Number.isFinite(value) || value === 0) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(digits);
}

function capitalized(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
