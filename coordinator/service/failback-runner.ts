import { describeError } from '../../common/errors.js';
import { FailbackRefusedError } from '../failback/errors.js';
import type { FailbackResult, FailbackStep } from '../failback/failback.js';
import type { FailbackPlan } from '../failback/failback-plan.js';
import type { Coordination } from './coordination.js';
import type { OpenedFlowTarget } from './flow-target-port.js';

export interface FailbackRequest {
  readonly flow: string;
  /** Who asked, for the journal. */
  readonly operator: string;
  /** Whether to wait until nobody writes on the new primary. */
  readonly wait: boolean;
}

export type FailbackListener = (step: FailbackStep) => void;

export interface FailbackContext<Opened extends OpenedFlowTarget> {
  readonly opened: Opened;
  readonly coordination: Coordination<Opened>;
  readonly request: FailbackRequest;
  /** Taken up by a new leader, not asked for by an operator. */
  readonly resumed: boolean;
  readonly onStep: FailbackListener;
}

/** How a failback is planned and done; see coordinator/failback. */
export interface FailbackDriver<Opened extends OpenedFlowTarget> {
  plan(context: FailbackContext<Opened>, signal: AbortSignal): Promise<FailbackPlan>;
  failback(context: FailbackContext<Opened>, signal: AbortSignal): Promise<FailbackResult>;
  /** Whether an earlier leader left one half done. */
  isUnderWay(opened: Opened): boolean;
  readQuarantine(
    context: FailbackContext<Opened>,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

interface RunningFailback {
  readonly result: Promise<FailbackResult>;
  readonly listeners: Set<FailbackListener>;
  readonly resumed: boolean;
  readonly stop: AbortController;
}

/**
 * The failbacks of one term: at most one at a time for each flow. Whoever asks for one that runs
 * already joins it.
 */
export class FailbackRunner<Opened extends OpenedFlowTarget> {
  readonly #coordination: Coordination<Opened>;
  readonly #driver: FailbackDriver<Opened>;
  readonly #running = new Map<string, RunningFailback>();

  constructor(coordination: Coordination<Opened>, driver: FailbackDriver<Opened>) {
    this.#coordination = coordination;
    this.#driver = driver;
  }

  async plan(request: FailbackRequest, signal: AbortSignal): Promise<FailbackPlan> {
    const either = AbortSignal.any([signal, this.#coordination.over]);
    return this.#driver.plan(this.#context(request), either);
  }

  async failback(request: FailbackRequest, onStep: FailbackListener): Promise<FailbackResult> {
    const before = this.#running.get(request.flow);
    if (before?.resumed === true) {
      // It would stop before the hand-over, which now an operator asks for.
      before.stop.abort(new Error('an operator calls failback'));
      await before.result.catch(() => undefined);
    }
    const failback = this.#running.get(request.flow) ?? this.#start(request, false);
    failback.listeners.add(onStep);
    try {
      return await failback.result;
    } finally {
      failback.listeners.delete(onStep);
    }
  }

  async readQuarantine(
    flow: string,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const request = { flow, operator: '', wait: false };
    await this.#driver.readQuarantine(this.#context(request), onLine, signal);
  }

  /**
   * Takes up what an earlier leader left half done, or what another configuration is to go on with, as
   * far as an operator had asked for it.
   */
  resume(flow: string): void {
    const { log, flows } = this.#coordination;
    const opened = flows.get(flow)?.opened;
    if (this.#running.has(flow)) return; // two would copy, and hand over, against each other
    if (opened === undefined || !this.#driver.isUnderWay(opened)) return;
    log.warn({ flow }, 'taking up a failback that was cut off');
    const request = { flow, operator: 'taken up by the coordinator', wait: false };
    this.#start(request, true).result.catch((error: unknown) =>
      log.warn({ flow, error: describeError(error) }, 'failback is unfinished: call it again'),
    );
  }

  #start(request: FailbackRequest, resumed: boolean): RunningFailback {
    const listeners = new Set<FailbackListener>();
    const onStep = (step: FailbackStep): void => {
      for (const listener of listeners) listener(step);
    };
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#coordination.over]);
    const context = { ...this.#context(request), resumed, onStep };
    const { acts } = this.#coordination.flow(request.flow);
    const result = acts
      .during('failback', () => this.#journaled(context, signal))
      .finally(() => this.#running.delete(request.flow));
    const failback = { result, listeners, resumed, stop };
    this.#running.set(request.flow, failback);
    return failback;
  }

  async #journaled(context: FailbackContext<Opened>, signal: AbortSignal): Promise<FailbackResult> {
    const { coordination, request } = context;
    const { flow, operator, wait } = request;
    const facts = (): Record<string, string> => ({ state: coordination.flow(flow).phase });
    const detail = wait ? '--wait' : '';
    const about = { operator, act: 'failback', flow, detail, before: facts() };
    const act = await coordination.journal.begin(about);
    try {
      const result = await this.#driver.failback(context, signal);
      const saved = `${result.state.uncrossed} records never crossed`;
      const message = result.alreadyDone ? 'was done before; nothing was changed' : saved;
      await act.end({ outcome: 'done', after: facts(), message });
      return result;
    } catch (error) {
      const outcome = error instanceof FailbackRefusedError ? 'refused' : 'failed';
      await act.end({ outcome, after: facts(), message: describeError(error) });
      throw error;
    }
  }

  #context(request: FailbackRequest): FailbackContext<Opened> {
    const coordination = this.#coordination;
    const opened = coordination.opened(request.flow);
    return { opened, coordination, request, resumed: false, onStep: () => {} };
  }
}
