import assert from 'node:assert/strict';
import type { LeaseRef } from '../core/events.js';
import { parseItemKey } from '../core/work-item.js';
import type { Coordination } from './coordination.js';
import type { OpenedFlowTarget } from './flow-target-port.js';
import type { GrantMessage, PartitionAssignment } from './messages.js';

/** What the agent that got a lease must know. Throws MirrorError while the target cannot say it. */
export function makeGrant<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  lease: LeaseRef,
): GrantMessage {
  const work = parseItemKey(lease.item);
  if (work?.kind === 'partition') {
    const { topic, partition } = work;
    const place = { key: lease.item, flow: work.flow, topic, partition };
    return { lease, assignment: assignmentOf(coordination, place), mirroredTopics: [] };
  }
  const target = work === undefined ? undefined : coordination.flows.get(work.flow)?.target;
  const mirrored = new Set(target?.mappedPartitions().map(({ topic }) => topic));
  return { lease, assignment: undefined, mirroredTopics: [...mirrored] };
}

interface Place {
  readonly key: string;
  readonly flow: string;
  readonly topic: string;
  readonly partition: number;
}

function assignmentOf<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  { key, flow, topic: name, partition }: Place,
): PartitionAssignment {
  const { state } = coordination.core;
  const topic = state.flows.get(flow)?.topics.get(name);
  assert.ok(topic?.target !== undefined, 'a partition is granted once its target topic is ready');
  const accept = state.items.get(key)?.accept ?? '';
  const assignment = coordination.opened(flow).target.assignment(name, partition);
  if (accept !== 'topic-recreated') return { ...topic.target, ...assignment, accept };
  // Accepted: the topic that is there now is the one to copy, from its start, and that once.
  const sourceTopicId = topic.source?.topicId ?? assignment.sourceTopicId;
  const isRestarted = sourceTopicId === assignment.sourceTopicId;
  return { ...topic.target, ...assignment, sourceTopicId, accept: isRestarted ? '' : accept };
}
