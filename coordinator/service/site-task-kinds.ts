import type { ProducersSeen } from '../promotion/active-producers.js';

/**
 * What agents can be asked to do at a flow's source, free of the wire's types: each kind with what it
 * is asked, what comes on the way, and what comes of it. A new kind is a field of the same name in
 * `site_task.proto`, an entry here, and an executor in `agent/site-tasks/`.
 */
export interface SiteTaskKinds {
  compareRanges: {
    readonly task: CompareRangesTask;
    readonly piece: ComparedRange;
    readonly result: { readonly difference: RangeDifference | undefined };
  };
  canary: { readonly task: CanaryTask; readonly piece: never; readonly result: CanaryResult };
  activeProducers: {
    readonly task: { readonly topics: readonly string[]; readonly withinMs: bigint };
    readonly piece: never;
    readonly result: ProducersSeen;
  };
  probeSource: {
    readonly task: { readonly timeoutMs: number };
    readonly piece: never;
    readonly result: { readonly answered: boolean; readonly problem: string };
  };
  kafkaRequest: {
    readonly task: KafkaRequestTask;
    readonly piece: { readonly bytes: Buffer };
    readonly result: object;
  };
  reportGroups: { readonly task: object; readonly piece: SourceEnds; readonly result: object };
}

export type SiteTaskKind = keyof SiteTaskKinds;

interface Cased<Kind, Value> {
  readonly $case: Kind;
  readonly value: Value;
}

/** `{ $case, value }` of the kinds in K; a union if there are several. */
export type SiteTask<K extends SiteTaskKind = SiteTaskKind> = {
  [Kind in K]: Cased<Kind, SiteTaskKinds[Kind]['task']>;
}[K];
export type SiteTaskPiece<K extends SiteTaskKind = SiteTaskKind> = {
  [Kind in K]: Cased<Kind, SiteTaskKinds[Kind]['piece']>;
}[K];
export type SiteTaskResult<K extends SiteTaskKind = SiteTaskKind> = {
  [Kind in K]: Cased<Kind, SiteTaskKinds[Kind]['result']>;
}[K];

/** What an agent says about a task: pieces, then one result or one error. */
export type SiteTaskReport =
  | { readonly kind: 'piece'; readonly piece: SiteTaskPiece }
  | { readonly kind: 'result'; readonly result: SiteTaskResult }
  | {
      readonly kind: 'error';
      readonly code: string;
      readonly message: string;
      readonly retriable: boolean;
    };

/** See `CompareRanges` in site_task.proto. */
export interface CompareRangesTask {
  readonly topic: string;
  readonly partition: number;
  readonly targetTopic: string;
  readonly sourceTopicId: string;
  readonly targetTopicId: string;
  readonly segments: readonly CompareSegment[];
  readonly bytesPerSecond: bigint;
  readonly tailProducerId: bigint | undefined;
}

/** Ends are exclusive. */
export interface CompareSegment {
  readonly sourceFrom: bigint;
  readonly sourceTo: bigint;
  readonly targetFrom: bigint;
  readonly targetTo: bigint;
  readonly exact: boolean;
}

/** See `ComparedRange` in site_task.proto. */
export interface ComparedRange {
  readonly sourceFrom: bigint;
  readonly sourceTo: bigint;
  readonly targetFrom: bigint;
  readonly targetTo: bigint;
  readonly sourceRecords: bigint;
  readonly targetRecords: bigint;
  readonly sourceChecksum: string;
  readonly targetChecksum: string;
  readonly equalRecords: bigint;
  readonly deletedOnSource: bigint;
  readonly deletedOnTarget: bigint;
  readonly compacted: bigint;
  readonly bytes: bigint;
}

export interface RangeDifference {
  readonly what: string;
  readonly sourceOffset?: bigint | undefined;
  readonly targetOffset?: bigint | undefined;
  readonly detail: string;
}

export type CanaryAct = 'create' | 'append' | 'look' | 'read' | 'commit' | 'delete';

/** See `Canary` in site_task.proto. */
export interface CanaryTask {
  readonly act: CanaryAct;
  readonly topic: string;
  readonly group: string;
  readonly partitionCount: number;
  readonly partitions: readonly CanaryPartition[];
}

export interface CanaryPartition {
  readonly partition: number;
  readonly offset: bigint;
  readonly values: readonly string[];
}

export interface CanaryResult {
  readonly partitions: readonly CanaryPartition[];
  readonly committed: readonly CanaryPartition[];
}

/** See `SourceEnds` in site_task.proto. */
export interface SourceEnds {
  readonly topics: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly ends: readonly bigint[];
  }[];
}

/** See `KafkaRequest` in site_task.proto. */
export interface KafkaRequestTask {
  readonly host: string;
  readonly port: number;
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly body: Buffer;
}
