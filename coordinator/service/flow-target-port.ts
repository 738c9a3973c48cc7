import type { EpochMark } from '../../mirror/records/offset-map-record.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import type { SourceTopic } from '../core/events.js';
import type { PromotedScope } from '../target/flow-promotions.js';
import type { GroupLook } from '../validation/group-validation.js';
import type { UnprovenPartition } from '../verification/unproven.js';
import type { VerifiablePartition } from '../verification/verification.js';
import type { MapNews, MapRun } from '../target/partition-map.js';
import type { SourceFacts } from '../target/source-facts.js';
import type { GroupOffsetReport } from './messages.js';

/** The part of a FlowTarget that the coordination of agents uses. */
export interface FlowTargetPort {
  /** Set from the begin of a promotion's fence on: then nothing is ever granted again. */
  readonly promoted:
    { readonly atMs: number; readonly completedAtMs: number | undefined } | undefined;

  /** Topics that were promoted by name: never granted again, while the rest of the flow is. */
  readonly promotedTopics: ReadonlyMap<string, 'running' | 'promoting' | 'promoted'>;

  /** What an earlier leader began to promote, and did not end. */
  readonly unfinishedPromotion: PromotedScope | undefined;

  /** Why nothing is written at present; undefined while all is well. */
  readonly problem: string | undefined;

  ensureTopic(
    topic: SourceTopic,
    signal?: AbortSignal,
  ): Promise<{ targetTopic: string; targetTopicId: string; partitionCount: number }>;

  assignment(
    topic: string,
    partition: number,
  ): {
    producerId: bigint;
    producerEpoch: number;
    sequenceBase: bigint;
    sourceTopicId: string;
    mapTail: MapRun[];
    mapNews?: MapNews | undefined;
    sourceEpoch?: EpochMark | undefined;
  };

  applyProgress(update: {
    topic: string;
    partition: number;
    runs: readonly MapRun[];
    truncatedTo?: bigint;
    sourceEpoch?: EpochMark | undefined;
    renewed?: RenewedBase;
  }): void;

  /** An operator accepts that the target topic is another one: nothing copied before counts. */
  forgetTopic(topic: string): void;

  /** An operator accepts that the target topic has more partitions; durable when it resolves. */
  acceptWider(topic: string): Promise<void>;

  findMapEntry(topic: string, partition: number, targetOffset: bigint): MapRun[];
  onDurable(listener: (acks: readonly DurableAck[]) => void): void;
  onFenced(listener: () => void): void;
  recordGroupOffsets(offsets: readonly GroupOffsetReport[]): void;
  readonly groups: GroupLookupPort;
  groupPositions(): readonly GroupPositionView[];
  /** Every partition that was ever made on the target for this flow. */
  mappedPartitions(): readonly MappedPartitionView[];
  /** What can be compared on both sides, as the map is now, and what cannot. */
  verifiablePartitions(): {
    readonly verifiable: readonly VerifiablePartition[];
    readonly corrupt: readonly UnprovenPartition[];
    /** Made on the target, and never copied. */
    readonly unbegun: readonly Omit<UnprovenPartition, 'reason'>[];
  };
  readonly producer: { readonly producerId: bigint };
}

/** What an accepted halt made different for a partition. */
export interface RenewedBase {
  readonly sequenceBase: bigint;
  /** Whether the map before the runs is void, and then the topics that count from now on. */
  readonly restarted:
    { readonly sourceTopicId: string; readonly targetTopicId: string } | undefined;
}

/** Questions about groups, which only the target can answer. */
export interface GroupLookupPort {
  list(signal: AbortSignal): Promise<readonly GroupSummaryView[]>;
  /** Throws GroupNotOnTargetError. */
  toTarget(group: string, signal: AbortSignal): Promise<readonly TranslatedView[]>;
  toSource(group: string, signal: AbortSignal): Promise<readonly TranslatedView[]>;
}

export interface TranslatedView {
  readonly topic: string;
  readonly targetTopic: string;
  readonly partition: number;
  readonly sourceOffset: bigint | undefined;
  readonly targetOffset: bigint | undefined;
  readonly earlierByMax: bigint | undefined;
  readonly targetLag: bigint | undefined;
  readonly note: string;
  readonly mappedTo?: bigint | undefined;
}

export interface GroupSummaryView {
  readonly group: string;
  readonly targetState: string;
  readonly sync: string | undefined;
  readonly positions: readonly TranslatedView[];
}

/** A target, and what was opened for it alone. */
export interface OpenedFlowTarget {
  readonly target: FlowTargetPort;
  /** A consumer group on the target now. Throws GroupNotOnTargetError. */
  lookAtGroup(group: string, signal: AbortSignal): Promise<GroupLook>;
  /** Flushes, then closes. Never rejects. */
  close(): Promise<void>;
}

export interface MappedPartitionView {
  readonly topic: string;
  readonly targetTopic: string;
  readonly partition: number;
  readonly end: { readonly sourceNext: bigint; readonly targetNext: bigint } | undefined;
}

export interface DurableAck {
  readonly topic: string;
  readonly partition: number;
  readonly sourceNext: bigint;
  readonly targetNext: bigint;
}

export interface GroupPositionView {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly sourceOffset: bigint;
  readonly targetOffset: bigint | undefined;
  readonly metadata: string;
}

export interface OpenFlowTargetOptions {
  readonly flow: FlowConfig;
  readonly term: bigint;
  readonly facts: SourceFacts;
}

/** Opens the target of one flow, connections included. */
export type OpenFlowTarget<Opened extends OpenedFlowTarget> = (
  options: OpenFlowTargetOptions,
  signal: AbortSignal,
) => Promise<Opened>;
