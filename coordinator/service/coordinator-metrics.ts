import type { Labels, Metrics } from '../../common/telemetry/metrics.js';
import type { Coordination } from './coordination.js';
import type { Coordinator } from './coordinator.js';
import type { OpenedFlowTarget } from './flow-target-port.js';
import {
  viewStatus,
  type PartitionStateView,
  type PartitionView,
  type StatusView,
} from './status-view.js';

const PARTITION_LABELS = ['flow', 'topic', 'partition'] as const;
const PARTITION_STATES: readonly PartitionStateView[] = [
  'unheld',
  'recovering',
  'running',
  'halted',
  'promoted',
];
const FLOW_STATES = ['running', 'promoting', 'promoted', 'blocked'] as const;

type Sample = (labels: Labels, value: number) => void;

/** The leader's numbers; a standby has only `mirror_coordinator_is_leader`, at zero. */
export function registerCoordinatorMetrics<Opened extends OpenedFlowTarget>(
  metrics: Metrics,
  coordinator: Coordinator<Opened>,
): void {
  const scrape = new Scrape<Opened>();
  const view = (): StatusView => scrape.view(coordinator.coordination);
  metrics.gauge({
    name: 'mirror_coordinator_is_leader',
    help: '1 on the coordinator that leads, 0 on standbys.',
    labels: [],
    collect: (sample) => sample({}, coordinator.coordination === undefined ? 0 : 1),
  });
  metrics.gauge({
    name: 'mirror_agents',
    help: 'Agents with a session, by whether they are connected and draining.',
    labels: ['state'],
    collect: (sample) => {
      if (coordinator.coordination !== undefined) sampleAgents(view(), sample);
    },
  });
  metrics.gauge({
    name: 'mirror_flow_state',
    help: '1 for the state that a flow is in.',
    labels: ['flow', 'state'],
    collect: (sample) => {
      for (const flow of view().flows)
        for (const state of FLOW_STATES)
          sample({ flow: flow.flow, state }, flow.state === state ? 1 : 0);
    },
  });
  registerPartitionMetrics(metrics, view);
}

function registerPartitionMetrics(metrics: Metrics, view: () => StatusView): void {
  const forEachPartition = (visit: (labels: Labels, partition: PartitionView) => void): void => {
    for (const { flow, partitions } of view().flows) {
      for (const partition of partitions) {
        const { topic } = partition;
        visit({ flow, topic, partition: String(partition.partition) }, partition);
      }
    }
  };
  metrics.gauge({
    name: 'mirror_partition_state',
    help: '1 for the state that a partition is in.',
    labels: [...PARTITION_LABELS, 'state'],
    collect: (sample) =>
      forEachPartition((labels, partition) => {
        for (const state of PARTITION_STATES)
          sample({ ...labels, state }, partition.state === state ? 1 : 0);
      }),
  });
  metrics.gauge({
    name: 'mirror_partition_lag_records',
    help: 'Offsets between the end of the source and what was copied; absent until known.',
    labels: PARTITION_LABELS,
    collect: (sample) =>
      forEachPartition((labels, { lagRecords }) => {
        if (lagRecords !== undefined) sample(labels, Number(lagRecords));
      }),
  });
  metrics.gauge({
    name: 'mirror_partition_lag_seconds',
    help: 'How old the oldest record not yet copied may be; absent until known.',
    labels: PARTITION_LABELS,
    collect: (sample) =>
      forEachPartition((labels, { lagMs }) => {
        if (lagMs !== undefined) sample(labels, lagMs / 1_000);
      }),
  });
  metrics.counter({
    name: 'mirror_records_total',
    help: 'Records copied, as this leader was told.',
    labels: PARTITION_LABELS,
    collect: (sample) =>
      forEachPartition((labels, { recordsTotal }) => sample(labels, Number(recordsTotal))),
  });
  metrics.counter({
    name: 'mirror_bytes_total',
    help: 'Bytes of record batches copied, as this leader was told.',
    labels: PARTITION_LABELS,
    collect: (sample) =>
      forEachPartition((labels, { bytesTotal }) => sample(labels, Number(bytesTotal))),
  });
}

function sampleAgents({ agents }: StatusView, sample: Sample): void {
  const counts = { connected: 0, draining: 0, disconnected: 0 };
  for (const { connected, draining } of agents) {
    if (!connected) counts.disconnected += 1;
    else if (draining) counts.draining += 1;
    else counts.connected += 1;
  }
  for (const [state, count] of Object.entries(counts)) sample({ state }, count);
}

/** A scrape asks for several metrics within a moment: they share one look at the state. */
const SHARED_LOOK_MS = 100;

class Scrape<Opened extends OpenedFlowTarget> {
  #of: Coordination<Opened> | undefined;
  #atMs = 0;
  #view: StatusView = { flows: [], agents: [], refused: [], unconfirmed: [] };

  view(coordination: Coordination<Opened> | undefined): StatusView {
    if (coordination === undefined) return { flows: [], agents: [], refused: [], unconfirmed: [] };
    const nowMs = coordination.clock.nowMs();
    if (this.#of !== coordination || nowMs - this.#atMs > SHARED_LOOK_MS) {
      this.#view = viewStatus(coordination, '');
      this.#of = coordination;
      this.#atMs = nowMs;
    }
    return this.#view;
  }
}
