import type { Clock } from '../../common/clock.js';
import { ClosedError, describeError, MirrorError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { selectsGroupOn } from '../../mirror/policy/topic-selection.js';
import type { CoreEvent, FlowMode, SourceTopic } from '../core/events.js';
import { TopicProblem } from '../target/errors.js';
import { SourceFacts } from '../target/source-facts.js';
import type { CopyMeter } from './copy-meter.js';
import type {
  DurableAck,
  FlowTargetPort,
  GroupPositionView,
  OpenedFlowTarget,
  OpenFlowTarget,
} from './flow-target-port.js';
import { FlowActs } from './flow-acts.js';
import type { GroupOffsetReport } from './messages.js';
import { TopicMeters } from './topic-meters.js';

/** Waits between attempts to open a target that cannot be used: doubles up to the maximum. */
export const OPEN_RETRY_MIN_MS = 500;
export const OPEN_RETRY_MAX_MS = 15_000;

/** What an operator waits for a target that is being opened; less than what a call may take. */
export const OPEN_WAIT_MS_MAX = 10_000;

/** Topics of one flow asked of the target at a time. */
export const ENSURE_CALLS_MAX = 8;

export type FlowPhase = 'running' | 'promoting' | 'promoted';

export interface UnansweredProbe {
  /** When it was sent; monotonic. */
  readonly atMs: number;
  /** `unreachable`: an agent says that no broker answers it. `unknown`: no agent said anything. */
  readonly state: 'unreachable' | 'unknown';
  /** Who asked, and what came of it. */
  readonly evidence: string;
}

export interface FlowRuntimeOptions<Opened extends OpenedFlowTarget> {
  readonly flow: FlowConfig;
  readonly term: bigint;
  readonly clock: Clock;
  readonly log: Logger;
  readonly open: OpenFlowTarget<Opened>;
  readonly emit: (event: CoreEvent) => void;
  readonly onDurable: (flow: string, acks: readonly DurableAck[]) => void;
  /** Another coordinator writes the target's map: this one no longer leads, whatever it thinks. */
  readonly onFenced: (flow: string) => void;
  /** A promotion that an earlier leader did not come to an end with can go on now. */
  readonly resumePromotion: (flow: string) => void;
  /** Its target is open, and what it keeps is known. */
  readonly onOpened: (flow: string) => void;
  /** Copies nothing, even with an open target, before it is told its phase. */
  readonly held?: boolean;
  readonly signal: AbortSignal;
}

/** One flow under this leader: its target, opened again and again until it works, and its phase. */
export class FlowRuntime<Opened extends OpenedFlowTarget> {
  flow: FlowConfig;
  /** Also while the target cannot be opened: an agent says each thing once. */
  readonly facts = new SourceFacts();
  /** Undefined until opened, and while it is opened anew under another configuration. */
  opened: Opened | undefined;
  phase: FlowPhase = 'running';
  readonly acts: FlowActs;
  #openProblem = 'its target is being opened';
  #sourceProblem = '';
  /** By topic. */
  readonly meters = new Map<string, TopicMeters>();
  /** When the source was last known to answer, by whatever an agent said; monotonic. */
  sourceSeenAtMs: number | undefined;
  /** The last probe of the source that it did not answer; a later look at it counts for more. */
  unansweredProbe: UnansweredProbe | undefined;
  /** When an agent last said anything of this flow; monotonic. */
  agentSeenAtMs: number | undefined;
  readonly #options: FlowRuntimeOptions<Opened>;
  readonly #waiting: SourceTopic[] = [];
  /** By group, topic and partition: as many as the target will hold. */
  readonly #earlyOffsets = new Map<string, GroupOffsetReport>();
  #ensuring = 0;
  /** What was logged last of topics that could not be made ready, by topic. */
  readonly #topicProblems = new Map<string, string>();
  #stopped = false;
  #held: boolean;
  /** Ends the attempts to open a target whose configuration is no longer the flow's. */
  #giveUpOpening = new AbortController();
  /** Topics whose phase is another one than the flow's; stopped from the fence on. */
  readonly #topics = new Map<string, { phase: FlowPhase; stopped: boolean }>();
  #opening: Promise<void> | undefined;
  #tried: Promise<boolean> | undefined;

  constructor(options: FlowRuntimeOptions<Opened>) {
    this.flow = options.flow;
    this.acts = new FlowActs(options.flow.id);
    this.#options = options;
    this.#held = options.held ?? false;
    this.#stopped = this.#held;
  }

  get id(): string {
    return this.flow.id;
  }

  get target(): FlowTargetPort | undefined {
    return this.opened?.target;
  }

  /** Why the flow cannot work, or not write at present; empty if all is well. */
  get problem(): string {
    const problem = this.target?.problem ?? this.#openProblem;
    return problem === '' ? this.#sourceProblem : problem;
  }

  /** Resolves once an attempt to open the target has ended, in whichever way, or takes too long. */
  async tried(): Promise<void> {
    const over = new AbortController();
    const late = this.#options.clock.sleep(OPEN_WAIT_MS_MAX, over.signal).catch(() => {}); // over
    await Promise.race([this.#tried, late]);
    over.abort();
  }

  /** Tells the core of the flow, and begins to open its target. */
  start(): void {
    this.#emitMode();
    const signal = AbortSignal.any([this.#options.signal, this.#giveUpOpening.signal]);
    this.#tried = this.#tryToOpen(signal);
    this.#opening = this.#openUntilDone(this.#tried, signal);
  }

  async close(): Promise<void> {
    this.#giveUpOpening.abort(new ClosedError(`the target of ${this.id}`));
    await this.#opening;
    await this.opened?.close();
  }

  /** Opens the target anew under another configuration. Partitions that are held are copied on. */
  async reconfigure(flow: FlowConfig): Promise<void> {
    const { emit, signal } = this.#options;
    this.flow = flow;
    this.#giveUpOpening.abort(new ClosedError(`the target of ${this.id}`));
    await this.#opening;
    const { opened } = this;
    this.opened = undefined;
    this.#openProblem = 'its target is being opened';
    this.#emitMode();
    await opened?.close();
    this.#keepUntranslated(opened?.target.groupPositions() ?? []);
    if (signal.aborted) return;
    this.#giveUpOpening = new AbortController();
    this.acts.changing = false; // what was cut off is taken up again with the target
    this.start();
    emit({ kind: 'flow-reopened', flow: this.id });
  }

  /** What could not be translated is not on the target, and the site's agent says it once. */
  #keepUntranslated(positions: readonly GroupPositionView[]): void {
    for (const { group, topic, partition, ...at } of positions) {
      const key = JSON.stringify([group, topic, partition]);
      if (at.targetOffset !== undefined || this.#earlyOffsets.has(key)) continue;
      const { sourceOffset: offset, metadata } = at;
      this.#earlyOffsets.set(key, { group, topic, partition, offset, metadata });
    }
  }

  /** Of all its topics, or of these. */
  setPhase(phase: FlowPhase, topics?: readonly string[]): void {
    const { log } = this.#options;
    if (topics !== undefined) {
      log.info({ flow: this.id, topics, to: phase }, 'phase of topics');
      for (const topic of topics) this.#setTopicPhase(topic, phase);
      this.#emitStoppedTopics();
      return;
    }
    log.info({ flow: this.id, from: this.phase, to: phase }, 'flow phase');
    this.phase = phase;
    this.#held = false;
    // A promotion decides itself when copying stops; until then it goes on.
    this.#stopped = phase === 'promoted' || (phase === 'promoting' && this.#stopped);
    this.#emitMode();
  }

  /** Whether nothing was ever read of the source, and the last attempt said why. */
  get sourceBlocked(): boolean {
    return this.#sourceProblem !== '' && this.sourceSeenAtMs === undefined;
  }

  /** Why the source cannot be looked at, and why its groups cannot be followed; empty once they can. */
  noteSource(reason: string, groups?: string): void {
    const { log } = this.#options;
    if (groups !== undefined && this.facts.takeGroups(groups)) {
      if (groups === '') log.info({ flow: this.id }, 'the groups of the source are followed');
      else log.warn({ flow: this.id, groups }, 'the groups of the source are not followed');
    }
    const problem = reason === '' ? '' : `its source cannot be looked at: ${reason}`;
    if (problem === this.#sourceProblem) return;
    this.#sourceProblem = problem;
    if (problem === '') log.info({ flow: this.id }, 'the source can be looked at');
    else log.error({ flow: this.id, problem }, 'flow has a problem');
  }

  /** No more grants, and everything is revoked: of the flow, or of these topics. */
  stop(topics?: readonly string[]): void {
    if (topics === undefined) {
      this.#stopped = true;
      this.#emitMode();
      return;
    }
    for (const topic of topics) {
      this.#topics.set(topic, { phase: this.phaseOf(topic), stopped: true });
    }
    this.#emitStoppedTopics();
  }

  phaseOf(topic: string): FlowPhase {
    return this.#topics.get(topic)?.phase ?? this.phase;
  }

  #setTopicPhase(topic: string, phase: FlowPhase): void {
    if (phase === 'running') {
      this.#topics.delete(topic);
      return;
    }
    const stopped = phase === 'promoted' || this.#topics.get(topic)?.stopped === true;
    this.#topics.set(topic, { phase, stopped });
  }

  #emitStoppedTopics(): void {
    const stopped = [...this.#topics].filter(([, topic]) => topic.stopped);
    const topics = stopped.map(([topic]) => topic);
    this.#options.emit({ kind: 'topics-stopped', flow: this.id, topics });
  }

  /** As stop(), for good: a target that is still being opened is not waited for. */
  retire(): void {
    this.#giveUpOpening.abort(new ClosedError(`the target of ${this.id}`));
    this.stop();
  }

  meter(topic: string, partition: number): CopyMeter {
    let meters = this.meters.get(topic);
    if (meters === undefined) this.meters.set(topic, (meters = new TopicMeters()));
    return meters.of(partition);
  }

  /**
   * While the target is being opened they are kept: the site's agent says them once. An agent that was
   * not told yet of a change may say what is no longer selected.
   */
  recordGroupOffsets(reported: readonly GroupOffsetReport[]): void {
    const offsets = reported.filter((offset) => selectsGroupOn(this.flow, offset));
    if (this.target !== undefined) {
      this.target.recordGroupOffsets(offsets);
      return;
    }
    for (const offset of offsets) {
      const key = JSON.stringify([offset.group, offset.topic, offset.partition]);
      this.#earlyOffsets.set(key, offset);
    }
  }

  ensureTopic(topic: SourceTopic): void {
    this.#waiting.push(topic);
    this.#ensureNext();
  }

  get #mode(): FlowMode {
    if (this.#stopped) return 'stopped';
    return this.target === undefined ? 'blocked' : 'running';
  }

  #emitMode(): void {
    const { id, source, target } = this.flow;
    this.#options.emit({ kind: 'flow-mode', flow: id, source, target, mode: this.#mode });
  }

  async #openUntilDone(first: Promise<boolean>, signal: AbortSignal): Promise<void> {
    let isOpen = await first;
    for (let waitMs = OPEN_RETRY_MIN_MS; !isOpen && !signal.aborted;) {
      await this.#options.clock.sleep(waitMs, signal).catch(() => {}); // the attempt looks at the signal
      waitMs = Math.min(waitMs * 2, OPEN_RETRY_MAX_MS);
      isOpen = await this.#tryToOpen(signal);
    }
  }

  /** Whether the target is open. */
  async #tryToOpen(signal: AbortSignal): Promise<boolean> {
    const { log, open, term } = this.#options;
    if (signal.aborted) return false;
    try {
      this.#ready(await open({ flow: this.flow, term, facts: this.facts }, signal));
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      const before = this.#openProblem;
      this.#openProblem = describeError(error);
      // Said once: it may stay so for days.
      if (this.#openProblem !== before)
        log.error({ flow: this.id, problem: this.problem }, 'flow is blocked');
      return false;
    }
  }

  #ready(opened: Opened): void {
    const { log, onDurable, onFenced, resumePromotion, onOpened } = this.#options;
    const { target } = opened;
    this.opened = opened;
    this.#openProblem = '';
    target.onDurable((acks) => onDurable(this.id, acks));
    target.onFenced(() => onFenced(this.id));
    const early = [...this.#earlyOffsets.values()];
    this.#earlyOffsets.clear();
    this.recordGroupOffsets(early); // the flow may select less now than when they were kept
    const { promoted, promotedTopics } = target;
    log.info({ flow: this.id, promoted: promoted !== undefined }, 'flow target is open');
    // Fenced, or perhaps so: nothing is copied any more, and there is no way back.
    for (const [topic, phase] of promotedTopics) this.#topics.set(topic, { phase, stopped: true });
    this.#emitStoppedTopics();
    const isFenced = promoted !== undefined;
    this.#stopped = isFenced || this.#held;
    if (promoted?.completedAtMs !== undefined) this.setPhase('promoted');
    else if (isFenced) this.setPhase('promoting');
    else this.#emitMode();
    if (target.unfinishedPromotion !== undefined) resumePromotion(this.id);
    onOpened(this.id);
  }

  /** The queue is bounded by the core, which asks for a topic once until it was answered. */
  #ensureNext(): void {
    while (this.#ensuring < ENSURE_CALLS_MAX) {
      const topic = this.#waiting.shift();
      if (topic === undefined) return;
      this.#ensuring += 1;
      void this.#ensure(topic).finally(() => {
        this.#ensuring -= 1;
        this.#ensureNext();
      });
    }
  }

  async #ensure(topic: SourceTopic): Promise<void> {
    const { emit, signal, log } = this.#options;
    try {
      if (this.target === undefined) throw new Error(this.problem);
      const { targetTopic, targetTopicId } = await this.target.ensureTopic(topic, signal);
      const target = { targetTopic, targetTopicId };
      this.#topicProblems.delete(topic.name);
      emit({ kind: 'target-topic-ready', flow: this.id, topic, target });
    } catch (error) {
      if (signal.aborted) return;
      const problem = { code: problemCode(error), message: describeError(error) };
      // Said once: it is tried again for as long as it takes.
      if (this.#topicProblems.get(topic.name) !== problem.message)
        log.warn({ flow: this.id, topic: topic.name, ...problem }, 'target topic is not ready');
      this.#topicProblems.set(topic.name, problem.message);
      emit({ kind: 'target-topic-problem', flow: this.id, topic, problem });
    }
  }
}

/** A stable name for status and dashboards. */
function problemCode(error: unknown): string {
  if (error instanceof TopicProblem) return error.problem;
  if (error instanceof MirrorError) {
    return error.code
      .replace(/^MIRROR_/, '')
      .toLowerCase()
      .replaceAll('_', '-');
  }
  return 'target-topic';
}
