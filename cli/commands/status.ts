import pc from 'picocolors';

import { parseFlowId } from '../../mirror/flow.js';
import { PartitionState } from '../../proto/gen/mirror/v1/common.js';
import type {
  AgentStatus,
  FlowStatus,
  GroupStatus,
  PartitionStatus,
  Status,
  UnconfirmedAgent,
} from '../../proto/gen/mirror/v1/operator.js';
import type { CommandContext, CommandRun } from '../command.js';
import { CliError, UnknownNameError, UsageError } from '../errors.js';
import { ExitCode } from '../exit-code.js';
import { formatByteRate, formatCount, formatDuration, formatRate, NONE } from '../output/format.js';
import type { Column, Output } from '../output/output.js';
import {
  agentState,
  partitionStateName,
  statusDocument,
  summarise,
  type FlowSummary,
} from './status-model.js';

const WATCH_INTERVAL_MS = 1_000;
const UNCONFIRMED_NAMED_MAX = 5;

export interface StatusOptions {
  flow: string | undefined;
  watch: boolean;
}

export const runStatus: CommandRun<StatusOptions> = async (context, options) => {
  const flow = options.flow === undefined ? '' : parseFlowId(options.flow);
  if (!options.watch) return show(context, await context.client.status(flow), flow !== '');
  let exitCode: ExitCode = ExitCode.ok;
  while (!context.signal.aborted) {
    exitCode = await look(context, flow, exitCode);
    await context.clock.sleep(WATCH_INTERVAL_MS, context.signal).catch(() => undefined);
  }
  return exitCode;
};

/** Nobody answers, or leads, or is ready at present; anything else stays as it is. */
function mayPass(error: unknown): error is CliError {
  if (!(error instanceof CliError)) return false;
  return !(error instanceof UsageError || error instanceof UnknownNameError);
}

/** One round of a watch: a coordinator that is away for a while does not end it. */
async function look(context: CommandContext, flow: string, last: ExitCode): Promise<ExitCode> {
  try {
    const status = await context.client.status(flow);
    context.output.clear();
    return show(context, status, flow !== '');
  } catch (error) {
    if (context.signal.aborted) return last;
    if (!mayPass(error)) throw error;
    // Documents of --json are not mixed with text.
    if (!context.json) context.output.line(pc.yellow(`${error.message}; trying on`));
    return ExitCode.failed;
  }
}

function show(context: CommandContext, status: Status, detailed: boolean): ExitCode {
  const { output } = context;
  const summaries = status.flows.map(summarise);
  if (context.json) output.json(statusDocument(status), true);
  else {
    printCoordinator(output, status);
    output.table(flowColumns, summaries);
    if (status.agents.length > 0) {
      output.line();
      output.table(agentColumns, status.agents);
    }
    if (detailed) for (const flow of status.flows) printDetails(output, flow);
    printProblems(output, status, summaries);
  }
  // Scripts and probes read the exit code, people read the table: they must agree.
  const isDegraded = summaries.some(({ degraded }) => degraded) || status.unconfirmed.length > 0;
  return isDegraded ? ExitCode.degraded : ExitCode.ok;
}

function printCoordinator(output: Output, { coordinator }: Status): void {
  if (coordinator === undefined) return;
  const { id, address, term, store } = coordinator;
  const where = store === 'in-process' ? 'in this process' : `in ${store}`;
  output.line(pc.dim(`Coordinator ${id} at ${address}, term ${term}, leases ${where}`));
  output.line();
}

function printDetails(output: Output, flow: FlowStatus): void {
  output.line();
  output.table(partitionColumns, flow.partitions);
  if (flow.groups.length === 0) return;
  output.line();
  output.table(groupColumns, [...flow.groups].sort(byGroupAndPartition));
}

function printProblems(output: Output, status: Status, summaries: readonly FlowSummary[]): void {
  const lines: string[] = [];
  for (const { agentId, problems } of status.agents)
    for (const problem of problems) lines.push(`agent ${agentId}: ${problem}`);
  lines.push(...status.unconfirmed.map(describeUnconfirmed));
  for (const { flow, problem, unheld, lagging, degraded } of summaries) {
    if (problem !== '') lines.push(`${flow}: ${problem}`);
    if (!degraded) continue;
    if (unheld > 0) {
      lines.push(
        `${flow}: ${formatCount(unheld)} partitions have no agent; is one connected whose ` +
          'agent.clusters include both clusters?',
      );
    }
    if (lagging > 0) lines.push(`${flow}: ${formatCount(lagging)} partitions lag by over a minute`);
  }
  for (const { flow, partitions, notices } of status.flows) {
    for (const [trouble, count] of troubles(partitions, PartitionState.RECOVERING))
      lines.push(`${flow}: ${formatCount(count)} partitions recover: ${trouble}`);
    for (const [trouble, count] of troubles(partitions, PartitionState.RUNNING))
      lines.push(`${flow}: ${formatCount(count)} partitions wait: ${trouble}`);
    for (const { code, message } of notices) lines.push(`${flow} ${code}: ${message}`);
    for (const { topic, partition, halt } of partitions) {
      if (halt !== undefined)
        lines.push(`${flow} ${topic}-${partition} ${halt.code}: ${halt.message}`);
    }
  }
  if (lines.length === 0) return;
  output.line();
  for (const line of lines) output.line(`${pc.red('!')} ${line}`);
}

function describeUnconfirmed({ agentId, items, itemCount }: UnconfirmedAgent): string {
  const named = items.slice(0, UNCONFIRMED_NAMED_MAX).map(({ flow, topic, partition }) => {
    return topic === '' ? `${flow} (discovery)` : `${flow} ${topic}-${partition}`;
  });
  const more = Number(itemCount) - named.length;
  return (
    `agent ${agentId}: may still copy ${named.join(', ')}` +
    `${more > 0 ? ` and ${formatCount(more)} more` : ''}: the configuration no longer selects ` +
    'that, and the agent has not confirmed that it stopped; stop it, or wait'
  );
}

/** A cluster that does not answer is one reason for all its partitions, and takes one line. */
function troubles(partitions: readonly PartitionStatus[], of: PartitionState): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { trouble, state } of partitions)
    if (trouble !== '' && state === of) counts.set(trouble, (counts.get(trouble) ?? 0) + 1);
  return counts;
}

const flowColumns: readonly Column<FlowSummary>[] = [
  { header: 'FLOW', value: (row) => row.flow },
  { header: 'STATE', value: (row) => colourState(row) },
  { header: 'TOPICS', value: (row) => formatCount(row.topics), align: 'right' },
  { header: 'PARTITIONS', value: (row) => formatCount(row.partitions), align: 'right' },
  { header: 'RUNNING', value: (row) => formatCount(row.running), align: 'right' },
  { header: 'HALTED', value: (row) => formatCount(row.halted), align: 'right' },
  { header: 'PAUSED', value: (row) => formatCount(row.paused), align: 'right' },
  { header: 'UNHELD', value: (row) => formatCount(row.unheld), align: 'right' },
  { header: 'LAG', value: (row) => formatCount(row.lagRecords), align: 'right' },
  { header: 'LAG-TIME', value: (row) => formatDuration(row.lagMs), align: 'right' },
  { header: 'RECORDS', value: (row) => formatRate(row.recordsPerSecond, 'rec'), align: 'right' },
  { header: 'BYTES', value: (row) => formatByteRate(row.bytesPerSecond), align: 'right' },
];

const agentColumns: readonly Column<AgentStatus>[] = [
  { header: 'AGENT', value: (row) => row.agentId },
  { header: 'SITE', value: (row) => (row.site === '' ? NONE : row.site) },
  { header: 'STATE', value: (row) => agentState(row) },
  { header: 'ITEMS', value: (row) => formatCount(row.items), align: 'right' },
  { header: 'LAST-HEARD', value: (row) => `${formatDuration(row.silentMs)} ago`, align: 'right' },
  { header: 'BYTES', value: (row) => formatByteRate(row.bytesPerSecond), align: 'right' },
  { header: 'CLUSTERS', value: (row) => row.clusters.join(', ') },
];

const partitionColumns: readonly Column<PartitionStatus>[] = [
  { header: 'TOPIC', value: (row) => row.topic },
  { header: 'PARTITION', value: (row) => String(row.partition), align: 'right' },
  { header: 'STATE', value: (row) => partitionStateName(row.state) },
  { header: 'HOLDER', value: (row) => (row.holder === '' ? NONE : row.holder) },
  { header: 'SOURCE-NEXT', value: (row) => formatCount(known(row.sourceNext)), align: 'right' },
  { header: 'TARGET-NEXT', value: (row) => formatCount(known(row.targetNext)), align: 'right' },
  { header: 'LAG', value: (row) => formatCount(row.lagRecords), align: 'right' },
  { header: 'LAG-TIME', value: (row) => formatDuration(row.lagMs), align: 'right' },
];

const groupColumns: readonly Column<GroupStatus>[] = [
  { header: 'GROUP', value: (row) => row.group },
  { header: 'TOPIC', value: (row) => row.topic },
  { header: 'PARTITION', value: (row) => String(row.partition), align: 'right' },
  { header: 'SOURCE-OFFSET', value: (row) => formatCount(row.sourceOffset), align: 'right' },
  { header: 'TARGET-OFFSET', value: (row) => formatCount(row.targetOffset), align: 'right' },
];

function colourState({ state, degraded }: FlowSummary): string {
  if (degraded) return pc.yellow(state);
  return state === 'running' ? pc.green(state) : state;
}

function byGroupAndPartition(a: GroupStatus, b: GroupStatus): number {
  if (a.group !== b.group) return a.group < b.group ? -1 : 1;
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition;
}

/** Offsets are -1 until they are known. */
function known(offset: bigint): bigint | undefined {
  return offset < 0n ? undefined : offset;
}
