import type { Labels, Metrics } from '../common/telemetry/metrics.js';
import type { PartitionCopier } from './replication/partition-copier.js';
import type { AgentSession } from './session/agent-session.js';

/** What one partition counts for in a metric; undefined leaves it out of the scrape. */
type Reading = (copier: PartitionCopier) => number | undefined;

const LABELS = ['flow', 'topic', 'partition'] as const;

/** The agent's own numbers, read from the copiers at each scrape. */
export function registerAgentMetrics(metrics: Metrics, session: AgentSession): void {
  const perPartition = (read: Reading) => (sample: (labels: Labels, value: number) => void) => {
    for (const { flow, copier } of session.partitions()) {
      const value = read(copier);
      const { topic, partition } = copier.assignment;
      if (value !== undefined) sample({ flow, topic, partition: String(partition) }, value);
    }
  };
  const counter = (name: string, help: string, read: Reading): void => {
    metrics.counter({ name, help, labels: LABELS, collect: perPartition(read) });
  };
  counter('mirror_agent_records_total', 'Records appended to the target.', (c) => c.records);
  counter('mirror_agent_bytes_total', 'Bytes of batches appended to the target.', (c) => c.bytes);
  counter(
    'mirror_agent_conflicts_total',
    'Appends refused because the sequence did not follow.',
    (c) => c.conflicts,
  );
  metrics.gauge({
    name: 'mirror_agent_lag_records',
    help: 'Offsets between the last stable offset of the source and what was copied.',
    labels: LABELS,
    collect: perPartition(({ sourceEnd, acked }) =>
      sourceEnd < 0n || acked.sourceNext < 0n ? undefined : Number(sourceEnd - acked.sourceNext),
    ),
  });
  metrics.gauge({
    name: 'mirror_agent_halted',
    help: '1 for a partition that stands still until an operator decides.',
    labels: LABELS,
    collect: perPartition((c) => (c.state === 'halted' ? 1 : 0)),
  });
  metrics.gauge({
    name: 'mirror_agent_buffered_bytes',
    help: 'Bytes of record batches, and of offset maps not yet taken by a coordinator, held in memory.',
    labels: [],
    collect: (sample) => sample({}, session.memory.heldBytes),
  });
  metrics.gauge({
    name: 'mirror_agent_connected',
    help: '1 while a coordinator answers.',
    labels: [],
    collect: (sample) => sample({}, session.connected ? 1 : 0),
  });
}
