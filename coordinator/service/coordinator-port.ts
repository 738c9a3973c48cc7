import type { DrillReport, DrillStep } from '../drill/drill-report.js';
import type { JournalEntry } from '../journal/journal-entry.js';
import type { FailbackResult } from '../failback/failback.js';
import type { FailbackPlan } from '../failback/failback-plan.js';
import type { PromotionPlan } from '../promotion/promotion-plan.js';
import type { PromotionSelection } from '../promotion/promotion-selection.js';
import type { GroupLook, ValidationResult } from '../validation/group-validation.js';
import type { VerificationListener } from '../verification/verification.js';
import type {
  VerificationOutcome,
  VerificationRequest,
} from '../verification/verification-runner.js';
import type { MapRun } from '../target/partition-map.js';
import type { FailbackListener, FailbackRequest } from './failback-runner.js';
import type { AgentConnection, AgentHello, AgentLink } from './messages.js';
import type { GroupView, TranslatedOffsetView, TranslateRequest } from './group-views.js';
import type { Refusal } from './refused-agents.js';
import type { ResumedPartition, ResumeRequest } from './resume.js';
import type { StatusView } from './status-view.js';
import type { DrainOutcome, SteerOutcome } from './steering-acts.js';
import type { DrainRequest, SteerRequest } from './steering.js';

export interface CoordinatorIdentity {
  readonly id: string;
  readonly address: string;
  readonly term: bigint;
  readonly version: string;
  /** `etcd` or `in-process`. */
  readonly store: string;
}

export interface PromotionStep {
  readonly name: string;
  readonly done: boolean;
  readonly message: string;
  readonly elapsedMs: number;
}

export interface PromotionOutcome {
  readonly plan: PromotionPlan;
  readonly alreadyPromoted: boolean;
  readonly elapsedMs: number;
}

export interface ValidationRequest {
  /** Alias of a cluster that is the target of a flow. */
  readonly target: string;
  readonly group: string;
  readonly lookIntervalMs: number;
}

export interface PromotionRequest {
  readonly flow: string;
  /** Who asked, for the journal. */
  readonly operator: string;
  readonly selection: PromotionSelection;
}

export interface DrillRequest {
  readonly flow: string;
  /** Who asked, for the journal. */
  readonly operator: string;
}

/** What the gRPC services call. Every call throws NotLeadingError on a standby. */
export interface CoordinatorPort {
  identity(): CoordinatorIdentity;
  connect(hello: AgentHello, link: AgentLink): Promise<AgentConnection>;
  /** An agent's stream was refused, or ended for what it said; nothing to a standby. */
  refused(refusal: Refusal): void;
  findMapEntry(item: string, targetOffset: bigint): MapRun[];
  status(flow: string): StatusView;
  steer(request: SteerRequest): Promise<SteerOutcome>;
  drain(request: DrainRequest): Promise<DrainOutcome>;
  resume(request: ResumeRequest): Promise<ResumedPartition[]>;
  /** Newest first; of one flow, or of all if empty. */
  journal(flow: string, entriesMax: number): Promise<JournalEntry[]>;
  translate(request: TranslateRequest, signal: AbortSignal): Promise<TranslatedOffsetView[]>;
  /** Of one flow, or of all if empty. */
  groups(flow: string, signal: AbortSignal): Promise<GroupView[]>;
  /** Ends with the signal; another call goes on. */
  verify(
    request: VerificationRequest,
    listener: VerificationListener,
    signal: AbortSignal,
  ): Promise<VerificationOutcome>;
  /** Throws UnknownTargetError or GroupNotOnTargetError. */
  validate(
    request: ValidationRequest,
    onLook: (look: GroupLook) => void,
    signal: AbortSignal,
  ): Promise<ValidationResult>;
  planPromotion(request: PromotionRequest, signal: AbortSignal): Promise<PromotionPlan>;
  /** Goes on when whoever asked no longer listens: what it made must be taken away. */
  drill(request: DrillRequest, onStep: (step: DrillStep) => void): Promise<DrillReport>;
  /** Goes on when whoever asked no longer listens: half a failover helps nobody. */
  promote(
    request: PromotionRequest,
    onStep: (step: PromotionStep) => void,
  ): Promise<PromotionOutcome>;
  planFailback(request: FailbackRequest, signal: AbortSignal): Promise<FailbackPlan>;
  /** Goes on when whoever asked no longer listens. */
  failback(request: FailbackRequest, onStep: FailbackListener): Promise<FailbackResult>;
  /** What never crossed, each record as a line of JSON. */
  readQuarantine(flow: string, onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
}
