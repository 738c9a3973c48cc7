import type { EpochMark } from '../../mirror/records/offset-map-record.js';
import type { CopierState, LeaseRef, Problem, SourceTopic } from '../core/events.js';
import type { AclBinding } from '../../kafka/admin/acl-admin.js';
import type { TopicConfigFacts } from '../target/source-facts.js';
import type { MapNews, MapRun } from '../target/partition-map.js';
import type { SiteTask, SiteTaskReport } from './site-task-kinds.js';

/** What agents and the coordinator say to each other, free of the wire's types. */

export interface AgentHello {
  readonly agentId: string;
  readonly site: string;
  readonly clusters: readonly string[];
  readonly version: string;
  /** Empty for a new session. */
  readonly sessionId: string;
  readonly held: readonly LeaseRef[];
  /** Kinds of site tasks that it knows. */
  readonly siteTaskKinds: readonly string[];
  /** Version of the protocol that it speaks. */
  readonly protocol: number;
}

export interface ProgressReport {
  readonly lease: LeaseRef;
  readonly copier: CopierState;
  readonly halt: Problem | undefined;
  readonly runs: readonly MapRun[];
  readonly truncatedTo: bigint | undefined;
  readonly sourceEpoch: EpochMark | undefined;
  /** The map before `runs` is void: an operator accepted another topic on one of the sides. */
  readonly mapRestarted: boolean;
  readonly sequenceBase: bigint;
  readonly sourceNext: bigint;
  readonly targetNext: bigint;
  readonly sourceEnd: bigint;
  readonly sourceEndAgeMs: number;
  /** Totals since the lease was granted. */
  readonly records: bigint;
  readonly bytes: bigint;
  readonly lastTimestampMs: number;
  /** While recovering: why the position was not found at the last try; empty if there is no reason. */
  readonly trouble: string;
  /** Until it is reported again, `StandingReport` goes for it too. */
  readonly standing: boolean;
}

/** Of all partitions of the flow that were last reported as standing: nothing has changed. */
export interface StandingReport {
  readonly flow: string;
  readonly sourceEndAgeMs: number;
}

export interface GroupOffsetReport {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly metadata: string;
}

/** What an agent may not write beside the copy; see the message of this name. */
export interface MissingRight {
  readonly flow: string;
  readonly unwritten: string;
  readonly right: string;
}

export type AgentSays =
  | {
      readonly kind: 'heartbeat';
      readonly sequence: bigint;
      readonly bufferedBytes: bigint;
      /** Flows whose limit held it back since its last heartbeat. */
      readonly limitedFlows: readonly string[];
      /** What it may not write beside the copy. */
      readonly missingRights: readonly MissingRight[];
    }
  | { readonly kind: 'inventory'; readonly flow: string; readonly topics: readonly SourceTopic[] }
  | {
      readonly kind: 'progress';
      readonly reports: readonly ProgressReport[];
      readonly standing: readonly StandingReport[];
    }
  | {
      readonly kind: 'group-offsets';
      readonly flow: string;
      readonly offsets: readonly GroupOffsetReport[];
    }
  | {
      readonly kind: 'topic-configs';
      readonly flow: string;
      readonly topics: ReadonlyMap<string, TopicConfigFacts>;
      readonly wholeLook: boolean;
    }
  | {
      readonly kind: 'source-acls';
      readonly flow: string;
      readonly look: 'part' | 'done' | 'unchanged' | 'no-authorizer' | 'refused';
      readonly bindings: readonly AclBinding[];
      readonly problem: Problem | undefined;
    }
  | {
      readonly kind: 'missing-topics';
      readonly flow: string;
      readonly gone: readonly string[];
      readonly hidden: readonly string[];
    }
  | { readonly kind: 'released'; readonly leases: readonly (LeaseRef & { reason: string })[] }
  | {
      readonly kind: 'site-problem';
      readonly flow: string;
      readonly message: string;
      /** Why its groups are not followed; empty if they are. */
      readonly groups: string;
    }
  | { readonly kind: 'draining' }
  /** Of a newer agent: of a kind that is not known here. */
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'site-task-report';
      readonly taskId: string;
      readonly report: SiteTaskReport;
    };

export interface PartitionAssignment {
  readonly targetTopic: string;
  readonly sourceTopicId: string;
  readonly targetTopicId: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly sequenceBase: bigint;
  readonly mapTail: readonly MapRun[];
  readonly mapNews?: MapNews | undefined;
  readonly sourceEpoch?: EpochMark | undefined;
  /** The halt that an operator accepted; empty if none. */
  readonly accept: string;
}

export interface GrantMessage {
  readonly lease: LeaseRef;
  /** Undefined for site work. */
  readonly assignment: PartitionAssignment | undefined;
  /** For site work: the source topics that the flow has a copy of. */
  readonly mirroredTopics: readonly string[];
}

export interface MapAckMessage {
  readonly lease: LeaseRef;
  readonly sourceNext: bigint;
  readonly targetNext: bigint;
}

export type CoordinatorSays =
  | {
      readonly kind: 'welcome';
      readonly sessionId: string;
      readonly leaseTtlMs: number;
      readonly term: bigint;
      readonly properties: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'configuration'; readonly properties: ReadonlyMap<string, string> }
  | { readonly kind: 'heartbeat-ack'; readonly sequence: bigint }
  /** Its share of a flow's bandwidth limit. */
  | { readonly kind: 'flow-limit'; readonly flow: string; readonly bytesPerSecond: number }
  | { readonly kind: 'grants'; readonly grants: readonly GrantMessage[] }
  | { readonly kind: 'revokes'; readonly leases: readonly LeaseRef[]; readonly reason: string }
  | { readonly kind: 'map-acks'; readonly acks: readonly MapAckMessage[] }
  | {
      readonly kind: 'site-task';
      readonly taskId: string;
      readonly flow: string;
      readonly task: SiteTask;
    }
  /** Pieces taken, in total. */
  | { readonly kind: 'site-task-ack'; readonly taskId: string; readonly pieces: number }
  | { readonly kind: 'cancel-site-task'; readonly taskId: string };

/** The coordinator's end of an agent's stream. */
export interface AgentLink {
  /** Where the agent calls from; for people. */
  readonly peer: string;
  /** Never waits. A link whose queue is full ends itself, and `disconnected` follows. */
  send(message: CoordinatorSays): void;
  /** Ends the stream with this error as its status. Idempotent. */
  end(reason: Error): void;
}

/** An agent's session as the stream sees it. */
export interface AgentConnection {
  receive(message: AgentSays): void;
  disconnected(): void;
}
