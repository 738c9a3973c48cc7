import { PartitionState } from '../../proto/gen/mirror/v1/common.js';
import {
  FlowState,
  SourceState,
  type AgentStatus,
  type FlowStatus,
  type Journal,
  type PartitionStatus,
  type PromoteEvent,
  type PromotePlan,
  type Status,
} from '../../proto/gen/mirror/v1/operator.js';
import type { JournalEntry } from '../journal/journal-entry.js';
import { writeRule } from './steering-messages.js';
import type { PromotionPlan } from '../promotion/promotion-plan.js';
import type {
  CoordinatorIdentity,
  PromotionOutcome,
  PromotionStep,
} from '../service/coordinator-port.js';
import type {
  AgentView,
  FlowStateView,
  FlowView,
  PartitionStateView,
  PartitionView,
  StatusView,
} from '../service/status-view.js';

const FLOW_STATES: Readonly<Record<FlowStateView, FlowState>> = {
  running: FlowState.RUNNING,
  promoting: FlowState.PROMOTING,
  promoted: FlowState.PROMOTED,
  blocked: FlowState.BLOCKED,
};

const PARTITION_STATES: Readonly<Record<PartitionStateView, PartitionState>> = {
  unheld: PartitionState.UNHELD,
  recovering: PartitionState.RECOVERING,
  running: PartitionState.RUNNING,
  halted: PartitionState.HALTED,
  promoted: PartitionState.PROMOTED,
  paused: PartitionState.PAUSED,
};

const SOURCE_STATES: Readonly<Record<PromotionPlan['source']['state'], SourceState>> = {
  reachable: SourceState.REACHABLE,
  unreachable: SourceState.UNREACHABLE,
  unknown: SourceState.UNKNOWN,
};

export function writeStatus(identity: CoordinatorIdentity, view: StatusView): Status {
  const { id, address, term, version, store } = identity;
  return {
    coordinator: { id, address, term, version, store },
    flows: view.flows.map(writeFlow),
    agents: view.agents.map(writeAgent),
    refusedAgents: view.refused.map(({ times, agoMs, ...refused }) => ({
      ...refused,
      ...{ times: BigInt(times), agoMs: milliseconds(agoMs) },
    })),
    unconfirmed: view.unconfirmed.map(({ agentId, items, itemCount }) => ({
      agentId,
      itemCount: BigInt(itemCount),
      items: items.map((item) =>
        item.kind === 'site' ? { flow: item.flow, topic: '', partition: 0 } : { ...item },
      ),
    })),
  };
}

function writeFlow(view: FlowView): FlowStatus {
  const { flow, problem, siteHolder } = view;
  const steering = view.steering.map(writeRule);
  return {
    ...{ flow, problem, siteHolder, steering },
    state: FLOW_STATES[view.state],
    partitions: view.partitions.map(writePartition),
    groups: view.groups.map(({ group, topic, partition, sourceOffset, targetOffset }) => ({
      ...{ group, topic, partition, sourceOffset, targetOffset },
    })),
    notices: [...view.notices],
  };
}

function writePartition(view: PartitionView): PartitionStatus {
  const { topic, partition, targetTopic, holder, leaseEpoch, sourceNext, targetNext } = view;
  const { sourceEnd, lagRecords, recordsPerSecond, bytesPerSecond, trouble } = view;
  return {
    ...{ topic, partition, targetTopic, holder, leaseEpoch, sourceNext, targetNext },
    ...{ sourceEnd, lagRecords, recordsPerSecond, bytesPerSecond, trouble },
    state: PARTITION_STATES[view.state],
    halt: view.halt === undefined ? undefined : { ...view.halt },
    sourceEndAgeMs: optionalMilliseconds(view.sourceEndAgeMs),
    lagMs: optionalMilliseconds(view.lagMs),
  };
}

function optionalMilliseconds(ms: number | undefined): bigint | undefined {
  return ms === undefined ? undefined : milliseconds(ms);
}

function writeAgent(view: AgentView): AgentStatus {
  const clusters = [...view.clusters];
  const problems = [...view.problems];
  return { ...view, clusters, problems, silentMs: milliseconds(view.silentMs) };
}

export function writePlan(plan: PromotionPlan): PromotePlan {
  return {
    flow: plan.flow,
    state: FLOW_STATES[plan.phase],
    sourceState: SOURCE_STATES[plan.source.state],
    sourceEvidence: plan.source.evidence,
    topics: plan.topics.map(({ uncertaintyMs, rpoMs, ...topic }) => ({
      ...topic,
      uncertaintyMs: milliseconds(uncertaintyMs),
      rpoMs: optionalMilliseconds(rpoMs),
    })),
    groups: plan.groups.map((each) => {
      const { group, topic, targetTopic, partition, sourceOffset, targetOffset } = each;
      const { currentOffset, reread, neverSee, note } = each;
      return {
        ...{ group, topic, targetTopic, partition, sourceOffset, targetOffset },
        ...{ currentOffset, reread, neverSee, note },
      };
    }),
    blockers: plan.blockers.map((each) => ({ ...each })),
    warnings: plan.warnings.map((each) => ({ ...each })),
    planned: plan.isPlanned,
  };
}

export function writeStep({ name, done, message, elapsedMs }: PromotionStep): PromoteEvent {
  const value = { name, done, message, elapsedMs: milliseconds(elapsedMs) };
  return { event: { $case: 'step', value } };
}

export function writeOutcome(outcome: PromotionOutcome): PromoteEvent {
  const { alreadyPromoted } = outcome;
  const elapsedMs = milliseconds(outcome.elapsedMs);
  const value = { plan: writePlan(outcome.plan), alreadyPromoted, elapsedMs };
  return { event: { $case: 'result', value } };
}

export function writeJournal(entries: readonly JournalEntry[]): Journal {
  return {
    entries: entries.map(({ atMs, elapsedMs, before, after, ...entry }) => ({
      ...entry,
      ...{ atMs: milliseconds(atMs), elapsedMs: milliseconds(elapsedMs) },
      ...{ before: { ...before }, after: { ...after } },
    })),
  };
}

const milliseconds = (ms: number): bigint => BigInt(Math.round(ms));
