import { parseFlowId } from '../../mirror/flow.js';
import type { FlowStatus, PartitionStatus } from '../../proto/gen/mirror/v1/operator.js';
import type { CommandRun } from '../command.js';
import { ExitCode } from '../exit-code.js';
import { formatByteRate, formatCount, formatDuration } from '../output/format.js';
import type { Column } from '../output/output.js';
import { summarise } from './status-model.js';

export interface TopicsOptions {
  flow: string | undefined;
}

/** One topic of one flow, summed up. Field names are those of `topics --json`, and stable. */
interface TopicRow {
  flow: string;
  topic: string;
  targetTopic: string;
  partitions: number;
  /** The state that most needs a look: `halted`, `unheld`, `recovering`, `running`, `promoted`. */
  state: string;
  halted: number;
  unheld: number;
  /** Undefined while some partition's lag is not known. */
  lagRecords: bigint | undefined;
  lagMs: bigint | undefined;
  bytesPerSecond: number;
  degraded: boolean;
}

export const runTopics: CommandRun<TopicsOptions> = async (context, options) => {
  const { client, output, json } = context;
  const flow = options.flow === undefined ? '' : parseFlowId(options.flow);
  const status = await client.status(flow);
  const rows = status.flows.flatMap(topicsOf);
  if (json) output.json({ topics: rows });
  else if (rows.length === 0) output.line('No topic is mirrored yet.');
  else output.table(columns, rows);
  return rows.some(({ degraded }) => degraded) ? ExitCode.degraded : ExitCode.ok;
};

function topicsOf(status: FlowStatus): TopicRow[] {
  const byTopic = new Map<string, PartitionStatus[]>();
  for (const partition of status.partitions) {
    const list = byTopic.get(partition.topic);
    if (list === undefined) byTopic.set(partition.topic, [partition]);
    else list.push(partition);
  }
  const rows = [...byTopic].map(([topic, partitions]) => {
    const {
      flow,
      halted,
      unheld,
      recovering,
      running,
      lagRecords,
      lagMs,
      bytesPerSecond,
      degraded,
    } = summarise({ ...status, partitions });
    const state =
      (halted > 0 && 'halted') ||
      (unheld > 0 && 'unheld') ||
      (recovering > 0 && 'recovering') ||
      (running > 0 && 'running') ||
      'promoted';
    const targetTopic = partitions[0]?.targetTopic ?? '';
    const counts = { partitions: partitions.length, halted, unheld };
    return {
      ...{ flow, topic, targetTopic, ...counts, state },
      ...{ lagRecords, lagMs, bytesPerSecond, degraded },
    };
  });
  return rows.sort((a, b) => (a.topic < b.topic ? -1 : 1));
}

const columns: readonly Column<TopicRow>[] = [
  { header: 'FLOW', value: (row) => row.flow },
  { header: 'TOPIC', value: (row) => row.topic },
  { header: 'TARGET-TOPIC', value: (row) => row.targetTopic },
  { header: 'PARTITIONS', value: (row) => formatCount(row.partitions), align: 'right' },
  { header: 'STATE', value: (row) => row.state },
  { header: 'LAG', value: (row) => formatCount(row.lagRecords), align: 'right' },
  { header: 'LAG-TIME', value: (row) => formatDuration(row.lagMs), align: 'right' },
  { header: 'BYTES', value: (row) => formatByteRate(row.bytesPerSecond), align: 'right' },
];
