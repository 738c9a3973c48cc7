import pc from 'picocolors';

import {
  SourceState,
  type GroupPlan,
  type PromotePlan,
  type TopicPlan,
} from '../../proto/gen/mirror/v1/operator.js';
import { formatCount, formatDuration } from '../output/format.js';
import type { Column, Output } from '../output/output.js';
import { flowStateName } from './status-model.js';

const SOURCE_STATES: Readonly<Record<SourceState, string>> = {
  [SourceState.UNSPECIFIED]: 'unknown',
  [SourceState.REACHABLE]: 'reachable',
  [SourceState.UNREACHABLE]: 'unreachable',
  [SourceState.UNKNOWN]: 'unknown',
};

/** The document of `promote --plan --json`: its field names are stable. */
export function planDocument(plan: PromotePlan): unknown {
  return {
    ...plan,
    state: flowStateName(plan.state),
    sourceState: SOURCE_STATES[plan.sourceState],
    mode: plan.planned ? 'planned' : 'unplanned',
  };
}

export function printPlan(output: Output, plan: PromotePlan): void {
  const how = plan.planned
    ? 'planned: waits until everything is copied, then stops; --unplanned would not wait'
    : 'unplanned: stops with what was copied';
  output.line(`Promotion of ${pc.bold(plan.flow)}, now ${flowStateName(plan.state)}`);
  output.line(`Source is ${SOURCE_STATES[plan.sourceState]}: ${plan.sourceEvidence}`);
  output.line(`Mode ${how}`);
  output.line();
  output.table(topicColumns, plan.topics);
  output.line(
    pc.dim('RPO: what is known to be missing, and how old the oldest of it was at the last look;'),
  );
  output.line(
    pc.dim('what came after that look is not in it. UNMAPPED: on the target, but never reported.'),
  );
  if (plan.groups.length > 0) {
    output.line();
    output.table(groupColumns, plan.groups);
  }
  for (const { group, topic, partition, note } of plan.groups) {
    if (note !== '') output.line(`${pc.yellow('!')} ${group} ${topic}-${partition}: ${note}`);
  }
  output.line();
  for (const { code, message } of plan.warnings) {
    output.line(`${pc.yellow('warning')} ${code}: ${message}`);
  }
  for (const { code, message } of plan.blockers) {
    output.line(`${pc.red('blocked')} ${code}: ${message}`);
  }
  if (plan.blockers.length > 0) output.line();
}

const topicColumns: readonly Column<TopicPlan>[] = [
  { header: 'TOPIC', value: (row) => row.topic },
  { header: 'ON-TARGET', value: (row) => row.targetTopic },
  { header: 'PARTITIONS', value: (row) => formatCount(row.partitions), align: 'right' },
  { header: 'RPO-RECORDS', value: (row) => formatCount(row.rpoRecords), align: 'right' },
  { header: 'RPO-TIME', value: (row) => formatDuration(row.rpoMs), align: 'right' },
  {
    header: 'LAST-LOOK',
    value: (row) => `${formatDuration(row.uncertaintyMs)} ago`,
    align: 'right',
  },
  { header: 'UNMAPPED', value: (row) => formatCount(row.unmappedRecords), align: 'right' },
];

const groupColumns: readonly Column<GroupPlan>[] = [
  { header: 'GROUP', value: (row) => row.group },
  { header: 'TOPIC', value: (row) => row.topic },
  { header: 'PARTITION', value: (row) => String(row.partition), align: 'right' },
  { header: 'SOURCE-OFFSET', value: (row) => formatCount(row.sourceOffset), align: 'right' },
  { header: 'WILL-COMMIT', value: (row) => formatCount(row.targetOffset), align: 'right' },
  { header: 'REREAD', value: (row) => formatCount(row.reread), align: 'right' },
  { header: 'NEVER-SEE', value: (row) => formatCount(row.neverSee), align: 'right' },
];
