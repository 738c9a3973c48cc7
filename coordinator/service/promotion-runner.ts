import { describeError } from '../../common/errors.js';
import type { ActEnded } from '../journal/journal-entry.js';
import { PromotionRefusedError } from '../promotion/promotion-errors.js';
import { readPromotion } from '../promotion/promotion-journal.js';
import type { PromotionPlan } from '../promotion/promotion-plan.js';
import {
  selectionOfUnfinished,
  type PromotionSelection,
} from '../promotion/promotion-selection.js';
import type { Coordination } from './coordination.js';
import { DrillRefusedError } from '../drill/drill-errors.js';
import type { DrillReport, DrillStep } from '../drill/drill-report.js';
import type {
  DrillRequest,
  PromotionOutcome,
  PromotionRequest,
  PromotionStep,
} from './coordinator-port.js';
import type { OpenedFlowTarget } from './flow-target-port.js';
import { CoordinationPromotionHost } from './promotion-host.js';

export type StepListener = (step: PromotionStep) => void;

export interface PromotionContext<Opened extends OpenedFlowTarget> {
  readonly opened: Opened;
  readonly host: CoordinationPromotionHost<Opened>;
  readonly coordination: Coordination<Opened>;
  readonly request: PromotionRequest;
  readonly onStep: StepListener;
}

/** How a promotion is planned and done; see coordinator/promotion. */
export interface Promoter<Opened extends OpenedFlowTarget> {
  plan(context: PromotionContext<Opened>, signal: AbortSignal): Promise<PromotionPlan>;
  promote(context: PromotionContext<Opened>, signal: AbortSignal): Promise<PromotionOutcome>;
  /** A rehearsal, in which `promote` is this runner's. */
  drill(
    context: DrillContext<Opened>,
    promote: PromotionRunner<Opened>['promote'],
    signal: AbortSignal,
  ): Promise<DrillReport>;
}

export type DrillContext<Opened extends OpenedFlowTarget> = Omit<
  PromotionContext<Opened>,
  'request' | 'onStep'
> & { readonly request: DrillRequest; readonly onStep: (step: DrillStep) => void };

interface RunningPromotion {
  readonly selection: PromotionSelection;
  /** By a new leader: whoever repeats the call that its predecessor died in need not do so again. */
  readonly isResumed: boolean;
  readonly outcome: Promise<PromotionOutcome>;
  readonly listeners: Set<StepListener>;
}

/**
 * The promotions of one term: at most one at a time for each flow. Whoever asks for one that runs
 * already joins it. It ends with the term, and the next leader takes it up again.
 */
export class PromotionRunner<Opened extends OpenedFlowTarget> {
  readonly #coordination: Coordination<Opened>;
  readonly #promoter: Promoter<Opened>;
  readonly #running = new Map<string, RunningPromotion>();
  readonly #drills = new Set<string>();

  constructor(coordination: Coordination<Opened>, promoter: Promoter<Opened>) {
    this.#coordination = coordination;
    this.#promoter = promoter;
  }

  async plan(request: PromotionRequest, signal: AbortSignal): Promise<PromotionPlan> {
    const either = AbortSignal.any([signal, this.#coordination.over]);
    return this.#promoter.plan(
      this.#context(request, () => {}),
      either,
    );
  }

  async promote(request: PromotionRequest, onStep: StepListener): Promise<PromotionOutcome> {
    const { description } = request.selection;
    let running = this.#running.get(request.flow);
    for (; running?.isResumed === true; running = this.#running.get(request.flow)) {
      // What an earlier leader had begun goes first. Unless it is what is asked for, that comes next:
      // also if it failed, since more may be accepted now.
      const before = this.#join(running, onStep);
      const outcome = await before.catch(() => undefined);
      if (outcome !== undefined && running.selection.description === description) return outcome;
    }
    if (running !== undefined) refuseOther(running, request);
    return this.#join(running ?? this.#start(request, false), onStep);
  }

  /** Rehearses; one at a time for each flow. Goes on when whoever asked no longer listens. */
  drill(request: DrillRequest, onStep: (step: DrillStep) => void): Promise<DrillReport> {
    const { acts } = this.#coordination.flow(request.flow);
    return acts.during('drill', () => this.#drill(request, onStep));
  }

  async #drill(request: DrillRequest, onStep: (step: DrillStep) => void): Promise<DrillReport> {
    const { flow, operator } = request;
    const coordination = this.#coordination;
    const opened = coordination.opened(flow);
    if (this.#drills.has(flow)) throw new DrillRefusedError(`a drill of ${flow} is under way`);
    this.#drills.add(flow);
    const begun = { operator, act: 'drill', flow, detail: '', before: {} };
    const act = await coordination.journal.begin(begun);
    const host = new CoordinationPromotionHost(coordination);
    try {
      const context = { opened, host, coordination, request, onStep };
      const promote: typeof this.promote = (...args) => this.promote(...args);
      const report = await this.#promoter.drill(context, promote, coordination.over);
      await act.end(drillEnded(report));
      return report;
    } catch (error) {
      const outcome = error instanceof DrillRefusedError ? 'refused' : 'failed';
      await act.end({ outcome, after: {}, message: describeError(error) });
      throw error;
    } finally {
      this.#drills.delete(flow);
    }
  }

  /** Takes up what an earlier leader left half done; an operator may have to repeat it. */
  resume(flow: string): void {
    const { log } = this.#coordination;
    this.#resumeAll(flow).catch((error: unknown) =>
      log.error({ flow, error: describeError(error) }, 'promotion is unfinished: promote again'),
    );
  }

  /** One after the other: topics may have been begun apart. */
  async #resumeAll(flow: string): Promise<void> {
    const { log, leadership } = this.#coordination;
    const { target } = this.#coordination.opened(flow);
    const first = await readPromotion(leadership, flow).catch(() => undefined); // for its name only
    const operator = `${first?.operator ?? 'unknown'}, taken up by a new leader`;
    for (let scope = target.unfinishedPromotion; scope; scope = target.unfinishedPromotion) {
      const running = this.#running.get(flow);
      if (running !== undefined) {
        // An operator was faster: two at a time would fence each other out.
        await running.outcome.catch(() => undefined);
        continue;
      }
      log.warn({ flow, topics: scope.topics }, 'taking up a promotion that was cut off');
      const selection = selectionOfUnfinished(scope);
      await this.#join(this.#start({ flow, operator, selection }, true), () => {});
    }
  }

  async #join(promotion: RunningPromotion, onStep: StepListener): Promise<PromotionOutcome> {
    promotion.listeners.add(onStep);
    try {
      return await promotion.outcome;
    } finally {
      promotion.listeners.delete(onStep);
    }
  }

  #start(request: PromotionRequest, isResumed: boolean): RunningPromotion {
    const listeners = new Set<StepListener>();
    const tell = (step: PromotionStep): void => {
      for (const listener of listeners) listener(step);
    };
    const context = this.#context(request, tell);
    const { acts } = this.#coordination.flow(request.flow);
    const outcome = acts
      .during('promotion', () => this.#journaled(context))
      .finally(() => this.#running.delete(request.flow));
    const promotion = { selection: request.selection, isResumed, outcome, listeners };
    this.#running.set(request.flow, promotion);
    return promotion;
  }

  async #journaled(context: PromotionContext<Opened>): Promise<PromotionOutcome> {
    const { coordination, request } = context;
    const { flow, operator, selection } = request;
    const { mode, accept, description } = selection;
    const options = [mode === 'auto' ? '' : `--${mode}`, ...accept].filter((each) => each !== '');
    const detail = [description, ...options].join(' ').trim();
    const facts = (): Record<string, string> => ({ state: coordination.flow(flow).phase });
    const about = { operator, act: 'promote', flow, detail, before: facts() };
    const act = await coordination.journal.begin(about);
    try {
      const outcome = await this.#promoter.promote(context, coordination.over);
      const message = outcome.alreadyPromoted ? 'was promoted before; nothing was changed' : '';
      await act.end({ outcome: 'done', after: facts(), message });
      return outcome;
    } catch (error) {
      // Behind its mark there is no way back: that is no refusal, which would have changed nothing.
      const isBegun = context.opened.target.unfinishedPromotion !== undefined;
      const refused = error instanceof PromotionRefusedError && !isBegun;
      const message = describeError(error);
      await act.end({ outcome: refused ? 'refused' : 'failed', after: facts(), message });
      throw error;
    }
  }

  #context(request: PromotionRequest, onStep: StepListener): PromotionContext<Opened> {
    const coordination = this.#coordination;
    const opened = coordination.opened(request.flow);
    return {
      opened,
      host: new CoordinationPromotionHost(coordination),
      coordination,
      request,
      onStep,
    };
  }
}

function refuseOther({ selection }: RunningPromotion, request: PromotionRequest): void {
  if (selection.description === request.selection.description) return;
  const message = `a promotion of ${selection.description || 'the whole flow'} is under way: wait for it`;
  throw new PromotionRefusedError(request.flow, [{ code: 'promotion-running', message }]);
}

function drillEnded({ failure, rtoMs, rpoRecords, skipped, duplicated }: DrillReport): ActEnded {
  const after = {
    rto: rtoMs === undefined ? 'unknown' : `${Math.round(rtoMs)} ms`,
    rpo: rpoRecords === undefined ? 'unknown' : `${rpoRecords} records`,
    ...{ skipped: String(skipped), duplicated: String(duplicated) },
  };
  return { outcome: failure === '' ? 'done' : 'failed', after, message: failure };
}
