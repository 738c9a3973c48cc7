import pc from 'picocolors';

import {
  FailbackProgress,
  type FailbackGroup,
  type FailbackPartition,
  type FailbackPlan,
} from '../../proto/gen/mirror/v1/operator.js';
import { formatCount, NONE } from '../output/format.js';
import type { Column, Output } from '../output/output.js';

const PROGRESS: Readonly<Record<FailbackProgress, string>> = {
  [FailbackProgress.UNSPECIFIED]: 'unknown',
  [FailbackProgress.NEW]: 'new',
  [FailbackProgress.COPYING]: 'copying',
  [FailbackProgress.HANDING_OVER]: 'handing-over',
  [FailbackProgress.DONE]: 'done',
};

/** The document of `failback --plan --json`: its field names are stable. */
export function failbackPlanDocument(plan: FailbackPlan): unknown {
  return { ...plan, progress: PROGRESS[plan.progress] };
}

export function uncrossedOf(plan: FailbackPlan): bigint {
  return plan.partitions.reduce((sum, { uncrossedRecords }) => sum + uncrossedRecords, 0n);
}

export function printFailbackPlan(output: Output, plan: FailbackPlan): void {
  const [source = '', target = ''] = plan.flow.split('->');
  output.line(`Failback of ${pc.bold(plan.flow)}: ${source} becomes the primary again`);
  if (plan.progress === FailbackProgress.DONE) {
    output.line('It was done before.');
    return;
  }
  if (plan.progress !== FailbackProgress.NEW) {
    output.line(`It is under way (${PROGRESS[plan.progress]}): ${plan.copyFlow} copies back.`);
    output.line(`Stop the producers on ${target} and call failback to hand over.`);
    output.line();
  }
  if (plan.partitions.length > 0) {
    output.line();
    output.table(partitionColumns, plan.partitions);
    const uncrossed = uncrossedOf(plan);
    if (uncrossed > 0n) {
      output.line(
        `${pc.yellow('!')} ${formatCount(uncrossed)} records never crossed: they are saved in ` +
          `${plan.quarantineTopic} on ${target}, stay in ${source}'s log before what is copied ` +
          'back, and are not copied again',
      );
    }
  }
  printLeftOut(output, plan, { source, target });
  if (plan.groups.length > 0) {
    output.line();
    output.table(groupColumns, plan.groups);
    output.line(
      pc.dim('PASSES-OVER counts records that never crossed, lie before the group and are unread.'),
    );
  }
  output.line();
  for (const { code, message } of plan.blockers)
    output.line(`${pc.red('blocked')} ${code}: ${message}`);
  if (plan.blockers.length > 0) output.line();
}

function printLeftOut(
  output: Output,
  { flow, leftOut }: FailbackPlan,
  { source, target }: { source: string; target: string },
): void {
  if (leftOut.length > 0) output.line();
  for (const { sourceTopic, targetTopic, reason, writtenRecordsMax: written } of leftOut) {
    const why =
      reason === 'deleted'
        ? `it was deleted on ${source} before the promotion`
        : `the topics of ${flow} do not name it any more`;
    output.line(`left out ${sourceTopic}: ${why}`);
    if (written === 0n) continue;
    const count = written === undefined ? 'an unknown number of' : `up to ${formatCount(written)}`;
    output.line(
      `${pc.yellow('!')} ${count} records written to ${targetTopic} on ${target} since the ` +
        'promotion do not go back',
    );
  }
}

const partitionColumns: readonly Column<FailbackPartition>[] = [
  { header: 'TOPIC', value: (row) => row.sourceTopic },
  { header: 'FROM', value: (row) => row.targetTopic },
  { header: 'PARTITION', value: (row) => String(row.partition), align: 'right' },
  { header: 'NEVER-CROSSED', value: (row) => formatCount(row.uncrossedRecords), align: 'right' },
  { header: 'AT-OFFSETS', value: (row) => range(row.uncrossedFrom, row.uncrossedTo) },
  { header: 'AT-TIMES', value: times },
  { header: 'COPY-BACK', value: (row) => formatCount(row.copyTo - row.copyFrom), align: 'right' },
];

const groupColumns: readonly Column<FailbackGroup>[] = [
  { header: 'GROUP', value: (row) => row.group },
  { header: 'TOPIC', value: (row) => row.sourceTopic },
  { header: 'PARTITION', value: (row) => String(row.partition), align: 'right' },
  { header: 'IS-AT', value: (row) => formatCount(row.targetOffset), align: 'right' },
  {
    header: 'WILL-COMMIT',
    value: (row) =>
      row.sourceOffset === undefined ? 'once copied' : formatCount(row.sourceOffset),
    align: 'right',
  },
  { header: 'PASSES-OVER', value: (row) => formatCount(row.passesOver), align: 'right' },
];

function range(from: bigint, to: bigint): string {
  return from === to ? NONE : `${from}..${to - 1n}`;
}

function times({ firstTimestampMs, lastTimestampMs }: FailbackPartition): string {
  if (firstTimestampMs < 0n) return NONE;
  const text = (ms: bigint): string => new Date(Number(ms)).toISOString();
  return `${text(firstTimestampMs)} .. ${text(lastTimestampMs)}`;
}
