import type { Clock } from '../../common/clock.js';
import { ClosedError, describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { ProbeAnswer } from '../../common/service/http-endpoint.js';
import { nonSecretProperties } from '../../mirror/config/mm2-config.js';
import type { MirrorConfig } from '../../mirror/config/mirror-config.js';
import type { ReloadPlan } from '../../mirror/config/reload-plan.js';
import { parseItemKey } from '../core/work-item.js';
import type { DrillReport, DrillStep } from '../drill/drill-report.js';
import type { JournalEntry } from '../journal/journal-entry.js';
import type { FailbackResult } from '../failback/failback.js';
import type { FailbackPlan } from '../failback/failback-plan.js';
import type { PromotionPlan } from '../promotion/promotion-plan.js';
import { GrpcServer, type ServerTls } from '../rpc/grpc-server.js';
import { LeadershipLostError } from '../store/errors.js';
import type { Leader, Leadership, LeaseStore } from '../store/lease-store.js';
import type { GroupLook, ValidationResult } from '../validation/group-validation.js';
import { validateOnTarget } from '../validation/validate-on-target.js';
import type { VerificationListener } from '../verification/verification.js';
import type {
  VerificationOutcome,
  VerificationRequest,
} from '../verification/verification-runner.js';
import type { MapRun } from '../target/partition-map.js';
import { Coordination, TICK_MS } from './coordination.js';
import type {
  CoordinatorIdentity,
  CoordinatorPort,
  DrillRequest,
  PromotionOutcome,
  PromotionRequest,
  ValidationRequest,
} from './coordinator-port.js';
import { NotLeadingError, ProtocolViolationError } from './errors.js';
import type { OpenedFlowTarget, OpenFlowTarget } from './flow-target-port.js';
import {
  listGroups,
  translateGroupOffsets,
  type GroupView,
  type TranslatedOffsetView,
  type TranslateRequest,
} from './group-views.js';
import type { AgentConnection, AgentHello, AgentLink } from './messages.js';
import type { SiteTasks } from './site-tasks.js';
import type { FailbackDriver, FailbackListener, FailbackRequest } from './failback-runner.js';
import type { Promoter, StepListener } from './promotion-runner.js';
import type { ReloadListener } from './config-reloader.js';
import { actsAwaited, reconfigure } from './reconfigure.js';
import type { Refusal } from './refused-agents.js';
import type { ResumedPartition, ResumeRequest } from './resume.js';
import { viewStatus, type StatusView } from './status-view.js';
import { drain, steer, type DrainOutcome, type SteerOutcome } from './steering-acts.js';
import type { DrainRequest, SteerRequest } from './steering.js';

/** How long a coordinator that stepped down by itself lets others go first. */
export const STEP_DOWN_PAUSE_MS = 1_000;

/** A leader that was told to go waits so long for what is on its way between agents. */
const FINISH_MOVES_MS_MAX = 2_000;
const SETTLED_LOOK_MS = 10;

export interface CoordinatorOptions<Opened extends OpenedFlowTarget> {
  readonly config: MirrorConfig;
  readonly store: LeaseStore;
  /** For status: `etcd` or `in-process`. */
  readonly storeName: string;
  readonly id: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly openTarget: OpenFlowTarget<Opened>;
  readonly promoter: Promoter<Opened>;
  readonly failback: FailbackDriver<Opened>;
  readonly tls?: ServerTls | undefined;
}

/**
 * A coordinator process: serves gRPC all the time, campaigns all the time, and runs a Coordination
 * as long as it leads.
 */
export class Coordinator<Opened extends OpenedFlowTarget> implements CoordinatorPort {
  readonly #options: CoordinatorOptions<Opened>;
  readonly #stop = new AbortController();
  #server: GrpcServer | undefined;
  /** host:port that others are told. */
  #address = '';
  #coordination: Coordination<Opened> | undefined;
  /** Replaced whole by a reload. */
  #config: MirrorConfig;
  #reloads = new AbortController();
  /** As the store last said; undefined while nobody leads, or before it said anything. */
  #leader: Leader | undefined;
  #campaigning: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #fail: (error: Error) => void = () => {};
  /** Resolves with the fault that ended the campaigns; never if they end by close(). */
  readonly failed: Promise<Error>;

  constructor(options: CoordinatorOptions<Opened>) {
    this.#options = options;
    this.#config = options.config;
    this.failed = new Promise((resolve) => (this.#fail = resolve));
  }

  /** What it runs with now. */
  get config(): MirrorConfig {
    return this.#config;
  }

  /**
   * Takes over another configuration. Resolves once nothing is copied any more that it does not
   * select, as far as this process leads: other processes read their own file.
   */
  async reconfigure(plan: ReloadPlan, { onWaiting, onUnconfirmed }: ReloadListener): Promise<void> {
    this.#reloads.abort(new ClosedError('an earlier configuration'));
    this.#reloads = new AbortController();
    const { clock } = this.#options;
    const superseded = this.#reloads.signal;
    const signal = AbortSignal.any([superseded, this.#stop.signal]);
    // A term that has just begun has the earlier flows, and must take them over first.
    const isBeginning = (): boolean => {
      const term = this.#coordination;
      return term !== undefined && !term.ready && !term.over.aborted;
    };
    for (const { acts } of this.#coordination?.flows.values() ?? []) acts.isAwaited = false;
    for (let isTold = false; ;) {
      const awaited = actsAwaited(this.#coordination, plan);
      if (awaited.size === 0 && !isBeginning()) break;
      if (awaited.size > 0 && !isTold) onWaiting(awaited);
      isTold ||= awaited.size > 0;
      await clock.sleep(TICK_MS, signal);
    }
    this.#config = plan.config;
    const coordination = this.#coordination;
    if (coordination === undefined) return;
    await reconfigure(coordination, { plan, onUnconfirmed, superseded });
  }

  /** host:port as bound. */
  get address(): string {
    return this.#server?.address ?? '';
  }

  /** What runs while this process leads. */
  get coordination(): Coordination<Opened> | undefined {
    return this.#coordination?.ready === true ? this.#coordination : undefined;
  }

  async start(): Promise<void> {
    const { config, clock, log, tls, store } = this.#options;
    const { listen, advertisedListen } = config.coordinator;
    const key = 'coordinator.listen';
    this.#server = await GrpcServer.open({ coordinator: this, clock, log, key, listen, tls });
    this.#address = advertisedListen ?? this.#server.address;
    store.watchLeader((leader) => (this.#leader = leader), this.#stop.signal);
    this.#campaigning = this.#campaign().catch((error: unknown) => {
      if (this.#stop.signal.aborted) return;
      log.fatal({ error: describeError(error) }, 'cannot campaign');
      this.#fail(error as Error);
    });
  }

  /** A standby that knows its leader is ready: it would take over. */
  ready(): ProbeAnswer {
    if (this.coordination !== undefined) return { ok: true };
    if (this.#leader !== undefined && this.#leader.id !== this.#options.id) return { ok: true };
    return { ok: false, reasons: ['no coordinator leads'] };
  }

  /** Ends streams, flushes, and gives up leadership so that a successor is elected at once. */
  close(): Promise<void> {
    return (this.#closing ??= this.#shut());
  }

  identity(): CoordinatorIdentity {
    const { id, version, storeName } = this.#options;
    const { term } = this.#leading();
    return { id, address: this.#address, term, version, store: storeName };
  }

  /** Of the present term. */
  get siteTasks(): SiteTasks {
    return this.#leading().siteTasks;
  }

  async connect(hello: AgentHello, link: AgentLink): Promise<AgentConnection> {
    return this.#leading().connect(hello, link);
  }

  refused(refusal: Refusal): void {
    this.coordination?.agents.refused.note(refusal);
  }

  findMapEntry(item: string, targetOffset: bigint): MapRun[] {
    const coordination = this.#leading();
    const work = parseItemKey(item);
    if (work?.kind !== 'partition')
      throw new ProtocolViolationError('a map entry is asked of a partition');
    const { target } = coordination.opened(work.flow);
    return target.findMapEntry(work.topic, work.partition, targetOffset);
  }

  status(flow: string): StatusView {
    return viewStatus(this.#leading(), flow);
  }

  async resume(request: ResumeRequest): Promise<ResumedPartition[]> {
    return (await this.#working(request.flow)).resume(request);
  }

  async steer(request: SteerRequest): Promise<SteerOutcome> {
    return steer(this.#leading(), request);
  }

  async drain(request: DrainRequest): Promise<DrainOutcome> {
    return drain(this.#leading(), request);
  }

  async journal(flow: string, entriesMax: number): Promise<JournalEntry[]> {
    const coordination = this.#leading();
    if (flow !== '') coordination.flow(flow);
    return coordination.journal.list(flow, entriesMax);
  }

  async translate(request: TranslateRequest, signal: AbortSignal): Promise<TranslatedOffsetView[]> {
    return translateGroupOffsets(await this.#working(request.flow), request, signal);
  }

  async groups(flow: string, signal: AbortSignal): Promise<GroupView[]> {
    return listGroups(await this.#working(flow), flow, signal);
  }

  async verify(
    request: VerificationRequest,
    listener: VerificationListener,
    signal: AbortSignal,
  ): Promise<VerificationOutcome> {
    const { verifications } = await this.#working(request.flow);
    return verifications.run(request, listener, signal);
  }

  async validate(
    request: ValidationRequest,
    onLook: (look: GroupLook) => void,
    signal: AbortSignal,
  ): Promise<ValidationResult> {
    return validateOnTarget(this.#leading(), { request, onLook, signal });
  }

  async planPromotion(request: PromotionRequest, signal: AbortSignal): Promise<PromotionPlan> {
    const { promotions } = await this.#working(request.flow);
    return promotions.plan(request, signal);
  }

  async promote(request: PromotionRequest, onStep: StepListener): Promise<PromotionOutcome> {
    const { promotions } = await this.#working(request.flow);
    return promotions.promote(request, onStep);
  }

  async planFailback(request: FailbackRequest, signal: AbortSignal): Promise<FailbackPlan> {
    const { failbacks } = await this.#working(request.flow);
    return failbacks.plan(request, signal);
  }

  async failback(request: FailbackRequest, onStep: FailbackListener): Promise<FailbackResult> {
    const { failbacks } = await this.#working(request.flow);
    return failbacks.failback(request, onStep);
  }

  async readQuarantine(
    flow: string,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { failbacks } = await this.#working(flow);
    await failbacks.readQuarantine(flow, onLine, signal);
  }

  async drill(request: DrillRequest, onStep: (step: DrillStep) => void): Promise<DrillReport> {
    const { promotions } = await this.#working(request.flow);
    return promotions.drill(request, onStep);
  }

  /** For calls that need the target of a flow, if they name one: while it is being opened they wait. */
  async #working(flow: string): Promise<Coordination<Opened>> {
    if (flow !== '') await this.#leading().flow(flow).tried();
    return this.#leading(); // which may be another's by now
  }

  #leading(): Coordination<Opened> {
    const { coordination } = this;
    if (coordination !== undefined) return coordination;
    // Its own address here would send a client in circles while it takes over.
    const other = this.#leader?.id === this.#options.id ? undefined : this.#leader?.address;
    throw new NotLeadingError(other);
  }

  async #campaign(): Promise<void> {
    const { store, id, log, clock } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const leadership = await store.campaign({ id, address: this.#address }, signal);
      log.info({ id, term: String(leadership.term) }, 'leading');
      const reason = await this.#lead(leadership);
      log.warn({ term: String(leadership.term), reason: describeError(reason) }, 'leads no more');
      await leadership.resign().catch((error: unknown) => {
        // It runs out by itself.
        log.warn({ error: describeError(error) }, 'leadership was not given up');
      });
      if (!signal.aborted) await clock.sleep(STEP_DOWN_PAUSE_MS, signal).catch(() => {});
    }
  }

  /** Resolves with the reason once this term is over and everything of it is closed. */
  async #lead(leadership: Leadership): Promise<Error> {
    const { clock, log, openTarget, promoter, failback } = this.#options;
    const config = this.#config;
    const coordination = new Coordination<Opened>({
      ...{ leadership, clock, log, openTarget, promoter, failback },
      flows: config.flows.filter((flow) => flow.enabled),
      leaseTtlMs: config.coordinator.leaseTtlMs,
      properties: nonSecretProperties(config),
    });
    this.#coordination = coordination;
    const over = AbortSignal.any([coordination.over, this.#stop.signal]);
    let reason: Error;
    try {
      await coordination.start();
      this.#server?.setLeading(true);
      reason = await aborted(over);
      if (!coordination.over.aborted) await this.#finishMoves(coordination);
    } catch (error) {
      reason = error as Error;
    }
    this.#server?.setLeading(false);
    this.#coordination = undefined;
    await coordination.close(this.#endOfTerm(reason));
    return reason;
  }

  /** What nobody holds for a moment would wait until the next leader has taken over. */
  async #finishMoves(coordination: Coordination<Opened>): Promise<void> {
    const { clock } = this.#options;
    const { core, over } = coordination;
    const untilMs = clock.nowMs() + FINISH_MOVES_MS_MAX;
    coordination.emit({ kind: 'leaving' });
    while (!core.isSettled && clock.nowMs() < untilMs) await clock.sleep(SETTLED_LOOK_MS, over);
  }

  /** What agents are told: where to go on, if that is known. */
  #endOfTerm(reason: Error): Error {
    return reason instanceof LeadershipLostError ? new NotLeadingError(undefined) : reason;
  }

  async #shut(): Promise<void> {
    this.#stop.abort(new ClosedError('the coordinator'));
    await this.#campaigning;
    await this.#server?.close();
  }
}

function aborted(signal: AbortSignal): Promise<Error> {
  return new Promise((resolve) => {
    const tell = (): void => resolve(signal.reason as Error);
    if (signal.aborted) tell();
    else signal.addEventListener('abort', tell, { once: true });
  });
}
