/**
 * What a failback would do, from what both clusters say. Pure, so that every rule is a row in a table.
 */
import type { OffsetRun } from '../../mirror/offset-map-run.js';
import { PartitionMap } from '../target/partition-map.js';
import { copyBackSeed, isAtSeam, positionAtSeam, type SeamPartition } from './seam.js';

export type FailbackBlockerCode =
  | 'not-promoted' //        the flow runs: there is nothing to fail back from
  | 'source-unreachable' //  the old primary does not answer this coordinator
  | 'target-unreachable'
  | 'source-written' //      producers still write on the old primary
  | 'open-transaction' //    a transaction is open on the old primary
  | 'group-active' //        consumers run on the old primary
  | 'topic-missing' //       a mirrored topic is gone from one of the sides
  | 'topic-recreated' //     … or another topic has its name by now
  | 'partitions-differ' //   the old primary has partitions that the new one does not have
  | 'source-truncated' //    the old primary lost records that had crossed
  | 'map-corrupt' //         the flow's offset map cannot be read
  | 'source-differs'; //     its last records are not those that crossed

export interface FailbackBlocker {
  readonly code: FailbackBlockerCode;
  readonly message: string;
}

/** Where a failback stands before it is called: `new` if none is under way. */
export type FailbackProgress = 'new' | 'copying' | 'handing-over' | 'done';

/** Records of the old primary that never crossed. */
export interface Uncrossed {
  /** Offsets on the old primary; `to` is exclusive. Equal if there is nothing. */
  readonly from: bigint;
  readonly to: bigint;
  readonly records: bigint;
  /** Milliseconds since 1970; -1 without a record. */
  readonly firstTimestampMs: bigint;
  readonly lastTimestampMs: bigint;
}

export interface FailbackPartition {
  readonly seam: SeamPartition;
  readonly uncrossed: Uncrossed;
  /** Where the new primary ends: from `seam.fenceEnd` up to here is copied back. */
  readonly targetEnd: bigint;
}

export interface FailbackGroup {
  readonly group: string;
  readonly sourceTopic: string;
  readonly targetTopic: string;
  readonly partition: number;
  /** What it has committed on the new primary. */
  readonly targetOffset: bigint;
  /** What it has committed on the old primary; undefined if nothing. */
  readonly currentOffset: bigint | undefined;
  /** What will be committed there; undefined until the records before it are copied back. */
  readonly sourceOffset: bigint | undefined;
  /** At most so many records that never crossed lie before its position, not read by it. */
  readonly passesOver: bigint;
}

/** Why a mirrored topic takes no part. */
export type LeftOutReason =
  | 'deselected' // the flow's topics do not name it any more
  | 'deleted'; //   the source had said before the promotion that it is gone

export interface LeftOutTopic {
  readonly topic: string;
  readonly targetTopic: string;
  readonly reason: LeftOutReason;
  /** At most so many records were written on the new primary, and stay there; undefined if unknown. */
  readonly written: bigint | undefined;
}

export interface FailbackPlan {
  readonly flow: string;
  readonly progress: FailbackProgress;
  /** The flow that copies back. */
  readonly copyFlow: string;
  readonly quarantineTopic: string;
  readonly partitions: readonly FailbackPartition[];
  readonly groups: readonly FailbackGroup[];
  readonly leftOut: readonly LeftOutTopic[];
  readonly blockers: readonly FailbackBlocker[];
}

/** A group's committed offset on one of the clusters. */
export interface CommittedPosition {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

export interface GroupsInput {
  readonly partitions: readonly FailbackPartition[];
  readonly runsOf: (seam: SeamPartition) => readonly OffsetRun[];
  readonly onTarget: readonly CommittedPosition[];
  readonly onSource: readonly CommittedPosition[];
}

export function planGroups(input: GroupsInput): FailbackGroup[] {
  const byTopic = new Map(
    input.partitions.map((each) => [`${each.seam.targetTopic}:${each.seam.partition}`, each]),
  );
  const committed = new Map(
    input.onSource.map((each) => [`${each.group}|${each.topic}:${each.partition}`, each.offset]),
  );
  const groups: FailbackGroup[] = [];
  for (const { group, topic, partition, offset } of input.onTarget) {
    const at = byTopic.get(`${topic}:${partition}`);
    if (at === undefined || offset < 0n) continue;
    const { seam, uncrossed } = at;
    const current = committed.get(`${group}|${seam.sourceTopic}:${partition}`);
    groups.push({
      ...{ group, sourceTopic: seam.sourceTopic, targetTopic: topic, partition },
      targetOffset: offset,
      currentOffset: current,
      sourceOffset: translateBack(at, input.runsOf(seam), { offset, current }),
      passesOver: offset > seam.fenceEnd ? uncrossed.to - max(uncrossed.from, current ?? 0n) : 0n,
    });
  }
  return groups.map((row) => ({ ...row, passesOver: max(0n, row.passesOver) }));
}

function translateBack(
  { seam, uncrossed }: FailbackPartition,
  flowRuns: readonly OffsetRun[],
  { offset, current }: { offset: bigint; current: bigint | undefined },
): bigint | undefined {
  if (isAtSeam(seam, offset)) return positionAtSeam(seam, current);
  if (offset > seam.fenceEnd) return undefined;
  const { runs, start } = copyBackSeed(seam, uncrossed.to, flowRuns);
  const map = new PartitionMap();
  map.adopt(runs, start);
  const { targetOffset } = map.toTarget(offset);
  return targetOffset === undefined ? undefined : max(targetOffset, current ?? 0n);
}

/** Records of the target behind the map's end that are the flow's own, and what follows them. */
export interface BehindMap<Item> {
  /** Mirrored, but their agent died before it reported them. */
  readonly unmapped: readonly Item[];
  /** F: the first offset that another producer wrote; the fence's end if nobody did. */
  readonly foreignFrom: bigint;
}

/** A record with its offset, as far as two of them can be compared. */
export interface ComparableRecord {
  readonly offset: bigint;
  readonly timestamp: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/**
 * The runs of records that were mirrored and never reported: the first so many of the source behind
 * the map, if they are the same. Undefined if they are not.
 */
export function alignUnmapped(
  source: readonly ComparableRecord[],
  target: readonly ComparableRecord[],
): { sourceStart: bigint; targetStart: bigint; length: bigint }[] | undefined {
  const runs: { sourceStart: bigint; targetStart: bigint; length: bigint }[] = [];
  for (const [index, copy] of target.entries()) {
    const original = source[index];
    if (original === undefined || !isSameRecord(original, copy)) return undefined;
    const last = runs.at(-1);
    const follows =
      last !== undefined &&
      last.sourceStart + last.length === original.offset &&
      last.targetStart + last.length === copy.offset;
    if (follows) last.length += 1n;
    else runs.push({ sourceStart: original.offset, targetStart: copy.offset, length: 1n });
  }
  return runs;
}

/** Without timestamps: a broker may stamp what it appends. */
export function isSameRecord(a: ComparableRecord, b: ComparableRecord): boolean {
  return sameBytes(a.key, b.key) && sameBytes(a.value, b.value);
}

function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
