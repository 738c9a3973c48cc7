import type { SteeringRule } from './steering-rules.js';

/**
 * What the core is told and what it asks for: plain values, so that a simulation can lose, delay
 * and reorder them, and a log of events replays to the same state.
 */

export interface LeaseRef {
  /** Key of the work item, see work-item.ts. */
  readonly item: string;
  readonly leaseEpoch: bigint;
}

export interface HolderRef extends LeaseRef {
  readonly sessionId: string;
  readonly agentId: string;
}

export interface Problem {
  readonly code: string;
  readonly message: string;
}

export interface SourceTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitionCount: number;
}

export interface TargetTopic {
  readonly targetTopic: string;
  readonly targetTopicId: string;
}

export type CopierState = 'recovering' | 'running' | 'halted' | 'promoted';

/**
 * running: items are granted. blocked: the target cannot be used; nothing new is granted, and what
 * is held stays. stopped: everything is revoked (a promotion began, or is done).
 */
export type FlowMode = 'running' | 'blocked' | 'stopped';

export type CoreEvent =
  | {
      readonly kind: 'flow-mode';
      readonly flow: string;
      readonly source: string;
      readonly target: string;
      /** Agents of this site are preferred; the source's alias if absent. */
      readonly sourceSite?: string;
      readonly mode: FlowMode;
    }
  /** Topics of the flow that nobody is to copy, whatever its mode: the whole list, each time. */
  | {
      readonly kind: 'topics-stopped';
      readonly flow: string;
      readonly topics: readonly string[];
    }
  /**
   * What the store holds when leadership begins, before anything else but flow modes. A million leases
   * come in several parts, in the first of which are all sessions.
   */
  | {
      readonly kind: 'recovered';
      readonly sessions: readonly { readonly sessionId: string; readonly agentId: string }[];
      readonly leases: readonly HolderRef[];
    }
  /** A stream with a session that the store knows; `held` is what the agent goes on doing. */
  | {
      readonly kind: 'agent-joined';
      readonly sessionId: string;
      readonly agentId: string;
      readonly clusters: readonly string[];
      readonly site?: string;
      readonly held: readonly LeaseRef[];
    }
  | { readonly kind: 'agent-heartbeat'; readonly sessionId: string }
  | { readonly kind: 'agent-disconnected'; readonly sessionId: string }
  | { readonly kind: 'agent-draining'; readonly sessionId: string }
  /** The store no longer has the session, whether it ran out or was closed: no lease of it is left. */
  | { readonly kind: 'session-gone'; readonly sessionId: string }
  | {
      readonly kind: 'inventory';
      readonly sessionId: string;
      readonly flow: string;
      readonly topics: readonly SourceTopic[];
    }
  | {
      readonly kind: 'target-topic-ready';
      readonly flow: string;
      readonly topic: SourceTopic;
      readonly target: TargetTopic;
    }
  | {
      readonly kind: 'target-topic-problem';
      readonly flow: string;
      readonly topic: SourceTopic;
      readonly problem: Problem;
    }
  | { readonly kind: 'granted'; readonly sessionId: string; readonly lease: LeaseRef }
  /** Another session has it: the store's word counts, and that holder is taken over as it is. */
  | { readonly kind: 'grant-held'; readonly sessionId: string; readonly holder: HolderRef }
  | { readonly kind: 'lease-gone'; readonly lease: LeaseRef }
  /** The store has no lease of the item that was granted before this revision. */
  | { readonly kind: 'lease-deleted'; readonly item: string; readonly revision: bigint }
  /**
   * Everything in the store, listed at some moment that may lie before the latest grants. With
   * `more` the rest of the same list follows, with anything else but lease-deleted in between;
   * with `first` the parts of a list that broke off before count no more.
   */
  | {
      readonly kind: 'leases-listed';
      readonly leases: readonly HolderRef[];
      readonly first?: boolean;
      readonly more?: boolean;
    }
  /** The agent gave the item up; the store still has the lease. */
  | { readonly kind: 'released'; readonly sessionId: string; readonly lease: LeaseRef }
  | {
      readonly kind: 'progress';
      readonly sessionId: string;
      readonly lease: LeaseRef;
      readonly copier: CopierState;
      readonly halt: Problem | undefined;
      /** Whether something keeps its agent from finding its position. */
      readonly inTrouble?: boolean;
      /** As measured of late; absent if nothing was. */
      readonly bytesPerSecond?: number;
    }
  /** The agent copies partitions of the flow that it does not speak of one by one. */
  | { readonly kind: 'standing'; readonly sessionId: string; readonly flow: string }
  /** The agent that has the flow's site cannot look at its source. */
  | { readonly kind: 'site-trouble'; readonly sessionId: string; readonly flow: string }
  /** An operator lets halted items try again, and accepts what made them halt, if anything. */
  | { readonly kind: 'resume'; readonly items: readonly string[]; readonly accept: string }
  /** What was copied of it is void: its target topic is made ready anew, and all of it copied again. */
  | { readonly kind: 'target-renewed'; readonly flow: string; readonly topic: string }
  /** The target is asked at once, not only when the wait since the last problem is over. */
  | { readonly kind: 'topic-retried'; readonly flow: string; readonly topic: string }
  /** The flow's configuration no longer selects these: nobody is to copy them. */
  | {
      readonly kind: 'topics-deselected';
      readonly flow: string;
      readonly topics: readonly string[];
    }
  /** Its target was opened anew: what was made ready on it is looked at again. */
  | { readonly kind: 'flow-reopened'; readonly flow: string }
  /** The flow is configured no more; only once nobody holds anything of it. */
  | { readonly kind: 'flow-removed'; readonly flow: string }
  /** All that operators asked of the flow's topics, whatever was said of it before. */
  | {
      readonly kind: 'flow-steered';
      readonly flow: string;
      readonly rules: readonly SteeringRule[];
    }
  /** All agents that operators drain, whatever was said of it before. */
  | { readonly kind: 'agents-drained'; readonly agentIds: readonly string[] }
  /** This leader is about to go: what is under way is brought to its end, and nothing else is moved. */
  | { readonly kind: 'leaving' }
  | { readonly kind: 'tick' };

/**
 * What is asked of the store is repeated by the caller until the store has answered or leadership
 * is lost: the core never guesses what an unanswered call did.
 */
export type CoreAction =
  /** Ask the store; answered by granted, grant-held or session-gone, each item once. */
  | {
      readonly kind: 'grant';
      readonly requests: readonly {
        readonly item: string;
        readonly sessionId: string;
        readonly agentId: string;
      }[];
    }
  /** Ask the store; answered by lease-gone, each lease once. */
  | { readonly kind: 'release'; readonly leases: readonly LeaseRef[] }
  /** Ask the store, and end the stream if there is one; answered by session-gone. */
  | { readonly kind: 'close-session'; readonly sessionId: string; readonly reason: string }
  /** Tell the agent; a repeat of what it knows is harmless. */
  | {
      readonly kind: 'send-grants';
      readonly sessionId: string;
      readonly leases: readonly LeaseRef[];
    }
  | {
      readonly kind: 'send-revokes';
      readonly sessionId: string;
      readonly leases: readonly LeaseRef[];
      readonly reason: string;
    }
  /** Ask the target; answered by target-topic-ready or target-topic-problem. */
  | { readonly kind: 'ensure-topic'; readonly flow: string; readonly topic: SourceTopic };
