import type { Clock } from '../common/clock.js';
import { registerLatencyGauges, type Series } from '../common/telemetry/mm2-statistics.js';
import type { Labels, Metrics } from '../common/telemetry/metrics.js';
import type { WindowStatistics } from '../common/telemetry/sample-window.js';
import { parseFlowSides } from '../mirror/flow.js';
import type { AgentSession } from './session/agent-session.js';
import type { PartitionCopier } from './replication/partition-copier.js';

/** As the usual rules of the JMX exporter render MirrorMaker 2's MBean, names in lower case. */
const PREFIX = 'kafka_connect_mirror_mirrorsourceconnector';

const LABELS = ['source', 'target', 'topic', 'partition'] as const;

/**
 * MirrorMaker 2's MirrorSourceConnector metrics, so that boards made for it go on working. As there,
 * `topic` is the name on the target. Ages and latencies are those of the newest record of each batch
 * when the target acknowledged it; bytes are those of batches, not of record values.
 */
export function registerMm2SourceMetrics(
  metrics: Metrics,
  { session, clock }: { session: AgentSession; clock: Clock },
): void {
  function* series(): Generator<readonly [Labels, WindowStatistics, PartitionCopier]> {
    const nowMs = clock.nowMs();
    for (const { flow, copier } of session.partitions()) {
      const statistics = copier.latency.read(nowMs);
      if (statistics === undefined) continue;
      const { source, target } = parseFlowSides(flow);
      const { targetTopic: topic, partition } = copier.assignment;
      yield [{ source, target, topic, partition: String(partition) }, statistics, copier];
    }
  }
  const latencies = function* (): Generator<Series> {
    for (const [labels, statistics] of series()) yield [labels, statistics];
  };
  const gauge = (
    name: string,
    help: string,
    read: (statistics: WindowStatistics, copier: PartitionCopier) => number,
  ): void =>
    metrics.gauge({
      ...{ name: `${PREFIX}_${name}`, help, labels: LABELS },
      collect: (sample) => {
        for (const [labels, statistics, copier] of series())
          sample(labels, read(statistics, copier));
      },
    });
  gauge('record_count', 'Records copied.', (_, { records }) => records);
  gauge('record_rate', 'Records copied each second.', ({ recordRate }) => recordRate);
  gauge('byte_count', 'Bytes of batches copied.', (_, { bytes }) => bytes);
  gauge('byte_rate', 'Bytes of batches copied each second.', ({ byteRate }) => byteRate);
  const help = 'Milliseconds from the timestamp of a record to its acknowledgement by the target';
  for (const name of ['record_age_ms', 'replication_latency_ms'])
    registerLatencyGauges(metrics, {
      ...{ name: `${PREFIX}_${name}`, help, labels: LABELS, series: latencies },
    });
}
