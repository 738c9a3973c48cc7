import { markdownTable } from '../markdown-table.js';
import type { Machine } from '../results.js';
import type { Traffic } from './counting-proxy.js';
import type { Resident, Sample } from './sample.js';

export interface AgentsReport {
  readonly agents: number;
  readonly partitions: number;
  readonly topics: number;
  /** From the start of the coordinator until all were copied. */
  readonly settledMs: number;
  readonly rest: Sample;
  readonly loss: Sample;
  /** From the kill of one more agent until others had all that it held. */
  readonly regrantMs: number;
  readonly leaseTtlMs: number;
  readonly resident: Resident;
  readonly machine: Machine;
  readonly node: string;
  readonly commit: string;
}

const MEBIBYTE = 1024 * 1024;

/** The part of docs/scale.md about real processes, without its heading. */
export function agentsMarkdown(report: AgentsReport): string {
  const { agents, partitions, topics, rest, loss, resident, machine } = report;
  const seconds = (ms: number): string => (ms / 1_000).toFixed(0);
  const windowSeconds = loss.seconds.toFixed(0);
  return `Written by \`npm run bench -- --agents\`: ${agents} agent processes, a coordinator, one etcd and two clusters of one
broker each on one machine, ${partitions.toLocaleString('en').replaceAll(',', ' ')} partitions in ${topics} topics. The lines between agents and coordinator, and
between coordinator and etcd, go through a proxy that counts gRPC messages and all bytes.

- **At rest**: ${rest.seconds.toFixed(0)} s with nothing to copy.
- **Loss**: the ${windowSeconds} s after the kill of one agent, in which its lease runs out and the others take over what it held.

${costTable([
  ['at rest', rest],
  ['loss', loss],
])}

${trafficTable([
  ['agents → coordinator, at rest', rest.control.up],
  ['coordinator → agents, at rest', rest.control.down],
  ['coordinator → etcd, at rest', rest.store.up],
  ['etcd → coordinator, at rest', rest.store.down],
  ['agents → coordinator, loss', loss.control.up],
  ['coordinator → agents, loss', loss.control.down],
  ['coordinator → etcd, loss', loss.store.up],
  ['etcd → coordinator, loss', loss.store.down],
])}

All were copied ${seconds(report.settledMs)} s after the start of the coordinator, of which the start of the agents one by one and the
creation of the topics on the target are most. Others held what one more lost agent had held ${(report.regrantMs / 1_000).toFixed(1)} s after its kill (time to
live of a lease: ${seconds(report.leaseTtlMs)} s). Resident: ${mebibytes(resident.agents)} MiB in all agents, ${mebibytes(resident.agentMax)} in the largest; ${mebibytes(resident.coordinator)} in the
coordinator; ${mebibytes(resident.etcd)} in etcd.

Run on ${machine.cores} × ${machine.cpu}, Node ${report.node}, commit ${report.commit}.
`;
}

const mebibytes = (bytes: number): string => String(Math.round(bytes / MEBIBYTE));

function costTable(rows: readonly (readonly [string, Sample])[]): string {
  return markdownTable(
    ['cores', 'all agents', 'coordinator', 'etcd', 'source broker', 'target broker'],
    rows.map(([name, { cores }]) => [
      name,
      ...[cores.agents, cores.coordinator, cores.etcd, cores.source, cores.target].map((each) =>
        each.toFixed(3),
      ),
    ]),
  );
}

function trafficTable(rows: readonly (readonly [string, Traffic])[]): string {
  return markdownTable(
    ['line', 'messages/s', 'bytes/s'],
    rows.map(([name, { messages, bytes }]) => [
      name,
      messages.toFixed(1),
      Math.round(bytes).toLocaleString('en').replaceAll(',', ' '),
    ]),
  );
}
