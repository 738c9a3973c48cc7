import { markdownTable } from '../markdown-table.js';
import type { Machine } from '../results.js';
import type { ScaleResult } from './measure-scale.js';

export interface ScaleReport {
  readonly results: readonly ScaleResult[];
  readonly machine: Machine;
  readonly node: string;
  readonly commit: string;
}

const MEBIBYTE = 1024 * 1024;

const INTRODUCTION = `# Scale

Written by \`npm run bench -- --scale\`: the real core (\`coordinator/core\`) among a store and agents that answer at
once, so that what is measured is the core's own work. CPU time of the process, garbage collection included, in ms;
memory is the heap in use after a collection: of the core, and of all that the coordinator keeps for each
partition, which is its meter and a one-run offset map besides.

- **Loss**: one agent dies; until everything it held is granted again. Only what it held is granted, and nothing moves.
- **Join**: one agent comes; until it has its share. Only its share moves.
- **Churn**: a hundred times a loss and then a join. "Grants" are all that were made, "lost" what the lost agents held.
- **Takeover**: a new leader takes in what the store lists, ten thousand leases in a step, between which renewals and
  heartbeats get through. "Step" is the longest of them.
- **Idle tick**: four of them come each second. Each five seconds one looks at the balance of all flows.

Goals (issue 7): a loss in under 1 s of CPU, moves only of what it must, under 1.5 GB.

What this does not measure: etcd, gRPC and the agents. A store writes some thousands of leases a second, so at this size
filling from nothing is bounded by etcd and not by the core.
`;

/** The whole of docs/scale.md. */
export function scaleMarkdown({ results, machine, node, commit }: ScaleReport): string {
  const sections = [
    ['One pool: ten flows, every agent reaches every cluster', results.filter(isPool)],
    ['Sites: ten agents for each of many sources', results.filter((each) => !isPool(each))],
  ] as const;
  const ran = `Run on ${machine.cores} × ${machine.cpu}, Node ${node}, commit ${commit}.`;
  const tables = sections.map(
    ([title, rows]) => `## ${title}\n\n${timeTable(rows)}\n\n${moveTable(rows)}`,
  );
  return `${INTRODUCTION}\n${ran}\n\n${tables.join('\n\n')}\n`;
}

const isPool = ({ shape }: ScaleResult): boolean => !shape.sites;

function timeTable(rows: readonly ScaleResult[]): string {
  const header = [
    'partitions',
    'agents',
    'flows',
    'fill',
    'loss',
    'join',
    'takeover',
    'step',
    'idle tick',
    'core MiB',
    'all MiB',
  ];
  return markdownTable(
    header,
    rows.map(({ shape, ...row }) => [
      ...[shape.partitions, shape.agents, shape.flows].map(count),
      ...[row.fillMs, row.lossMs, row.joinMs, row.takeoverMs, row.takeoverStepMs].map(milliseconds),
      row.idleTickMs.toFixed(2),
      ...[row.coreBytes, row.allBytes].map((bytes) => count(Math.round(bytes / MEBIBYTE))),
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
const milliseconds = (ms: number): string => (ms < 10 ? ms.toFixed(1) : count(Math.round(ms)));
