import pc from 'picocolors';

import { parseFlowId } from '../../mirror/flow.js';
import type { GroupSummary } from '../../proto/gen/mirror/v1/operator.js';
import type { CommandRun } from '../command.js';
import { ExitCode } from '../exit-code.js';
import { formatCount, NONE } from '../output/format.js';
import type { Column } from '../output/output.js';

export interface GroupsOptions {
  flow: string | undefined;
}

export const runGroups: CommandRun<GroupsOptions> = async (context, options) => {
  const { client, output, json } = context;
  const flow = options.flow === undefined ? '' : parseFlowId(options.flow);
  const { groups } = await client.groups({ flow });
  if (json) output.json({ groups });
  else if (groups.length === 0)
    output.line('No group has committed anything in topics that are copied.');
  else output.table(columns, groups);
  return ExitCode.ok;
};

const columns: readonly Column<GroupSummary>[] = [
  { header: 'FLOW', value: (row) => row.flow },
  { header: 'GROUP', value: (row) => row.group },
  { header: 'PARTITIONS', value: (row) => formatCount(row.partitions), align: 'right' },
  { header: 'UNKNOWN', value: unknown, align: 'right' },
  { header: 'SOURCE-LAG', value: (row) => formatCount(row.sourceLag), align: 'right' },
  { header: 'TARGET-LAG', value: (row) => formatCount(row.targetLag), align: 'right' },
  { header: 'ON-TARGET', value: (row) => row.targetState.toLowerCase() },
  { header: 'SYNC', value: (row) => (row.sync === '' ? NONE : row.sync) },
];

function unknown({ unknownPartitions }: GroupSummary): string {
  return unknownPartitions === 0 ? '0' : pc.yellow(formatCount(unknownPartitions));
}
