import {
  FlowState,
  type AgentStatus,
  type FlowStatus,
  type PartitionStatus,
  type Status,
} from '../../proto/gen/mirror/v1/operator.js';
import { ruleDocument } from './steer.js';
import { PartitionState } from '../../proto/gen/mirror/v1/common.js';

/** A partition whose oldest uncopied record may be older than this counts as lagging. */
export const LAGGING_MS = 60_000;

/** One flow, summed up. */
export interface FlowSummary {
  flow: string;
  state: string;
  problem: string;
  topics: number;
  partitions: number;
  running: number;
  recovering: number;
  halted: number;
  unheld: number;
  paused: number;
  lagging: number;
  /** Undefined while some partition's lag is not known. */
  lagRecords: bigint | undefined;
  /** How long ago the source was last heard of, where that is longest ago: the lag is as of then. */
  sourceEndAgeMs: bigint | undefined;
  lagMs: bigint | undefined;
  recordsPerSecond: number;
  bytesPerSecond: number;
  degraded: boolean;
}

const FLOW_STATES: Readonly<Record<FlowState, string>> = {
  [FlowState.UNSPECIFIED]: 'unknown',
  [FlowState.RUNNING]: 'running',
  [FlowState.PROMOTING]: 'promoting',
  [FlowState.PROMOTED]: 'promoted',
  [FlowState.BLOCKED]: 'blocked',
};

const PARTITION_STATES: Readonly<Record<PartitionState, string>> = {
  [PartitionState.UNSPECIFIED]: 'unknown',
  [PartitionState.UNHELD]: 'unheld',
  [PartitionState.RECOVERING]: 'recovering',
  [PartitionState.RUNNING]: 'running',
  [PartitionState.HALTED]: 'halted',
  [PartitionState.PROMOTED]: 'promoted',
  [PartitionState.PAUSED]: 'paused',
};

export function flowStateName(state: FlowState): string {
  return FLOW_STATES[state];
}

export function partitionStateName(state: PartitionState): string {
  return PARTITION_STATES[state];
}

export function summarise(status: FlowStatus): FlowSummary {
  const { partitions } = status;
  const count = (state: PartitionState): number =>
    partitions.filter((partition) => partition.state === state).length;
  const halted = count(PartitionState.HALTED);
  const unheld = count(PartitionState.UNHELD);
  const lagging = partitions.filter(
    ({ lagMs, state }) =>
      lagMs !== undefined && lagMs > LAGGING_MS && state !== PartitionState.PAUSED,
  ).length;
  // Seconds of it are part of every restart of a broker: but nothing says that it will be seconds.
  const stuck = partitions.filter(({ trouble }) => trouble !== '').length;
  const inService = status.state !== FlowState.PROMOTED;
  return {
    flow: status.flow,
    state: flowStateName(status.state),
    problem: status.problem,
    topics: new Set(partitions.map(({ topic }) => topic)).size,
    partitions: partitions.length,
    running: count(PartitionState.RUNNING),
    recovering: count(PartitionState.RECOVERING),
    halted,
    unheld,
    paused: count(PartitionState.PAUSED),
    lagging,
    lagRecords: total(partitions, ({ lagRecords }) => lagRecords),
    sourceEndAgeMs: largest(partitions, ({ sourceEndAgeMs }) => sourceEndAgeMs),
    lagMs: largest(partitions, ({ lagMs }) => lagMs),
    recordsPerSecond: partitions.reduce((sum, p) => sum + p.recordsPerSecond, 0),
    bytesPerSecond: partitions.reduce((sum, p) => sum + p.bytesPerSecond, 0),
    degraded:
      inService &&
      (status.state === FlowState.BLOCKED ||
        [halted, unheld, lagging, stuck].some((partitions) => partitions > 0) ||
        status.notices.some((notice) => notice.degraded)),
  };
}

type Reading = (partition: PartitionStatus) => bigint | undefined;

function total(partitions: readonly PartitionStatus[], read: Reading): bigint | undefined {
  let sum = 0n;
  for (const partition of partitions) {
    const value = read(partition);
    if (value === undefined) return undefined;
    sum += value;
  }
  return sum;
}

function largest(partitions: readonly PartitionStatus[], read: Reading): bigint | undefined {
  let most: bigint | undefined;
  for (const partition of partitions) {
    const value = read(partition);
    if (value === undefined) return undefined;
    if (most === undefined || value > most) most = value;
  }
  return most;
}

export function agentState({ connected, draining, drained }: AgentStatus): string {
  if (!connected) return 'silent';
  if (drained) return 'drained';
  return draining ? 'draining' : 'connected';
}

/** The document of `status --json`: its field names are stable. */
export function statusDocument(status: Status): unknown {
  return {
    coordinator: status.coordinator,
    flows: status.flows.map((flow) => {
      const { flow: name, ...summary } = summarise(flow);
      return {
        flow: name,
        ...summary,
        siteHolder: flow.siteHolder,
        steering: flow.steering.map(ruleDocument),
        partitionDetails: flow.partitions.map((partition) => ({
          ...partition,
          state: partitionStateName(partition.state),
        })),
        groups: flow.groups,
        notices: flow.notices,
      };
    }),
    agents: status.agents.map((agent) => ({ ...agent, state: agentState(agent) })),
    unconfirmed: status.unconfirmed,
  };
}
