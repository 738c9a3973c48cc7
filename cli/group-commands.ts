import type { Command } from 'commander';

import type { CommandContext } from './command.js';
import { runGroups } from './commands/groups.js';
import { runTranslate } from './commands/translate.js';
import type { ExitCode } from './exit-code.js';

export interface GroupCommandOptions {
  context: () => CommandContext;
  onExitCode: (code: ExitCode) => void;
}

/** The commands that look at consumer groups and change nothing. */
export function addGroupCommands(program: Command, options: GroupCommandOptions): void {
  const { context, onExitCode } = options;
  program
    .command('groups')
    .description('Show the consumer groups of the source, and where they stand on the target')
    .argument('[flow]', 'only the groups of this flow')
    .addHelpText(
      'after',
      `
SOURCE-LAG counts the records that the group has not read on the source, TARGET-LAG those that it would
find unread on the target. SYNC says how the last commit on the target ended (sync.group.offsets.enabled);
'active' groups have members there, and are left alone.

Examples:
  mirrorctl groups
  mirrorctl groups us-east:us-west
  mirrorctl --json groups us-east:us-west | jq '.groups[] | {group, sourceLag, targetLag}'`,
    )
    .action(async (flow: string | undefined) => onExitCode(await runGroups(context(), { flow })));
  program
    .command('translate')
    .description('Show where a group of the source goes on on the target, or the other way round')
    .argument('<flow>', 'the flow between the two')
    .requiredOption('--group <name>', 'the consumer group')
    .option('--reverse', 'from what the group has committed on the target to the source')
    .addHelpText(
      'after',
      `
An exact translation names the first record that the group has not read. An earlier one repeats at most so
many records, and skips none. Ends with 3 if a partition cannot be translated; nothing is guessed.

Examples:
  mirrorctl translate us-east:us-west --group payments
  mirrorctl translate us-east:us-west --group payments --reverse
  mirrorctl --json translate us-east:us-west --group payments | jq '.offsets[].targetOffset'`,
    )
    .action(async (flow: string, { group, reverse }: { group: string; reverse?: boolean }) => {
      onExitCode(await runTranslate(context(), { flow, group, reverse: reverse === true }));
    });
}
