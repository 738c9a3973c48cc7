import type { ScaleShape } from '../../test/coordinator/core/scale-world.js';
import { markdownTable } from '../markdown-table.js';
import type { Machine } from '../results.js';
import type { LeaderResult } from './measure-leader.js';
import type { ScaleResult } from './measure-scale.js';

export interface ScaleReport {
  readonly results: readonly ScaleResult[];
  readonly leaders: readonly LeaderResult[];
  readonly machine: Machine;
  readonly node: string;
  readonly commit: string;
}

const MEBIBYTE = 1024 * 1024;

const INTRODUCTION = `# Scale

Written by \`npm run bench -- --scale\`. CPU time is that of the process, garbage collection included, in ms; heap is what is in
use after a collection. Other work on the machine makes CPU time longer, too.

**A leader** (\`bench/scale/planned-leader.ts\`) is made of the product's own classes: \`Coordination\` with its core, sessions,
meters and lease watch, and an \`OffsetMapStore\` for each flow. Only the store, the targets' topics and the agents' streams are
made up, as they are asked, and nothing of them is kept. Every partition copies; its map has one run, a base and an epoch.

- **Heap**: of all of it, and for each partition. **Resident**: of the process, at the end and at most, under Node's own limits;
  what is above the heap is garbage that was not collected yet, and the most is what the maps take while they are read.
- **Takeover**: from the election until agents are let in: all leases and all maps are read. **Connect**: all agents come
  at once, with what they hold. **Report**: each partition reports once, one by one; that is written, and acknowledged.
- **Idle minute**: heartbeats of all agents, ticks, and one list of all leases.

**The core** alone (\`coordinator/core\`) is measured among a store and agents that answer at once.

- **Loss**: one agent dies; until everything it held is granted again. Only what it held is granted, and nothing moves.
- **Join**: one agent comes; until it has its share. Only its share moves.
- **Churn**: a hundred times a loss and then a join. "Grants" are all that were made, "lost" what the lost agents held.
- **Intake**: a new leader's core takes in what the store lists, a page of two thousand leases in a step, between which renewals and
  heartbeats get through. "Step" is the longest of them.
- **Idle tick**: four of them come each second. Each five seconds one looks at the balance of all flows.

Goals (issue 7): a loss in under 1 s of CPU, moves only of what it must, under 1.5 GB of heap.

What this does not measure: etcd, the agents, and gRPC: each agent's stream takes memory of its own, and a scrape of \`/metrics\` or a
\`mirrorctl status\` that shows each partition makes rows of all of them, and of their labels. A store writes some thousands of leases a second, so at this size
filling from nothing is bounded by etcd and not by the core.
`;

/** The whole of docs/scale.md. */
export function scaleMarkdown(report: ScaleReport): string {
  const { results, leaders, machine, node, commit } = report;
  const sections = [
    ['One pool: ten flows, every agent reaches every cluster', false],
    ['Sites: ten agents for each of many sources', true],
  ] as const;
  const ran = `Run on ${machine.cores} × ${machine.cpu}, Node ${node}, commit ${commit}.`;
  const tables = sections.map(([title, sites]) => {
    const isMeant = ({ shape }: { readonly shape: ScaleShape }): boolean => shape.sites === sites;
    const rows = results.filter(isMeant);
    const curve = leaderTable(leaders.filter(isMeant));
    return [`## ${title}`, 'A leader:', curve, 'The core:', timeTable(rows), moveTable(rows)].join(
      '\n\n',
    );
  });
  return `${INTRODUCTION}\n${ran}\n\n${tables.join('\n\n')}\n`;
}

function leaderTable(rows: readonly LeaderResult[]): string {
  const header = [
    'partitions',
    'agents',
    'flows',
    'heap MiB',
    'bytes each',
    'resident MiB',
    'at most MiB',
    'takeover',
    'connect',
    'report',
    'idle minute',
  ];
  return markdownTable(
    header,
    rows.map(({ shape, ...row }) => [
      ...[shape.partitions, shape.agents, shape.flows].map(count),
      mebibytes(row.heapBytes),
      count(Math.round(row.heapBytes / shape.partitions)),
      ...[row.residentBytes, row.residentBytesMax].map(mebibytes),
      ...[row.takeoverMs, row.connectMs, row.reportMs, row.idleMinuteMs].map(milliseconds),
    ]),
  );
}

function timeTable(rows: readonly ScaleResult[]): string {
  const header = [
    'partitions',
    'agents',
    'flows',
    'fill',
    'loss',
    'join',
    'intake',
    'step',
    'idle tick',
    'core MiB',
  ];
  return markdownTable(
    header,
    rows.map(({ shape, ...row }) => [
      ...[shape.partitions, shape.agents, shape.flows].map(count),
      ...[row.fillMs, row.lossMs, row.joinMs, row.takeoverMs, row.takeoverStepMs].map(milliseconds),
      row.idleTickMs.toFixed(2),
      mebibytes(row.coreBytes),
    ]),
  );
}

function moveTable(rows: readonly ScaleResult[]): string {
  const header = [
    'partitions',
    'held by the lost',
    'moved by loss',
    'moved by join',
    'churn CPU',
    'churn grants',
    'churn lost',
  ];
  return markdownTable(
    header,
    rows.map(({ shape, ...row }) => [
      ...[shape.partitions, row.lossItems, row.lossMoves, row.joinMoves].map(count),
      milliseconds(row.churnMs),
      ...[row.churnGrants, row.churnLost].map(count),
    ]),
  );
}

const count = (value: number): string => value.toLocaleString('en-US').replaceAll(',', ' ');
const mebibytes = (bytes: number): string => count(Math.round(bytes / MEBIBYTE));
const milliseconds = (ms: number): string => (ms < 10 ? ms.toFixed(1) : count(Math.round(ms)));
