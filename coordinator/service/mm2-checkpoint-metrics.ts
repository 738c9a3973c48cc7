import type { Clock } from '../../common/clock.js';
import { registerLatencyGauges, type Series } from '../../common/telemetry/mm2-statistics.js';
import type { Metrics } from '../../common/telemetry/metrics.js';
import type { Coordinator } from './coordinator.js';
import type { ConnectedFlowTarget } from './open-target.js';

/** Groups times partitions can be many, and a scrape is text: no more than these are shown. */
const SERIES_MAX = 20_000;

/** MirrorMaker 2's MirrorCheckpointConnector metrics, as the JMX exporter renders them. */
export function registerMm2CheckpointMetrics(
  metrics: Metrics,
  { coordinator, clock }: { coordinator: Coordinator<ConnectedFlowTarget>; clock: Clock },
): void {
  function* series(): Generator<Series> {
    const nowMs = clock.nowMs();
    let shown = 0;
    for (const { flow, opened } of coordinator.coordination?.flows.values() ?? []) {
      const { source, target } = flow;
      for (const row of opened?.writtenCheckpoints ?? []) {
        const statistics = row.latency?.read(nowMs);
        if (statistics === undefined) continue;
        if (++shown > SERIES_MAX) return;
        const { group, targetTopic: topic, partition } = row;
        yield [{ source, target, group, topic, partition: String(partition) }, statistics];
      }
    }
  }
  registerLatencyGauges(metrics, {
    name: 'kafka_connect_mirror_mirrorcheckpointconnector_checkpoint_latency_ms',
    help: 'Milliseconds from making a checkpoint to its acknowledgement by the target',
    labels: ['source', 'target', 'group', 'topic', 'partition'],
    series,
  });
}
