import pc from 'picocolors';

import type { AgentStatus, RefusedAgent, Status } from '../../proto/gen/mirror/v1/operator.js';
import type { CommandRun } from '../command.js';
import { ExitCode } from '../exit-code.js';
import { formatByteRate, formatCount, formatDuration, NONE } from '../output/format.js';
import type { Column, Output } from '../output/output.js';
import { agentState } from './status-model.js';

/** Heartbeats come each third of a lease's time to live, which is ten seconds unless told. */
const QUIET_MS = 10_000n;

/** One agent. Field names are those of `agents --json`, and stable. */
interface AgentRow {
  agentId: string;
  site: string;
  version: string;
  clusters: string[];
  state: string;
  /** Partitions whose lease it holds. */
  partitions: number;
  /** Flows whose site work it does. */
  sites: string[];
  silentMs: bigint;
  bytesPerSecond: number;
  problems: string[];
}

export const runAgents: CommandRun<object> = async ({ client, output, json }) => {
  const status = await client.status('');
  const rows = status.agents.map((agent) => agentRow(agent, status));
  if (json) output.json({ agents: rows, refused: status.refusedAgents });
  else if (rows.length === 0) {
    output.line('No agent is connected; start mirror-agent where the source clusters are.');
    printRefused(output, status.refusedAgents);
  } else {
    output.table(columns, rows);
    const lines = rows.flatMap(({ agentId, problems }) =>
      problems.map((problem) => `${pc.red('!')} ${agentId}: ${problem}`),
    );
    if (lines.length > 0) output.line();
    for (const line of lines) output.line(line);
    printRefused(output, status.refusedAgents);
  }
  const ailing =
    rows.length === 0 ||
    status.refusedAgents.length > 0 ||
    rows.some(({ problems }) => problems.length > 0);
  return ailing ? ExitCode.degraded : ExitCode.ok;
};

function printRefused(output: Output, refused: readonly RefusedAgent[]): void {
  if (refused.length > 0) output.line();
  for (const { agentId, peer, reason, times, agoMs } of refused) {
    const who = agentId === '' ? 'an agent without a name' : agentId;
    const often = times > 1n ? `refused ${formatCount(times)} times, last` : 'refused';
    const when = `${formatDuration(agoMs)} ago`;
    output.line(`${pc.red('!')} ${who} at ${peer} was ${often} ${when}: ${reason}`);
  }
}

function agentRow(agent: AgentStatus, status: Status): AgentRow {
  const { agentId, site, version, clusters, silentMs, bytesPerSecond } = agent;
  const held = status.flows.flatMap(({ partitions }) =>
    partitions.filter(({ holder }) => holder === agentId),
  );
  const sites = status.flows.filter(({ siteHolder }) => siteHolder === agentId);
  return {
    ...{ agentId, site, version, clusters, state: agentState(agent) },
    ...{ partitions: held.length, sites: sites.map(({ flow }) => flow), silentMs, bytesPerSecond },
    problems: problemsOf(agent, status.coordinator?.version ?? ''),
  };
}

function problemsOf(agent: AgentStatus, coordinatorVersion: string): string[] {
  const { connected, draining, silentMs, version } = agent;
  const problems = [...agent.problems];
  if (!connected) problems.push('its stream is broken; what it holds moves when its lease ends');
  else if (silentMs > QUIET_MS) problems.push(`no heartbeat for ${formatDuration(silentMs)}`);
  if (agent.drained) problems.push('an operator drains it: it gets no work until that is undone');
  if (draining) problems.push('it leaves: its work moves to others');
  if (version !== coordinatorVersion)
    problems.push(`version ${version}, the coordinator's is ${coordinatorVersion}`);
  return problems;
}

const columns: readonly Column<AgentRow>[] = [
  { header: 'AGENT', value: (row) => row.agentId },
  { header: 'SITE', value: (row) => (row.site === '' ? NONE : row.site) },
  { header: 'VERSION', value: (row) => row.version },
  { header: 'STATE', value: (row) => row.state },
  { header: 'PARTITIONS', value: (row) => formatCount(row.partitions), align: 'right' },
  { header: 'SITE-OF', value: (row) => (row.sites.length === 0 ? NONE : row.sites.join(', ')) },
  { header: 'LAST-HEARD', value: (row) => `${formatDuration(row.silentMs)} ago`, align: 'right' },
  { header: 'BYTES', value: (row) => formatByteRate(row.bytesPerSecond), align: 'right' },
  { header: 'CLUSTERS', value: (row) => row.clusters.join(', ') },
];
