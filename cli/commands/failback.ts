import { createWriteStream, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';

import pc from 'picocolors';

import { describeError } from '../../common/errors.js';
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
  const call = context.client.failback(request, (event) => events.take(event));
  let saved: SavedQuarantine | undefined;
  try {
    await call;
  } finally {
    // The records are safe on the new primary by now, whatever became of the rest.
    if (uncrossedOf(plan) > 0n || events.uncrossed > 0n)
      saved = await saveQuarantine(context, flow, options.quarantineDir);
  }
  return events.finish(flow, saved);
};

/** What never crossed, as a file; `problem` says why there is none. */
interface SavedQuarantine {
  readonly file: string;
  readonly problem: string | undefined;
}

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

/**
 * One line of JSON a record; read anew from the topic each time, so a repeat writes the same. Never
 * throws: what became of the failback is what matters, and the records are in the topic.
 */
async function saveQuarantine(
  context: CommandContext,
  flow: string,
  directory: string,
): Promise<SavedQuarantine> {
  const file = join(directory, `quarantine.${flow.replace('->', '-')}.jsonl`);
  try {
    mkdirSync(directory, { recursive: true });
    // Under its name there is never a part of it.
    await writeQuarantine(context, flow, `${file}.part`);
    renameSync(`${file}.part`, file);
    return { file, problem: undefined };
  } catch (error) {
    const problem = describeError(error);
    if (!context.json) context.output.line(`${pc.yellow('!')} ${file} is not written: ${problem}`);
    return { file, problem };
  }
}

async function writeQuarantine(context: CommandContext, flow: string, file: string): Promise<void> {
  const stream = createWriteStream(file);
  const written = finished(stream);
  written.catch(() => undefined); // awaited below; what comes before must not end the process
  const take = ({ lines }: { lines: readonly string[] }): void => {
    for (const line of lines) stream.write(`${line}\n`);
  };
  try {
    await context.client.readQuarantine({ flow }, take);
  } finally {
    stream.end();
  }
  await written;
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

  finish(flow: string, saved: SavedQuarantine | undefined): ExitCode {
    const result = this.#result;
    if (result === undefined) {
      throw new CallFailedError('the coordinator ended the call without a result', {
        hint: `look with 'mirrorctl failback ${flow} --plan'; calling failback again is safe`,
      });
    }
    const { output, json } = this.#context;
    const { plan, ...facts } = result;
    const problem = saved?.problem;
    const file = problem === undefined ? saved?.file : undefined;
    // It is done, and somebody has to look after the file.
    const exitCode = problem === undefined ? ExitCode.ok : ExitCode.degraded;
    if (json) {
      const planned = plan && failbackPlanDocument(plan);
      const quarantine = { quarantineFile: file, quarantineProblem: problem };
      output.json({ flow, ...facts, ...quarantine, steps: this.#steps, plan: planned });
      return exitCode;
    }
    const [source = '', target = ''] = flow.split('->');
    output.line();
    if (result.alreadyDone) output.line(`${flow} was failed back before; nothing was changed.`);
    else output.line(pc.green(`${flow} runs again, after ${formatDuration(result.elapsedMs)}.`));
    if (saved !== undefined) {
      const count = formatCount(result.uncrossedRecords);
      const both = file === undefined ? '' : `${file} and in`;
      output.line(`${count} records never crossed; they are in ${both}`.trimEnd());
      output.line(`${plan?.quarantineTopic ?? ''} on ${target}.`);
      if (problem !== undefined)
        output.line(`There is no file of them yet: call again with another --quarantine-dir.`);
    }
    output.line(`Point producers and consumers at ${source}; its groups continue where they were.`);
    return exitCode;
  }
}
