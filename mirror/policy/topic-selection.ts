import { isAnyDrillName, isDrillName } from '../drill-names.js';
import type { NameFilter } from './name-filter.js';
import type { ReplicationPolicy } from './replication-policy.js';

/** The part of a flow that decides which topics it copies. A FlowConfig is one. */
export interface TopicSelection {
  readonly target: string;
  readonly policy: ReplicationPolicy;
  readonly topicFilter: NameFilter;
  readonly heartbeatsReplicationEnabled: boolean;
}

/** Why a topic of the source is not copied, or null if it is. */
export function topicExclusion(
  flow: TopicSelection,
  topic: string,
): 'internal' | 'cycle' | 'filtered' | null {
  if (flow.policy.isInternalTopic(topic)) return 'internal';
  // Before the question of cycles: the target in its name looks like an alias, and is the guard.
  if (isAnyDrillName(topic)) return isDrillName(flow.target, topic) ? null : 'filtered';
  if (flow.policy.wouldCycle(topic, flow.target)) return 'cycle';
  if (flow.heartbeatsReplicationEnabled && flow.policy.isHeartbeatsTopic(topic)) return null;
  return flow.topicFilter.accepts(topic) ? null : 'filtered';
}

/** Whether a flow follows what a group commits on a topic of the source. */
export function selectsGroupOn(
  flow: TopicSelection & { readonly groupFilter: NameFilter },
  { group, topic }: { readonly group: string; readonly topic: string },
): boolean {
  const isSelected = isAnyDrillName(group)
    ? isDrillName(flow.target, group)
    : flow.groupFilter.accepts(group);
  return isSelected && topicExclusion(flow, topic) === null;
}
