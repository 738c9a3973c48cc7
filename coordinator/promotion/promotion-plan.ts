/**
 * What a promotion would do, from what is known now. Pure, so that every rule is a row in a table
 * test. The rules:
 *
 * - A group is never moved past the first record it has not read, and never backwards on the target
 *   from where a consumer has read to there.
 * - Unknown is said, not guessed: no translation, no commit; no look at the source, no RPO.
 * - Counts are upper bounds where they cannot be exact: `reread` and `neverSee` never say too little.
 */

import { isTakenBack, type SyncInput } from '../target/sync-decision.js';
import { findBlockers, type Blocker } from './promotion-blockers.js';
import { isPlanned, partitionKey } from './promotion-rows.js';
import type { PromotionMode } from './promotion-selection.js';

export type FlowPhase = 'running' | 'promoting' | 'promoted';

export type SourceState = 'reachable' | 'unreachable' | 'unknown';

export interface SourceLook {
  state: SourceState;
  /** Who saw what, and when; for people. */
  evidence: string;
}

/** One partition as the coordinator last heard of it from its agent. */
export interface PartitionPosition {
  topic: string;
  targetTopic: string;
  partition: number;
  sourceNext: bigint | undefined;
  sourceEnd: bigint | undefined;
  /** How long ago the source said so. */
  sourceEndAgeMs: number | undefined;
  /** Undefined also while nobody copies it: then nobody knows what has come since. */
  lagRecords: bigint | undefined;
  /** Nothing more comes from there: the source says that it has no such topic, or it is left out. */
  gone?: boolean | undefined;
  /** Why nobody copies it until an operator acts: `paused`, or `halted: ` and the code. */
  stopped?: string | undefined;
  /** How old the oldest record not yet copied may have been at that look. */
  missingMs?: number | undefined;
}

/** One partition as the offset map on the target knows it. */
export interface MappedPartition {
  topic: string;
  targetTopic: string;
  /** Of the very topic that the map is about. */
  targetTopicId?: string | undefined;
  partition: number;
  /** Undefined while the map knows nothing. */
  end: { sourceNext: bigint; targetNext: bigint } | undefined;
  /** Why the map cannot be trusted; undefined if it can. */
  corrupt?: string | undefined;
  /** Offsets that fences took at the end of the log, after everything mapped; no records. */
  fenceMarkers: bigint;
}

export type PositionKind = 'exact' | 'gap' | 'floor' | 'beyond' | 'before' | 'unknown';

/** A group's committed offset on the source, and what the map makes of it. */
export interface GroupPosition {
  group: string;
  topic: string;
  targetTopic: string;
  partition: number;
  sourceOffset: bigint;
  targetOffset: bigint | undefined;
  kind: PositionKind;
  /** Mirrored records between the translation and the group's true position: zero if exact. */
  rereadMax: bigint;
  metadata: string;
  /** The source itself said so since this coordinator leads. */
  live?: boolean | undefined;
  /** What the flow committed on the target, or may have. */
  attempts?: SyncInput['attempts'];
}

/** A group on the target. `absent` is known not to exist, which is not the same as unknown. */
export interface TargetGroup {
  state: 'empty' | 'absent' | 'active';
  /** The state in the broker's words, for messages. */
  stateName: string;
  members: number;
  /** By `partitionKey` of the target topic. */
  offsets: ReadonlyMap<string, bigint>;
  /** Likewise, where there is any. */
  metadata?: ReadonlyMap<string, string> | undefined;
}

export interface PlanInput {
  flow: string;
  phase: FlowPhase;
  source: SourceLook;
  positions: readonly PartitionPosition[];
  mapped: readonly MappedPartition[];
  groups: readonly GroupPosition[];
  /** By `partitionKey`; a partition that the target does not have is missing. Undefined: not known. */
  targetEnds: ReadonlyMap<string, bigint> | undefined;
  /** Where its logs end now, whoever wrote there last; looked at after the groups' offsets. */
  logEnds?: ReadonlyMap<string, bigint> | undefined;
  targetGroups: ReadonlyMap<string, TargetGroup>;
  mode: PromotionMode;
  /** Codes of blockers that the operator goes past. */
  accept: ReadonlySet<string>;
  /** What was asked for and is not there: `topic` or `group`, if any. */
  chosenNothing: readonly ('topic' | 'group')[];
  /** Group positions on the target that could not be read. */
  corruptCheckpoints: number;
}

export interface TopicPlan {
  topic: string;
  targetTopic: string;
  partitions: number;
  /** Records known to be on the source and not on the target; undefined where unknown. */
  rpoRecords: bigint | undefined;
  /** At the last look, how old the oldest of them may have been; undefined where unknown. */
  rpoMs: number | undefined;
  /** Age of the oldest look at the source that `rpoRecords` rests on. */
  uncertaintyMs: number;
  /** At most so many records on the target are not in the map: appended, but never reported. */
  unmappedRecords: bigint;
}

export interface GroupPlan {
  group: string;
  topic: string;
  targetTopic: string;
  partition: number;
  sourceOffset: bigint;
  /** What would be committed; undefined where nothing can be said. */
  targetOffset: bigint | undefined;
  currentOffset: bigint | undefined;
  /** Upper bound of the records, read on the source, that would be read again. */
  reread: bigint;
  /** Upper bound of the records, read on the source, that never reached the target. */
  neverSee: bigint;
  /** Why nothing is committed; empty if something is. */
  note: string;
  metadata: string;
}

export interface PromotionPlan {
  flow: string;
  phase: FlowPhase;
  source: SourceLook;
  topics: TopicPlan[];
  groups: GroupPlan[];
  /** What must be mended first. */
  blockers: Blocker[];
  /** Whether everything is copied first; else what was copied by then is all there is. */
  isPlanned: boolean;
  /** What was, or may be, gone past. */
  warnings: Blocker[];
}

export function buildPromotionPlan(input: PlanInput): PromotionPlan {
  const { flow, phase, source } = input;
  const mapped = new Map(
    input.mapped.map((each) => [partitionKey(each.targetTopic, each.partition), each]),
  );
  const positions = new Map(
    input.positions.map((each) => [partitionKey(each.targetTopic, each.partition), each]),
  );
  const groups = input.groups.map((group) => {
    const key = partitionKey(group.targetTopic, group.partition);
    const onTarget = input.targetGroups.get(group.group);
    return planGroup(group, {
      mapped: mapped.get(key),
      position: positions.get(key),
      targetEnd: input.targetEnds?.get(key),
      isTargetKnown: input.targetEnds !== undefined,
      logEnd: input.logEnds?.get(key),
      currentOffset: onTarget?.offsets.get(key),
      currentMetadata: onTarget?.metadata?.get(key) ?? '',
      isBegun: phase !== 'running',
    });
  });
  groups.sort(byGroupAndPartition);
  return {
    flow,
    phase,
    source,
    topics: planTopics(input, mapped, positions),
    groups,
    isPlanned: isPlanned(input),
    ...findBlockers(input, groups),
  };
}

/** What is known about the partition that a group has read. */
interface GroupContext {
  mapped: MappedPartition | undefined;
  position: PartitionPosition | undefined;
  targetEnd: bigint | undefined;
  logEnd: bigint | undefined;
  isTargetKnown: boolean;
  currentOffset: bigint | undefined;
  currentMetadata: string;
  /** What the source said last was written down before the fence. */
  isBegun: boolean;
}

function planGroup(group: GroupPosition, context: GroupContext): GroupPlan {
  const { currentOffset, targetEnd, logEnd } = context;
  const { group: name, topic, targetTopic, partition, sourceOffset, metadata } = group;
  const base = {
    group: name,
    topic,
    targetTopic,
    partition,
    sourceOffset,
    currentOffset,
    metadata,
  };
  const nothing = (note: string): GroupPlan => ({
    ...base,
    targetOffset: undefined,
    reread: 0n,
    neverSee: 0n,
    note,
  });
  if (!context.isTargetKnown) return nothing('the target does not answer');
  if (targetEnd === undefined) return nothing('the partition is not on the target');
  const translated = group.targetOffset ?? emptyPartition(context);
  if (translated === undefined) return nothing('the offset map knows nothing of this partition');

  const targetOffset = min(translated, min(targetEnd, logEnd ?? targetEnd));
  const { reread, neverSee } = countReads(group, translated, context);
  const plan = { ...base, targetOffset, reread, neverSee, note: '' };
  if (currentOffset === undefined || currentOffset < targetOffset) return plan;
  if (currentOffset === targetOffset) return { ...plan, note: 'committed on the target already' };
  // The log lost its tail: whatever is written there next would be skipped.
  if (logEnd !== undefined && currentOffset > logEnd) return plan;
  if (isOwnAndVoid(group, context)) return plan;
  const note = `the group is further on the target already, at ${currentOffset}`;
  return { ...plan, reread: 0n, note };
}

/** An offset that no consumer on the target has reached: mirrorctl put it there, and would put it back. */
function isOwnAndVoid(group: GroupPosition, context: GroupContext): boolean {
  const { currentOffset: offset, currentMetadata: metadata, mapped, isBegun } = context;
  if (offset === undefined) return false;
  return isTakenBack({
    ...{ current: { offset, metadata }, sourceOffset: group.sourceOffset },
    attempts: group.attempts ?? [],
    ...{ live: group.live === true || isBegun, targetTopicId: mapped?.targetTopicId ?? '' },
  });
}

/** Zero is the right offset where no record ever was, on either side: nothing else is proof. */
function emptyPartition({ mapped, position, targetEnd }: GroupContext): bigint | undefined {
  if (mapped?.end !== undefined || position?.sourceEnd !== 0n) return undefined;
  return targetEnd === (mapped?.fenceMarkers ?? 0n) ? 0n : undefined;
}

function countReads(
  group: GroupPosition,
  translated: bigint,
  context: GroupContext,
): { reread: bigint; neverSee: bigint } {
  const { targetEnd: copiedEnd = 0n, logEnd = copiedEnd } = context;
  const targetEnd = min(copiedEnd, logEnd);
  const end = context.mapped?.end;
  // The target lost what the map says it held: those records were read, and are gone.
  const lost = max(0n, translated - targetEnd);
  if (group.kind !== 'beyond' || end === undefined) {
    return { reread: lost > 0n ? 0n : group.rereadMax, neverSee: lost };
  }
  // Past the map's end: the target may hold more, from an agent that died before its last report.
  // The map ends with a record: markers behind it, which the copier has gone past, are none.
  const copiedTo = max(end.sourceNext, context.position?.sourceNext ?? -1n);
  const readBeyond = max(0n, group.sourceOffset - copiedTo);
  const unmapped = unmappedRecords(context.mapped, targetEnd);
  return {
    reread: min(unmapped, readBeyond),
    neverSee: lost + max(0n, readBeyond - unmapped),
  };
}

function unmappedRecords(mapped: MappedPartition | undefined, targetEnd: bigint): bigint {
  if (mapped?.end === undefined) return 0n;
  return max(0n, targetEnd - mapped.end.targetNext - mapped.fenceMarkers);
}

function planTopics(
  input: PlanInput,
  mapped: ReadonlyMap<string, MappedPartition>,
  positions: ReadonlyMap<string, PartitionPosition>,
): TopicPlan[] {
  const topics = new Map<string, TopicPlan>();
  for (const key of new Set([...mapped.keys(), ...positions.keys()])) {
    const map = mapped.get(key);
    const position = positions.get(key);
    const { topic, targetTopic } = (map ?? position)!;
    let plan = topics.get(topic);
    if (plan === undefined) {
      const counts = { partitions: 0, uncertaintyMs: 0, unmappedRecords: 0n };
      plan = { topic, targetTopic, rpoRecords: 0n, rpoMs: 0, ...counts };
      topics.set(topic, plan);
    }
    plan.partitions += 1;
    // A sum that leaves a partition out would look like the whole: one unknown makes all unknown.
    const missing = missingRecords(position, map);
    plan.rpoRecords =
      missing === undefined || plan.rpoRecords === undefined
        ? undefined
        : plan.rpoRecords + missing;
    const missingMs = missing === 0n ? 0 : position?.missingMs;
    plan.rpoMs =
      missingMs === undefined || plan.rpoMs === undefined
        ? undefined
        : Math.max(plan.rpoMs, missingMs);
    plan.uncertaintyMs = Math.max(plan.uncertaintyMs, position?.sourceEndAgeMs ?? 0);
    const targetEnd = input.targetEnds?.get(key);
    if (targetEnd !== undefined) plan.unmappedRecords += unmappedRecords(map, targetEnd);
  }
  return [...topics.values()].sort((a, b) => compare(a.topic, b.topic));
}

/**
 * From the newest of what is known: a copier that looks for its position reports none, and the map has
 * the runs that it reported last.
 */
function missingRecords(
  position: PartitionPosition | undefined,
  mapped: MappedPartition | undefined,
): bigint | undefined {
  const { sourceEnd, sourceNext = -1n } = position ?? {};
  const copiedTo = max(sourceNext, mapped?.end?.sourceNext ?? -1n);
  if (sourceEnd === undefined || copiedTo < 0n) return undefined;
  return max(0n, sourceEnd - copiedTo);
}

function byGroupAndPartition(a: GroupPlan, b: GroupPlan): number {
  return compare(a.group, b.group) || compare(a.topic, b.topic) || a.partition - b.partition;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
