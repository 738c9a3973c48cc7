import type { Command } from 'commander';

import { runDrain, runExclude, runPause } from './commands/steer.js';
import type { CommandContext } from './command.js';
import type { ProgramOptions } from './program.js';

type AddCommand = (
  program: Command,
  options: Pick<ProgramOptions, 'onExitCode'>,
  context: () => CommandContext,
) => void;

/** `pause`, `exclude` and `drain`; `resume` is with the halts that it also answers. */
export const addSteering: AddCommand = (program, options, context) => {
  addPause(program, options, context);
  addExclude(program, options, context);
  addDrain(program, options, context);
};

const addPause: AddCommand = (program, options, context) => {
  program
    .command('pause')
    .description('Stop copying a flow, or some of its topics, until it is resumed')
    .argument('<flow>', 'the flow')
    .option('--topics <regex...>', 'only topics whose whole name matches')
    .addHelpText(
      'after',
      `
Nothing is lost: a resumed partition goes on where it was, if the source still has the records.
Consumer groups are still followed. Holds for topics that come later, and across restarts of
coordinators (not of mirror-maker, which forgets it).

Examples:
  mirrorctl pause us-east:us-west
  mirrorctl pause us-east:us-west --topics 'logs.*'
  mirrorctl resume us-east:us-west --topics 'logs.*'`,
    )
    .action(async (flow: string, { topics }: { topics?: string[] }) => {
      options.onExitCode(await runPause(context(), { flow, topics: topics ?? [] }));
    });
};

const addExclude: AddCommand = (program, options, context) => {
  program
    .command('exclude')
    .description('Leave topics out of a flow, beside what its configuration leaves out')
    .argument('<flow>', 'the flow')
    .option('--topics <regex...>', 'topics whose whole name matches')
    .option('--undo', 'take them in again; without --topics, all that were left out so')
    .addHelpText(
      'after',
      `
What was copied stays on the target. Taken in again, a topic goes on where it was.

Examples:
  mirrorctl exclude us-east:us-west --topics 'tmp-.*'
  mirrorctl exclude us-east:us-west --topics 'tmp-.*' --undo`,
    )
    .action(async (flow: string, { topics, undo }: { topics?: string[]; undo?: boolean }) => {
      const wanted = { flow, topics: topics ?? [], undo: undo === true };
      options.onExitCode(await runExclude(context(), wanted));
    });
};

const addDrain: AddCommand = (program, options, context) => {
  program
    .command('drain')
    .description('Move the work of an agent to others, before it is stopped')
    .argument('<agent>', 'its agent.id, as status shows it')
    .option('--undo', 'let it have work again')
    .addHelpText(
      'after',
      `
Waits up to 20 s. Exit code 3: it still holds something; call again, or see what is printed.
It gets no work, also after a restart, until --undo.

Examples:
  mirrorctl drain factory-7-a
  mirrorctl drain factory-7-a --undo`,
    )
    .action(async (agent: string, { undo }: { undo?: boolean }) => {
      options.onExitCode(await runDrain(context(), { agent, undo: undo === true }));
    });
};
