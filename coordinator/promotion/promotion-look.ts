import { describeError, MirrorError } from '../../common/errors.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { describeErrorCode, ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import type { FlowTarget } from '../target/flow-target.js';
import {
  buildPromotionPlan,
  partitionKey,
  type FlowPhase,
  type PartitionPosition,
  type PromotionPlan,
  type SourceLook,
  type TargetGroup,
} from './promotion-plan.js';

/** What promotion asks of the coordinator that runs the flow. */
export interface PromotionHost {
  sourceState(flow: string): SourceLook;
  partitionPositions(flow: string): readonly PartitionPosition[];
  /** No more grants; revokes everything; waits, within limits, for final progress and releases. */
  stopFlow(flow: string, signal: AbortSignal): Promise<void>;
  setFlowState(flow: string, state: FlowPhase): void;
}

export interface PromotionScope {
  target: FlowTarget;
  admin: AdminClient;
  cluster: KafkaCluster;
  host: PromotionHost;
}

/** Groups that are asked about at a time. */
const GROUPS_ASKED_MAX = 16;

/** What `promote` would do now. Changes nothing; a target that is away is a blocker, not an error. */
export async function planPromotion(
  scope: PromotionScope,
  signal: AbortSignal,
): Promise<PromotionPlan> {
  try {
    return await lookAtTarget(scope, signal);
  } catch (error) {
    if (!(error instanceof MirrorError) || !error.retriable) throw error;
    const message = `the target does not answer: ${describeError(error)}`;
    const plan = planWith(scope, new Map(), new Map());
    return { ...plan, blockers: [{ code: 'target-unreachable', message }] };
  }
}

export function phaseOf(target: FlowTarget): FlowPhase {
  if (target.promoted === undefined) return 'running';
  return target.promoted.completedAtMs === undefined ? 'promoting' : 'promoted';
}

async function lookAtTarget(scope: PromotionScope, signal: AbortSignal): Promise<PromotionPlan> {
  const ends = await targetEnds(scope, signal);
  const groups = await targetGroups(scope, signal);
  return planWith(scope, ends, groups);
}

function planWith(
  { target, host }: PromotionScope,
  ends: ReadonlyMap<string, bigint>,
  groups: ReadonlyMap<string, TargetGroup>,
): PromotionPlan {
  const flow = target.flowId;
  return buildPromotionPlan({
    flow,
    phase: phaseOf(target),
    source: host.sourceState(flow),
    positions: host.partitionPositions(flow),
    mapped: target.mappedPartitions(),
    groups: target.groupPositions(),
    targetEnds: ends,
    targetGroups: groups,
  });
}

/**
 * Where the flow's records end, by partition key; partitions that do not exist are left out. After
 * the fence that is the offset right behind it: what came later was written by others.
 */
export async function targetEnds(
  { target, cluster }: Pick<PromotionScope, 'target' | 'cluster'>,
  signal: AbortSignal,
): Promise<Map<string, bigint>> {
  const mapped = target.mappedPartitions();
  const partitions = mapped.map(({ targetTopic, partition }) => ({
    topic: targetTopic,
    partition,
  }));
  // From scratch: a topic that was deleted may still be in the cache.
  await cluster.metadata([...new Set(partitions.map(({ topic }) => topic))], { signal });
  const found = await cluster.listOffsets(partitions, TIMESTAMP_LATEST, { signal });
  const ends = new Map<string, bigint>();
  for (const { targetTopic, targetTopicId, partition, fenceEnd } of mapped) {
    const key = partitionKey(targetTopic, partition);
    const currentId = cluster.topicIdOf(targetTopic);
    if (currentId !== undefined && currentId !== targetTopicId) continue; // another topic by now
    const { errorCode, offset } = found.get(key)!;
    if (errorCode === ErrorCode.NONE) ends.set(key, fenceEnd ?? offset);
    else if (errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
      throw new TargetLookError(`${key} cannot be read: ${describeErrorCode(errorCode).name}`);
    }
  }
  return ends;
}

/** The target did not say what was asked, which is not to be taken for "nothing". */
export class TargetLookError extends MirrorError {
  readonly code = 'MIRROR_TARGET_LOOK';
  readonly retriable = true;
}

async function targetGroups(
  { target, admin }: PromotionScope,
  signal: AbortSignal,
): Promise<Map<string, TargetGroup>> {
  const names = [...new Set(target.groupPositions().map(({ group }) => group))];
  const committed = await admin.groupOffsets(names, { signal });
  const groups = new Map<string, TargetGroup>();
  for (let start = 0; start < names.length; start += GROUPS_ASKED_MAX) {
    const chunk = names.slice(start, start + GROUPS_ASKED_MAX);
    const described = await Promise.all(chunk.map((name) => admin.describeGroup(name, { signal })));
    for (const { groupId, state, memberCount } of described) {
      const offsets = (committed.get(groupId) ?? []).map(
        ({ topic, partition, offset }) => [partitionKey(topic, partition), offset] as const,
      );
      groups.set(groupId, {
        state: groupState(state),
        stateName: state,
        members: memberCount,
        offsets: new Map(offsets),
      });
    }
  }
  return groups;
}

/** Every state but these two has members, or is about to: nothing else may be taken for empty. */
function groupState(state: string): TargetGroup['state'] {
  if (state === 'Empty') return 'empty';
  return state === 'Dead' ? 'absent' : 'active';
}
