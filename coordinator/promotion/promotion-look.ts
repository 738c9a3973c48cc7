import { describeError, MirrorError } from '../../common/errors.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { describeErrorCode, ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import type { MappedPosition } from '../target/flow-positions.js';
import type { FlowTarget } from '../target/flow-target.js';
import {
  buildPromotionPlan,
  type FlowPhase,
  type GroupPosition,
  type PartitionPosition,
  type PromotionPlan,
  type SourceLook,
  type TargetGroup,
} from './promotion-plan.js';
import { partitionKey } from './promotion-rows.js';
import type { PromotionSelection } from './promotion-selection.js';

/** What promotion asks of the coordinator that runs the flow. Without topics: of the whole flow. */
export interface PromotionHost {
  sourceState(flow: string): SourceLook;
  /** Asks the source itself, within limits; `sourceState` tells what came of it. */
  probeSource(flow: string, signal: AbortSignal): Promise<void>;
  /** Has the source's topics, and what groups have committed there by now, reported; within limits. */
  reportGroups(flow: string, signal: AbortSignal): Promise<CommitsReported>;
  partitionPositions(flow: string): readonly PartitionPosition[];
  /**
   * No more grants; revokes everything; waits, within limits, for final progress and releases. Resolves
   * to the agents that did not release everything by then.
   */
  stopFlow(
    flow: string,
    topics: readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<string[]>;
  setFlowState(flow: string, state: FlowPhase, topics?: readonly string[]): void;
}

/**
 * By topic and partition, where the source ended after it was asked: -1n where it did not say. What is
 * not in it was not asked about.
 */
export type SourceEndsSeen = ReadonlyMap<string, ReadonlyMap<number, bigint>>;

export type CommitsReported =
  | { readonly state: 'known'; readonly ends: SourceEndsSeen }
  /** An agent of an older version: it cannot say whether a commit is still on its way. */
  | { readonly state: 'as-reported' }
  | { readonly state: 'unknown'; readonly problem: string };

export interface PromotionScope {
  target: FlowTarget;
  admin: AdminClient;
  cluster: KafkaCluster;
  host: PromotionHost;
  selection: PromotionSelection;
}

/** Groups that are asked about at a time. */
const GROUPS_ASKED_MAX = 16;

/** What `promote` would do now. Changes nothing; a target that is away is a blocker, not an error. */
export async function planPromotion(
  scope: PromotionScope,
  signal: AbortSignal,
): Promise<PromotionPlan> {
  const { host, target } = scope;
  // Behind the fence it no longer matters.
  if (chooseTopics(scope).phase === 'running') await lookAtSource(host, target.flowId, signal);
  try {
    return await lookAtTarget(scope, signal);
  } catch (error) {
    if (!(error instanceof MirrorError) || !error.retriable) throw error;
    const message = `the target does not answer: ${describeError(error)}`;
    const plan = planWith(scope, { records: undefined, logs: new Map(), groups: new Map() });
    return { ...plan, blockers: [{ code: 'target-unreachable', message }] };
  }
}

/** Also at its topics and what its groups have committed: a plan is about what is true now. */
async function lookAtSource(host: PromotionHost, flow: string, signal: AbortSignal): Promise<void> {
  await host.probeSource(flow, signal);
  if (host.sourceState(flow).state === 'reachable') await host.reportGroups(flow, signal);
}

export interface ChosenTopics {
  phase: FlowPhase;
  /** What is to be promoted, or was: as on the source; undefined for the whole flow. */
  topics: string[] | undefined;
  includes: (topic: string) => boolean;
}

/**
 * The topics that a promotion is about now. What was promoted by name before is left alone, unless
 * nothing else is chosen: then all of it is reported.
 */
export function chooseTopics({
  target,
  host,
  selection,
}: Pick<PromotionScope, 'target' | 'host' | 'selection'>): ChosenTopics {
  const { promotions, flowId } = target;
  const { whole } = promotions;
  if (selection.topics === undefined) {
    const isDone = whole?.completedAtMs !== undefined;
    const phase = whole === undefined ? 'running' : isDone ? 'promoted' : 'promoting';
    const includes = (topic: string): boolean =>
      isDone || promotions.topics.get(topic) !== 'promoted';
    return { phase, topics: undefined, includes };
  }
  const known = [...target.mappedPartitions(), ...host.partitionPositions(flowId)];
  const names = [...new Set(known.map(({ topic }) => topic))].filter((topic) =>
    selection.topics!.matches(topic),
  );
  const open = names.filter((topic) => promotions.phaseOf(topic) !== 'promoted');
  const topics = open.length === 0 ? names : open;
  const chosen = new Set(topics);
  const includes = (topic: string): boolean => chosen.has(topic);
  if (open.length === 0)
    return { phase: names.length > 0 ? 'promoted' : 'running', topics, includes };
  const isBegun = open.some((topic) => promotions.phaseOf(topic) === 'promoting');
  return { phase: isBegun ? 'promoting' : 'running', topics, includes };
}

async function lookAtTarget(scope: PromotionScope, signal: AbortSignal): Promise<PromotionPlan> {
  const groups = await targetGroups(scope, signal);
  // Afterwards: what a group has committed by then, the log has held, unless it lost it.
  const ends = await targetEnds(scope, chooseTopics(scope).includes, signal);
  return planWith(scope, { ...ends, groups });
}

interface TargetLook extends Omit<TargetEnds, 'asked' | 'records'> {
  /** Both undefined where the target does not answer. */
  readonly asked?: ReadonlySet<string>;
  readonly records: TargetEnds['records'] | undefined;
  readonly groups: ReadonlyMap<string, TargetGroup>;
}

function planWith(
  scope: PromotionScope,
  { records: targetEnds, logs: logEnds, groups: targetGroups, asked }: TargetLook,
): PromotionPlan {
  const { target, host, selection } = scope;
  const flow = target.flowId;
  const { phase, topics, includes } = chooseTopics(scope);
  const groups = chosenGroups(scope);
  const chosenNothing: ('topic' | 'group')[] = [];
  if (topics?.length === 0) chosenNothing.push('topic');
  else if (selection.groups !== undefined && groups.length === 0) chosenNothing.push('group');
  return buildPromotionPlan({
    ...{ flow, phase, groups, targetGroups, chosenNothing, targetEnds, logEnds },
    ...{ mode: selection.mode, accept: selection.accept },
    source: host.sourceState(flow),
    positions: host.partitionPositions(flow).filter(({ topic }) => includes(topic)),
    mapped: target
      .mappedPartitions()
      .filter((each) => includes(each.topic) && (asked?.has(keyOnTarget(each)) ?? true)),
    corruptCheckpoints: target.corruptCheckpoints,
  });
}

function chosenGroups(scope: PromotionScope): GroupPosition[] {
  const { target, selection } = scope;
  const { includes } = chooseTopics(scope);
  return target
    .groupPositions()
    .filter(({ topic, group }) => includes(topic) && (selection.groups?.matches(group) ?? true));
}

/** By partition key; partitions that do not exist are left out of both maps. */
export interface TargetEnds {
  /** Which partitions were asked about: topics are made meanwhile, and nobody knows of those. */
  readonly asked: ReadonlySet<string>;
  /** Of the flow's records: after the fence right behind it, for what came later was written by others. */
  readonly records: ReadonlyMap<string, bigint>;
  /** Of the logs, whoever wrote there last. */
  readonly logs: ReadonlyMap<string, bigint>;
}

export async function targetEnds(
  { target, cluster }: Pick<PromotionScope, 'target' | 'cluster'>,
  includes: ChosenTopics['includes'],
  signal: AbortSignal,
): Promise<TargetEnds> {
  const mapped = target.mappedPartitions().filter(({ topic }) => includes(topic));
  const partitions = mapped.map(({ targetTopic, partition }) => ({
    topic: targetTopic,
    partition,
  }));
  // From scratch: a topic that was deleted may still be in the cache.
  await cluster.metadata([...new Set(partitions.map(({ topic }) => topic))], { signal });
  const found = await cluster.listOffsets(partitions, TIMESTAMP_LATEST, { signal });
  const [records, logs] = [new Map<string, bigint>(), new Map<string, bigint>()];
  for (const each of mapped) {
    const { targetTopic, targetTopicId, fenceEnd } = each;
    const key = keyOnTarget(each);
    const currentId = cluster.topicIdOf(targetTopic);
    if (currentId !== undefined && currentId !== targetTopicId) continue; // another topic by now
    const { errorCode, offset } = found.get(key)!;
    if (errorCode === ErrorCode.NONE) {
      records.set(key, fenceEnd ?? offset);
      logs.set(key, offset);
    } else if (errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
      throw new TargetLookError(`${key} cannot be read: ${describeErrorCode(errorCode).name}`);
    }
  }
  return { asked: new Set(mapped.map(keyOnTarget)), records, logs };
}

function keyOnTarget({ targetTopic, partition }: MappedPosition): string {
  return partitionKey(targetTopic, partition);
}

/** The target did not say what was asked, which is not to be taken for "nothing". */
export class TargetLookError extends MirrorError {
  readonly code = 'MIRROR_TARGET_LOOK';
  readonly retriable = true;
}

async function targetGroups(
  scope: PromotionScope,
  signal: AbortSignal,
): Promise<Map<string, TargetGroup>> {
  const { admin } = scope;
  const names = [...new Set(chosenGroups(scope).map(({ group }) => group))];
  const committed = await admin.groupOffsets(names, { signal });
  const groups = new Map<string, TargetGroup>();
  for (let start = 0; start < names.length; start += GROUPS_ASKED_MAX) {
    const chunk = names.slice(start, start + GROUPS_ASKED_MAX);
    const described = await Promise.all(chunk.map((name) => admin.describeGroup(name, { signal })));
    for (const { groupId, state, memberCount } of described) {
      const offsets = new Map<string, bigint>();
      const metadata = new Map<string, string>();
      for (const each of committed.get(groupId) ?? []) {
        const key = partitionKey(each.topic, each.partition);
        offsets.set(key, each.offset);
        if (each.metadata !== null) metadata.set(key, each.metadata);
      }
      groups.set(groupId, {
        state: groupState(state),
        stateName: state,
        members: memberCount,
        ...{ offsets, metadata },
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
