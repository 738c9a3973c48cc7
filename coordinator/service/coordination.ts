import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { FlowConfig, MirrorConfig } from '../../mirror/config/mirror-config.js';
import { nonSecretProperties } from '../../mirror/config/mm2-config.js';
import { topicExclusion } from '../../mirror/policy/topic-selection.js';
import { CoordinationCore } from '../core/coordination-core.js';
import type { CoreAction, CoreEvent, LeaseRef, SourceTopic } from '../core/events.js';
import { parseItemKey, partitionKey } from '../core/work-item.js';
import { Journal } from '../journal/journal.js';
import { LeadershipLostError } from '../store/errors.js';
import type { Leadership } from '../store/lease-store.js';
import { isGivenUp, noteGivenUp } from './agent-problems.js';
import { AgentDirectory, type AgentSession } from './agent-directory.js';
import { NotReadyError, UnknownFlowError } from './errors.js';
import type { DurableAck, OpenedFlowTarget, OpenFlowTarget } from './flow-target-port.js';
import { FlowLimits } from './flow-limits.js';
import { FlowRuntime, type FlowRuntimeOptions } from './flow-runtime.js';
import type {
  AgentConnection,
  AgentHello,
  AgentLink,
  AgentSays,
  GrantMessage,
  MapAckMessage,
} from './messages.js';
import { FailbackRunner, type FailbackDriver } from './failback-runner.js';
import { PromotionRunner, type Promoter } from './promotion-runner.js';
import { takeProgress } from './progress-intake.js';
import { insist } from './insist.js';
import { LeaseIntake } from './lease-intake.js';
import { resume, resumeEntry, type ResumedPartition, type ResumeRequest } from './resume.js';
import { siteAgents } from './site-agents.js';
import { SiteTasks } from './site-tasks.js';
import { VerificationRunner } from '../verification/verification-runner.js';
import { makeGrant } from './make-grant.js';
import { takeSourceReport } from './source-intake.js';
import { Steering } from './steering.js';
import { StoreExecutor } from './store-executor.js';

/** How often deadlines are looked at. */
export const TICK_MS = 250;

/** What changes together is placed together: agents that start at once share the work at once. */
export const PLACEMENT_DELAY_MS = 20;

export interface CoordinationOptions<Opened extends OpenedFlowTarget> {
  readonly leadership: Leadership;
  readonly flows: readonly FlowConfig[];
  readonly leaseTtlMs: number;
  /** What every agent is told of the configuration: no secrets. */
  readonly properties: ReadonlyMap<string, string>;
  readonly openTarget: OpenFlowTarget<Opened>;
  readonly promoter: Promoter<Opened>;
  readonly failback: FailbackDriver<Opened>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Everything that one term of leadership runs; gone with it. */
export class Coordination<Opened extends OpenedFlowTarget> {
  readonly core: CoordinationCore;
  readonly agents: AgentDirectory;
  readonly promotions: PromotionRunner<Opened>;
  readonly siteTasks: SiteTasks;
  readonly verifications: VerificationRunner<Opened>;
  readonly failbacks: FailbackRunner<Opened>;
  readonly journal: Journal;
  readonly steering: Steering;
  readonly term: bigint;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted when this term is over, for whatever reason. */
  readonly over: AbortSignal;
  readonly #store: StoreExecutor;
  readonly #leases: LeaseIntake;
  readonly #flows = new Map<string, FlowRuntime<Opened>>();
  readonly #runtime: Omit<FlowRuntimeOptions<Opened>, 'flow'>;
  readonly #end = new AbortController();
  #ready = false;
  #tickSoon = false;
  #closing: Promise<void> | undefined;

  constructor(options: CoordinationOptions<Opened>) {
    const { leadership, leaseTtlMs, properties, clock, log } = options;
    this.leadership = leadership;
    this.term = leadership.term;
    this.clock = clock;
    this.log = log;
    this.over = AbortSignal.any([leadership.lost, this.#end.signal]);
    this.journal = new Journal({ documents: leadership, clock, log });
    this.core = new CoordinationCore({ leaseTtlMs });
    const emit = (event: CoreEvent): void => this.emit(event);
    const signal = this.over;
    const fail = (error: Error): void => this.stepDown(error);
    this.#leases = new LeaseIntake({ emit, over: this.over });
    this.#store = new StoreExecutor({ leadership, clock, log, emit, fail, signal });
    const { core } = this;
    this.agents = new AgentDirectory({
      ...{ leadership, core, leaseTtlMs, properties, clock, log, emit },
      clusters: () =>
        new Set([...this.flows.values()].flatMap(({ flow }) => [flow.source, flow.target])),
    });
    const agentsFor = (flow: string): ReturnType<typeof siteAgents> =>
      siteAgents(core.state, this.agents.sessions, flow);
    this.siteTasks = new SiteTasks({ agentsFor, clock, log, over: this.over });
    this.verifications = new VerificationRunner<Opened>(this);
    this.steering = new Steering({ documents: leadership, clock, emit });
    this.promotions = new PromotionRunner<Opened>(this, options.promoter);
    const resumePromotion = (flow: string): void => this.promotions.resume(flow);
    this.failbacks = new FailbackRunner<Opened>(this, options.failback);
    const onOpened = (flow: string): void => this.failbacks.resume(flow);
    const onFenced = (flow: string): void =>
      this.stepDown(new LeadershipLostError(this.term, `the map of ${flow} has a newer writer`));
    const onDurable = (flow: string, acks: readonly DurableAck[]): void =>
      this.#sendMapAcks(flow, acks);
    const open = options.openTarget;
    const heard = { emit, onDurable, onFenced, onOpened, resumePromotion };
    this.#runtime = { term: this.term, clock, log, open, signal, ...heard };
    for (const flow of options.flows)
      this.#flows.set(flow.id, new FlowRuntime<Opened>({ ...this.#runtime, flow }));
  }

  get flows(): ReadonlyMap<string, FlowRuntime<Opened>> {
    return this.#flows;
  }

  /** Begins to work on one more flow; `held` lets it wait until it is told its phase. */
  addFlow(flow: FlowConfig, held = false): void {
    const runtime = new FlowRuntime<Opened>({ ...this.#runtime, flow, held });
    this.#flows.set(flow.id, runtime);
    runtime.start();
    this.steering.applyTo(flow.id);
  }

  /** Forgets a flow of which nobody holds anything. */
  async removeFlow(id: string): Promise<void> {
    const runtime = this.#flows.get(id);
    if (runtime === undefined) return;
    this.emit({ kind: 'flow-removed', flow: id });
    this.#flows.delete(id);
    await runtime.close();
  }

  configureAgents(config: MirrorConfig): void {
    this.agents.configure(nonSecretProperties(config));
  }

  /** Whether agents and operators are served. */
  get ready(): boolean {
    return this.#ready && !this.over.aborted;
  }

  /** Takes over what the store holds, and begins to serve. */
  async start(): Promise<void> {
    const { leadership, over, steering } = this;
    await insist(this, () => steering.load());
    steering.applyDrains();
    for (const [id, flow] of this.flows) {
      flow.start();
      steering.applyTo(id);
    }
    const sessions = await insist(this, () => leadership.sessions());
    this.log.info({ sessions: sessions.length }, 'taking over');
    const takenOver = this.#leases.takeOver(sessions);
    leadership.watchLeases((event) => this.#leases.take(event), over);
    await takenOver;
    this.log.info({ items: this.core.state.items.size }, 'taken over');
    void this.#tick();
    this.#ready = true;
  }

  /** Gives up the term: something says that it is not this coordinator's to go on. */
  stepDown(reason: Error): void {
    if (this.over.aborted) return;
    this.log.error({ term: String(this.term), error: describeError(reason) }, 'stepping down');
    this.#end.abort(reason);
  }

  /** Ends streams, flushes what is known to the targets, closes them. Idempotent. */
  close(reason: Error): Promise<void> {
    return (this.#closing ??= this.#shut(reason));
  }

  flow(id: string): FlowRuntime<Opened> {
    const flow = this.flows.get(id);
    if (flow === undefined) throw new UnknownFlowError(id, [...this.flows.keys()]);
    return flow;
  }

  /** The target of a flow that works. */
  opened(id: string): Opened {
    const flow = this.flow(id);
    if (flow.opened === undefined)
      throw new NotReadyError(`flow ${id} is blocked: ${flow.problem}`);
    return flow.opened;
  }

  async connect(hello: AgentHello, link: AgentLink): Promise<AgentConnection> {
    if (!this.ready) {
      this.agents.waiting(hello);
      throw new NotReadyError('the coordinator has just begun to lead');
    }
    const session = await this.agents.connect(hello, link);
    return {
      receive: (message) => {
        if (session.link !== link) return;
        if (message.kind !== 'site-task-report') this.#receive(session, message);
        else this.siteTasks.report(link, message.taskId, message.report);
      },
      disconnected: () => {
        this.agents.disconnected(session, link);
        this.siteTasks.streamEnded(link);
      },
    };
  }

  async resume(request: ResumeRequest): Promise<ResumedPartition[]> {
    const { target } = this.opened(request.flow);
    const emit = (event: CoreEvent): void => this.emit(event);
    const resumed = await resume({ core: this.core, target, emit, request });
    void this.journal.record(resumeEntry(request, resumed));
    return resumed;
  }

  emit(event: CoreEvent): void {
    if (this.over.aborted) return;
    for (const action of this.core.step(event, this.clock.nowMs())) this.#perform(action);
    if (this.core.placementDue) this.#placeSoon();
  }

  #receive(session: AgentSession, message: Exclude<AgentSays, { kind: 'site-task-report' }>): void {
    const { sessionId } = session;
    const nowMs = this.clock.nowMs();
    switch (message.kind) {
      case 'heartbeat':
        this.agents.heartbeat(session, message);
        return;
      case 'progress':
        takeProgress({
          ...{ core: this.core, flows: this.flows, log: this.log, nowMs },
          ...{ emit: (event: CoreEvent) => this.emit(event), session },
          ...{ reports: message.reports, standing: message.standing },
        });
        return;
      case 'inventory':
        if (this.#holdsSite(sessionId, message.flow)) this.#sourceSeen(message.flow, nowMs);
        this.#takeInventory(sessionId, message.flow, message.topics);
        return;
      case 'group-offsets':
        if (!this.#holdsSite(sessionId, message.flow)) return;
        this.#sourceSeen(message.flow, nowMs);
        this.flows.get(message.flow)?.recordGroupOffsets(message.offsets);
        return;
      case 'topic-configs':
      case 'source-acls':
      case 'missing-topics':
        if (this.#holdsSite(sessionId, message.flow))
          takeSourceReport(this.flow(message.flow), message, this.core);
        return;
      case 'released':
        for (const lease of message.leases) {
          if (isGivenUp(this.core, sessionId, lease)) {
            this.#noteUnasked(lease);
            noteGivenUp(session.problems, lease, nowMs);
          }
          this.emit({ kind: 'released', sessionId, lease });
        }
        return;
      case 'site-problem':
        if (!this.#holdsSite(sessionId, message.flow)) return;
        this.#flows.get(message.flow)?.noteSource(message.message, message.groups);
        if (message.message !== '')
          this.emit({ kind: 'site-trouble', sessionId, flow: message.flow });
        return;
      case 'draining':
        this.log.info({ agentId: session.agentId, sessionId }, 'agent drains');
        this.emit({ kind: 'agent-draining', sessionId });
        return;
      case 'unknown':
        session.problems.note('protocol', 'it sent a message of a kind not known here', nowMs);
        return;
      default:
        message satisfies never;
    }
  }

  /** An agent that was not told yet of a change may list what is no longer selected. */
  #takeInventory(sessionId: string, flow: string, listed: readonly SourceTopic[]): void {
    const selection = this.#flows.get(flow)?.flow;
    if (selection === undefined) return;
    const topics = listed.filter(({ name }) => topicExclusion(selection, name) === null);
    this.emit({ kind: 'inventory', sessionId, flow, topics });
  }

  /** A site that is given back though nobody asked for it cannot be worked on: the reason says why. */
  #noteUnasked({ item, reason }: LeaseRef & { readonly reason: string }): void {
    const work = parseItemKey(item);
    if (work?.kind === 'site') this.#flows.get(work.flow)?.noteSource(reason);
  }

  #holdsSite(sessionId: string, flow: string): boolean {
    return this.core.state.flows.get(flow)?.site.holder?.sessionId === sessionId;
  }

  #sourceSeen(flowId: string, nowMs: number): void {
    const flow = this.flows.get(flowId);
    if (flow === undefined) return;
    flow.sourceSeenAtMs = nowMs;
    flow.agentSeenAtMs = nowMs;
  }

  #perform(action: CoreAction): void {
    switch (action.kind) {
      case 'grant':
      case 'release':
        this.#store.perform(action);
        return;
      case 'close-session':
        this.agents.end(action.sessionId, action.reason);
        this.#store.perform(action);
        return;
      case 'send-grants':
        this.#sendGrants(action.sessionId, action.leases);
        return;
      case 'send-revokes': {
        const { sessionId, leases, reason } = action;
        this.agents.send(sessionId, { kind: 'revokes', leases, reason });
        return;
      }
      case 'ensure-topic':
        this.flows.get(action.flow)?.ensureTopic(action.topic);
        return;
      default:
        action satisfies never;
    }
  }

  #sendGrants(sessionId: string, leases: readonly LeaseRef[]): void {
    const grants: GrantMessage[] = [];
    for (const lease of leases) {
      try {
        grants.push(makeGrant(this, lease));
      } catch (error) {
        if (!(error instanceof MirrorError)) throw error;
        this.log.error({ item: lease.item, error: describeError(error) }, 'cannot be assigned');
        this.emit({ kind: 'released', sessionId, lease });
      }
    }
    if (grants.length > 0) this.agents.send(sessionId, { kind: 'grants', grants });
  }

  #sendMapAcks(flow: string, acks: readonly DurableAck[]): void {
    const bySession = new Map<string, MapAckMessage[]>();
    for (const { topic, partition, sourceNext, targetNext } of acks) {
      const item = this.core.state.items.get(partitionKey(flow, topic, partition));
      if (item?.holder === undefined || (item.state !== 'held' && item.state !== 'revoking'))
        continue;
      const lease = { item: item.key, leaseEpoch: item.leaseEpoch };
      const { sessionId } = item.holder;
      const list = bySession.get(sessionId) ?? [];
      if (list.push({ lease, sourceNext, targetNext }) === 1) bySession.set(sessionId, list);
    }
    for (const [sessionId, list] of bySession)
      this.agents.send(sessionId, { kind: 'map-acks', acks: list });
  }

  async #tick(): Promise<void> {
    const limits = new FlowLimits(this);
    while (!this.over.aborted) {
      this.emit({ kind: 'tick' });
      limits.tick(this.clock.nowMs());
      await this.clock.sleep(TICK_MS, this.over).catch(() => {}); // the loop looks at the signal
    }
  }

  #placeSoon(): void {
    if (this.#tickSoon) return;
    this.#tickSoon = true;
    void this.clock.sleep(PLACEMENT_DELAY_MS, this.over).then(
      () => {
        this.#tickSoon = false;
        this.emit({ kind: 'tick' });
      },
      () => {}, // the term is over
    );
  }

  async #shut(reason: Error): Promise<void> {
    this.#ready = false;
    this.#end.abort(reason);
    this.agents.close(reason);
    const closed = [...this.flows.values()].map((flow) => flow.close());
    for (const result of await Promise.allSettled(closed)) {
      if (result.status === 'rejected')
        this.log.warn({ error: describeError(result.reason) }, 'a flow target did not close well');
    }
  }
}
