import { refusalOf } from '../core/right-retries.js';
import type { TopicEntry } from '../core/state.js';
import type { Coordination } from '../service/coordination.js';
import { endsHere } from '../service/ends-here.js';
import type { FlowRuntime } from '../service/flow-runtime.js';
import type { FlowTargetPort, OpenedFlowTarget } from '../service/flow-target-port.js';

/** A partition of which nothing, or not all, was compared: a proof has to name it. */
export interface UnprovenPartition {
  readonly topic: string;
  readonly targetTopic: string;
  readonly partition: number;
  readonly reason: string;
}

/**
 * What of a flow cannot be compared at all: partitions whose map cannot be trusted, and those that are
 * mirrored and have never begun.
 */
export function listUnproven<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  flow: FlowRuntime<Opened>,
  { verifiable, corrupt, unbegun }: ReturnType<FlowTargetPort['verifiablePartitions']>,
): UnprovenPartition[] {
  const { state } = coordination.core;
  const entry = state.flows.get(flow.id);
  const unproven = new Map(corrupt.map((each) => [keyOf(each), each]));
  const known = new Set([...verifiable, ...corrupt].map(keyOf));
  const add = (place: Omit<UnprovenPartition, 'reason'>, reason: string): void => {
    if (!known.has(keyOf(place))) unproven.set(keyOf(place), { ...place, reason });
  };
  for (const place of unbegun) if (!endsHere(flow, entry, place.topic)) add(place, NEVER_BEGUN);
  for (const topic of entry?.topics.values() ?? []) {
    const { policy, source } = flow.flow;
    const targetTopic = topic.target?.targetTopic ?? policy.formatRemoteTopic(source, topic.name);
    const partitions = new Set([
      ...Array(topic.source?.partitionCount ?? 0).keys(),
      ...topic.items.keys(),
    ]);
    for (const partition of partitions) {
      const item = topic.items.get(partition);
      const halt = topic.problem ?? item?.halt ?? (item && refusalOf(state, item));
      const reason = neverBegun(topic, halt?.message);
      add({ topic: topic.name, targetTopic, partition }, reason);
    }
  }
  return [...unproven.values()];
}

const NEVER_BEGUN = 'nothing of it was ever copied';

function neverBegun({ paused }: TopicEntry, halt: string | undefined): string {
  if (halt !== undefined) return `${NEVER_BEGUN}: ${halt}`;
  return paused ? `${NEVER_BEGUN}: it is paused` : NEVER_BEGUN;
}

function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}:${partition}`;
}
