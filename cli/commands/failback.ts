import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';

import pc from 'picocolors';

import { parseFlowId } from '../../mirror/flow.js';
import {
  FailbackProgress,
  type FailbackEvent,
  type FailbackPlan,
  type FailbackResult,
  type FailbackStep,
} from '../../proto/gen/mirror/v1/operator.js';
import type { CommandContext, CommandRun } from '../command.js';
import { CallFailedError, RefusedError, UsageError } from '../errors.js';
import { ExitCode } from '../exit-code.js';
import { formatCount, formatDuration } from '../output/format.js';
import { stepLine } from '../output/step-line.js';
import { failbackPlanDocument, printFailbackPlan, uncrossedOf } from './failback-plan.js';

export interface FailbackOptions {
  flow: string;
  plan: boolean;
  yes: boolean;
  wait: boolean;
  /** Where the file of what never crossed is written. */
  quarantineDir: string;
}

export const runFailback: CommandRun<FailbackOptions> = async (context, options) => {
  const flow = parseFlowId(options.flow);
  const request = { flow, operator: context.operator, wait: options.wait };
  const plan = await context.client.planFailback(request);
  if (options.plan) return showPlan(context, plan);
  if (plan.progress !== FailbackProgress.DONE) await confirm(context, plan, options.yes);
  const events = new FailbackEvents(context);
  const call = context.client.failback(request, (event) => events.take(event), context.signal);
  let file: string | undefined;
  try {
    await call;
  } finally {
    // The records are safe on the new primary by now, whatever became of the rest.
    if (uncrossedOf(plan) > 0n || events.uncrossed > 0n)
      file = await saveQuarantine(context, flow, options.quarantineDir);
  }
  return events.finish(flow, file);
};

function showPlan(context: CommandContext, plan: FailbackPlan): ExitCode {
  if (context.json) context.output.json(failbackPlanDocument(plan));
  else printFailbackPlan(context.output, plan);
  return plan.blockers.length > 0 ? ExitCode.refused : ExitCode.ok;
}

/** Nothing dangerous happens unseen: a person reads the plan, a script says `--yes`. */
async function confirm(context: CommandContext, plan: FailbackPlan, yes: boolean): Promise<void> {
  if (!context.json) printFailbackPlan(context.output, plan);
  if (plan.blockers.length > 0) {
    const reasons = plan.blockers.map(({ message }) => message).join('; ');
    throw new RefusedError(`${plan.flow} cannot be failed back: ${reasons}`);
  }
  if (yes) return;
  if (context.ask === undefined) {
    throw new UsageError('failback asks for confirmation, and this is no terminal', {
      hint: 'look at the plan with --plan, then call again with --yes',
    });
  }
  const answer = await context.ask(`Fail ${plan.flow} back? [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new RefusedError('not confirmed; nothing was changed');
}

/** One line of JSON a record; read anew from the topic each time, so a repeat writes the same. */
async function saveQuarantine(
  context: CommandContext,
  flow: string,
  directory: string,
): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `quarantine.${flow.replace('->', '-')}.jsonl`);
  const stream = createWriteStream(file);
  const take = ({ lines }: { lines: readonly string[] }): void => {
    for (const line of lines) stream.write(`${line}\n`);
  };
  await context.client.readQuarantine({ flow }, take, context.signal);
  stream.end();
  await finished(stream);
  return file;
}

/** The longest step. */
const NAME_WIDTH = 'quarantine'.length;

/** Shows steps as they come, and what came of them at the end. */
class FailbackEvents {
  readonly #context: CommandContext;
  readonly #steps: FailbackStep[] = [];
  #result: FailbackResult | undefined;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  get uncrossed(): bigint {
    return this.#result?.uncrossedRecords ?? 0n;
  }

  take({ event }: FailbackEvent): void {
    if (event?.$case === 'result') this.#result = event.value;
    if (event?.$case !== 'step') return;
    const step = event.value;
    if (step.done) this.#steps.push(step);
    if (this.#context.json) return;
    this.#context.output.line(stepLine(step, NAME_WIDTH));
  }

  finish(flow: string, file: string | undefined): ExitCode {
    const result = this.#result;
    if (result === undefined) {
      throw new CallFailedError('the coordinator ended the call without a result', {
        hint: `look with 'mirrorctl failback ${flow} --plan'; calling failback again is safe`,
      });
    }
    const { output, json } = this.#context;
    const { plan, ...facts } = result;
    if (json) {
      const planned = plan && failbackPlanDocument(plan);
      output.json({ flow, ...facts, quarantineFile: file, steps: this.#steps, plan: planned });
      return ExitCode.ok;
    }
    const [source = '', target = ''] = flow.split('->');
    output.line();
    if (result.alreadyDone) output.line(`${flow} was failed back before; nothing was changed.`);
    else output.line(pc.green(`${flow} runs again, after ${formatDuration(result.elapsedMs)}.`));
    if (file !== undefined) {
      const count = formatCount(result.uncrossedRecords);
      output.line(`${count} records never crossed; they are in ${file} and in`);
      output.line(`${plan?.quarantineTopic ?? ''} on ${target}.`);
    }
    output.line(`Point producers and consumers at ${source}; its groups continue where they were.`);
    return ExitCode.ok;
  }
}
