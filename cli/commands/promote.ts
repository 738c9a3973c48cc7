import pc from 'picocolors';

import { parseFlowId } from '../../mirror/flow.js';
import {
  FlowState,
  PromoteMode,
  type PromoteEvent,
  type PromotePlan,
  type PromoteResult,
  type PromoteStep,
} from '../../proto/gen/mirror/v1/operator.js';
import type { CommandContext, CommandRun } from '../command.js';
import { CallFailedError, RefusedError, UsageError } from '../errors.js';
import { ExitCode } from '../exit-code.js';
import { formatCount, formatDuration } from '../output/format.js';
import { stepLine } from '../output/step-line.js';
import { planDocument, printPlan } from './promote-plan.js';

export interface PromoteOptions {
  flow: string;
  plan: boolean;
  yes: boolean;
  topics: string[];
  groups: string[];
  planned: boolean;
  unplanned: boolean;
  accept: string[];
}

export const runPromote: CommandRun<PromoteOptions> = async (context, options) => {
  const flow = parseFlowId(options.flow);
  const { topics, groups, accept } = options;
  const mode = modeOf(options);
  const request = { flow, operator: context.operator, topics, groups, mode, accept };
  const plan = await context.client.planPromote(request);
  if (options.plan) return showPlan(context, plan);
  if (plan.state !== FlowState.PROMOTED) await confirm(context, plan, options);
  const events = new PromotionEvents(context);
  await context.client
    .promote(request, (event) => events.take(event))
    .catch((error: unknown) => {
      throw events.isFenced && error instanceof RefusedError ? halfDone(error) : error;
    });
  return events.finish(flow, options.topics);
};

function modeOf({ planned, unplanned }: PromoteOptions): PromoteMode {
  if (planned && unplanned) {
    throw new RefusedError('--planned and --unplanned contradict each other; nothing was changed');
  }
  if (planned) return PromoteMode.PLANNED;
  return unplanned ? PromoteMode.UNPLANNED : PromoteMode.UNSPECIFIED;
}

function showPlan(context: CommandContext, plan: PromotePlan): ExitCode {
  if (context.json) context.output.json(planDocument(plan));
  else printPlan(context.output, plan);
  return plan.blockers.length > 0 ? ExitCode.refused : ExitCode.ok;
}

/** Nothing dangerous happens unseen: a person reads the plan, a script says `--yes`. */
async function confirm(
  context: CommandContext,
  plan: PromotePlan,
  { yes, topics }: PromoteOptions,
): Promise<void> {
  const isSubset = topics.length > 0;
  if (!context.json) printPlan(context.output, plan);
  const [blocker] = plan.blockers;
  if (blocker !== undefined) {
    const reasons = plan.blockers.map(({ message }) => message).join('; ');
    throw new RefusedError(`${plan.flow} cannot be promoted: ${reasons}`);
  }
  if (yes) return;
  if (context.ask === undefined) {
    throw new UsageError('promote asks for confirmation, and this is no terminal', {
      hint: 'look at the plan with --plan, then call again with --yes',
    });
  }
  const of = plan.topics.map(({ topic }) => topic).join(', ');
  const what = isSubset ? `${of} of ${plan.flow}` : plan.flow;
  const answer = await context.ask(`Promote ${what}? Copying stops for good. [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new RefusedError('not confirmed; nothing was changed');
}

/** Behind the fence there is no way back: that is no refusal, which would have changed nothing. */
function halfDone({ message }: RefusedError): CallFailedError {
  return new CallFailedError(message, {
    hint: 'copying has stopped: mend what is named, then call promote again; it goes on from there',
  });
}

/** The longest step. */
const NAME_WIDTH = 'translate'.length;

/** The fence, and what comes behind it: one that was begun before does not fence again. */
const FENCED: ReadonlySet<string> = new Set(['fence', 'translate', 'commit', 'verify']);

/** Shows steps as they come, and what came of them at the end. */
class PromotionEvents {
  readonly #context: CommandContext;
  readonly #steps: PromoteStep[] = [];
  #result: PromoteResult | undefined;
  /** Its fence was begun. */
  isFenced = false;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  take({ event }: PromoteEvent): void {
    if (event?.$case === 'result') this.#result = event.value;
    if (event?.$case !== 'step') return;
    const step = event.value;
    if (FENCED.has(step.name)) this.isFenced = true;
    if (step.done) this.#steps.push(step);
    if (this.#context.json) return;
    this.#context.output.line(stepLine(step, NAME_WIDTH));
  }

  finish(flow: string, topics: readonly string[]): ExitCode {
    const result = this.#result;
    if (result === undefined) {
      throw new CallFailedError('the coordinator ended the call without a result', {
        hint: `look with 'mirrorctl status ${flow}'; calling promote again is safe`,
      });
    }
    const { output, json } = this.#context;
    const { alreadyPromoted, elapsedMs, plan } = result;
    if (json) {
      output.json({
        flow,
        alreadyPromoted,
        elapsedMs,
        steps: this.#steps,
        plan: plan && planDocument(plan),
      });
      return ExitCode.ok;
    }
    output.line();
    const subset = topics.length === 0 ? [] : (plan?.topics ?? []).map(({ topic }) => topic);
    const what = subset.length === 0 ? flow : `${subset.join(', ')} of ${flow}`;
    if (alreadyPromoted) output.line(`${what} was promoted before; nothing was changed.`);
    else output.line(pc.green(`${what} is promoted, in ${formatDuration(elapsedMs)}.`));
    if (plan !== undefined) output.line(`RPO: ${rpoOf(plan)}.`);
    const target = flow.split('->')[1] ?? '';
    output.line(`Point producers and consumers at ${target}; its groups continue where they were:`);
    for (const topic of plan?.topics ?? [])
      output.line(`  ${topic.topic} is now ${topic.targetTopic}`);
    return ExitCode.ok;
  }
}

/** What is known not to have crossed; one topic that says nothing makes all of it unknown. */
function rpoOf({ topics }: PromotePlan): string {
  const records = topics.map(({ rpoRecords }) => rpoRecords);
  const ages = topics.map(({ rpoMs }) => rpoMs);
  if (records.includes(undefined))
    return 'unknown, for the source was not seen by this coordinator';
  const total = records.reduce<bigint>((sum, each) => sum + each!, 0n);
  if (total === 0n) return '0 records';
  const oldest = ages.includes(undefined)
    ? undefined
    : ages.reduce<bigint>((a, b) => (a > b! ? a : b!), 0n);
  const age = oldest === undefined ? '' : `, the oldest ${formatDuration(oldest)} at the last look`;
  return `${formatCount(total)} records did not cross${age}`;
}
