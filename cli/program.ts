import { Command, CommanderError } from 'commander';

import { VERSION } from '../common/version.js';
import { installCompletion } from './commands/completion.js';
import { runConfigCheck } from './commands/config-check.js';
import { runDrill, type DrillOptions } from './commands/drill.js';
import { runFailback } from './commands/failback.js';
import { JOURNAL_LIMIT_DEFAULT, runJournal } from './commands/journal.js';
import { runPromote, type PromoteOptions } from './commands/promote.js';
import { runResume } from './commands/resume.js';
import { runStatus } from './commands/status.js';
import { addInspection } from './inspection-program.js';
import { addSteering } from './steering-program.js';
import type { CommandContext } from './command.js';
import { ExitCode } from './exit-code.js';
import { addGroupCommands } from './group-commands.js';

export const DEFAULT_COORDINATOR = '127.0.0.1:7700';

/** The options that stand in front of every command. */
export interface GlobalOptions {
  coordinator: string;
  json?: boolean;
  /** Paths of PEM files. */
  tlsCa?: string;
  tlsCert?: string;
  tlsKey?: string;
}

export interface ProgramOptions {
  /** Default of `--coordinator`: the environment's, or the built-in one. */
  coordinator: string;
  /** Makes what a command runs with, once the options are known. */
  context: (options: GlobalOptions) => CommandContext;
  onExitCode: (code: ExitCode) => void;
  writeOut: (text: string) => void;
  writeErr: (text: string) => void;
}

const EXIT_CODES = `
Exit codes:
  0 fine   1 failed   2 usage or configuration
  3 degraded (halted, unheld or lagging partitions)   4 refused, nothing changed

A FLOW is written 'us-east->us-west' (in quotes) or us-east:us-west.`;

/** The command line: parsing and help. What the commands do is in commands/. */
export function buildProgram(options: ProgramOptions): Command {
  const program = new Command('mirrorctl')
    .description(
      'Shows and steers the replication of Apache Kafka clusters, and fails over between them.',
    )
    .version(VERSION, '--version', 'print the version')
    .option(
      '--coordinator <host:port>',
      'coordinators to ask, separated by commas',
      options.coordinator,
    )
    .option('--json', 'print JSON, also for errors')
    .option('--tls-ca <file>', "PEM file with the CA of the coordinators' certificates")
    .option('--tls-cert <file>', 'PEM file with a certificate to show, if they ask for one')
    .option('--tls-key <file>', 'PEM file with its key')
    .addHelpText('after', EXIT_CODES)
    .configureOutput({ writeOut: options.writeOut, writeErr: options.writeErr })
    .showHelpAfterError("(try 'mirrorctl --help')")
    .exitOverride();
  const context = (): CommandContext => options.context(program.opts<GlobalOptions>());
  addStatus(program, options, context);
  addPromote(program, options, context);
  addFailback(program, options, context);
  addResume(program, options, context);
  addSteering(program, options, context);
  addDrill(program, options, context);
  addJournal(program, options, context);
  addConfig(program, options, context);
  addGroupCommands(program, { context, onExitCode: options.onExitCode });
  addInspection(program, options, context);
  program
    .command('version')
    .description('Print the version')
    .action(() => options.writeOut(`mirrorctl ${VERSION}\n`));
  installCompletion(program);
  return program;
}

function addStatus(program: Command, options: ProgramOptions, context: () => CommandContext): void {
  program
    .command('status')
    .description('Show flows, agents, and how far each partition lags')
    .argument('[flow]', 'show this flow in detail')
    .option('--watch', 'look again every second until Ctrl-C')
    .addHelpText(
      'after',
      `
Examples:
  mirrorctl status
  mirrorctl status us-east:us-west
  mirrorctl --json status | jq '.flows[] | {flow, lagRecords}'
  mirrorctl status --watch`,
    )
    .action(async (flow: string | undefined, { watch }: { watch?: boolean }) => {
      options.onExitCode(await runStatus(context(), { flow, watch: watch === true }));
    });
}

function addPromote(
  program: Command,
  options: ProgramOptions,
  context: () => CommandContext,
): void {
  program
    .command('promote')
    .description('Fail over: stop copying, and commit every group where it left off, on the target')
    .argument('<flow>', 'the flow whose target becomes the primary')
    .option('--plan', 'only show what would happen; changes nothing')
    .option('--topics <regex...>', 'only topics whose whole name matches; the others stay mirrored')
    .option('--groups <regex...>', 'move only groups whose whole name matches')
    .option('--planned', 'copy everything first; refused if the source does not answer')
    .option('--unplanned', 'stop with what was copied, even if the source answers')
    .option('--accept <code...>', 'go past a blocker that the plan names, with what it costs')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      `
Chooses by what it finds, and says so: planned if the source answers (waits until everything is
copied), unplanned if not. Safe to repeat: what is promoted already is only reported.

Examples:
  mirrorctl promote us-east:us-west --plan
  mirrorctl promote us-east:us-west
  mirrorctl promote us-east:us-west --topics 'orders.*' --groups 'billing'
  mirrorctl --json promote us-east:us-west --yes`,
    )
    .action(async (flow: string, given: Partial<PromoteOptions>) => {
      const nothing = { plan: false, yes: false, planned: false, unplanned: false };
      const wanted = { ...nothing, topics: [], groups: [], accept: [], ...given, flow };
      options.onExitCode(await runPromote(context(), wanted));
    });
}

interface FailbackFlags {
  plan?: boolean;
  yes?: boolean;
  wait?: boolean;
  quarantineDir: string;
}

function addFailback(
  program: Command,
  options: ProgramOptions,
  context: () => CommandContext,
): void {
  program
    .command('failback')
    .description('Fail back: bring what was written since a promotion to the old primary again')
    .argument('<flow>', 'a promoted flow whose source is back')
    .option('--plan', 'only show what would happen; changes nothing')
    .option('--yes', 'do not ask')
    .option('--wait', 'wait until nobody writes on the new primary, instead of refusing')
    .option('--quarantine-dir <dir>', 'where the file of what never crossed is written', '.')
    .addHelpText(
      'after',
      `
Saves the records that never crossed (file and topic), copies back what was written on the new
primary, moves the groups, and lets the flow run again. Nothing on the old primary is overwritten.
While producers still write on the new primary it copies, and refuses to hand over: stop them and
call it again. Safe to repeat: one that is done is only reported.

Examples:
  mirrorctl failback us-east:us-west --plan
  mirrorctl failback us-east:us-west --quarantine-dir /var/lib/mirror
  mirrorctl --json failback us-east:us-west --yes --wait`,
    )
    .action(async (flow: string, { plan, yes, wait, quarantineDir }: FailbackFlags) => {
      const flags = { plan: plan === true, yes: yes === true, wait: wait === true };
      options.onExitCode(await runFailback(context(), { flow, ...flags, quarantineDir }));
    });
}

function addResume(program: Command, options: ProgramOptions, context: () => CommandContext): void {
  program
    .command('resume')
    .description('Undo pauses; let halted partitions try again, or go on past what made them halt')
    .argument('<flow>', 'the flow that is paused, or whose partitions are halted')
    .option('--topics <regex...>', 'only topics whose whole name matches')
    .option('--accept <code>', 'the halt to go past, as status names it, with what it costs')
    .addHelpText(
      'after',
      `
docs/operations.md says what each code means and what accepting it costs.

Examples:
  mirrorctl resume us-east:us-west
  mirrorctl resume us-east:us-west --topics 'orders.*' --accept source-data-lost`,
    )
    .action(async (flow: string, { topics, accept }: { topics?: string[]; accept?: string }) => {
      const wanted = { flow, topics: topics ?? [], accept: accept ?? '' };
      options.onExitCode(await runResume(context(), wanted));
    });
}

function addDrill(program: Command, options: ProgramOptions, context: () => CommandContext): void {
  program
    .command('drill')
    .description('Rehearse a failover and the way back, with a topic and a group made for it')
    .argument('<flow>', 'the flow to rehearse; none of its own topics and groups is touched')
    .option('--expect-rto <duration>', 'exit 3 if reading on takes longer: 15s, 500ms, 2m')
    .option('--expect-rpo <records>', 'exit 3 if more records are missing on the target')
    .option('--report <folder>', 'write a report there, as Markdown and as JSON')
    .addHelpText(
      'after',
      `
Asks nothing, and needs no terminal: for cron. Exit codes: 0 targets met, 3 missed, 4 refused
(the source is away, or the flow is promoted), 1 failed; a record lost or repeated is a failure.

Examples:
  mirrorctl drill us-east:us-west
  mirrorctl drill us-east:us-west --expect-rto 15s --expect-rpo 0 --report /var/lib/mirror/drills`,
    )
    .action(async (flow: string, given: Partial<DrillOptions>) => {
      const nothing = { report: undefined, expectRto: undefined, expectRpo: undefined };
      options.onExitCode(await runDrill(context(), { ...nothing, ...given, flow }));
    });
}

function addJournal(
  program: Command,
  options: ProgramOptions,
  context: () => CommandContext,
): void {
  program
    .command('journal')
    .description('Show who promoted, resumed, paused or rehearsed what, when, and what came of it')
    .argument('[flow]', 'only the acts on this flow')
    .option('--limit <count>', 'the newest so many', String(JOURNAL_LIMIT_DEFAULT))
    .addHelpText(
      'after',
      `
Kept in etcd, bounded, and in the coordinator's log; mirror-maker forgets it when it stops.

Examples:
  mirrorctl journal
  mirrorctl journal us-east:us-west --limit 5
  mirrorctl --json journal | jq '.entries[] | select(.outcome != "done")'`,
    )
    .action(async (flow: string | undefined, { limit }: { limit: string }) => {
      options.onExitCode(await runJournal(context(), { flow, limit }));
    });
}

function addConfig(program: Command, options: ProgramOptions, context: () => CommandContext): void {
  program
    .command('config')
    .description('Check a configuration file')
    .command('check')
    .description('Explain what a file comes to: each value of each flow, its source, and problems')
    .argument('<file>', 'mm2.properties, or the file of a coordinator or an agent')
    .option('--flow <flow>', 'show this flow alone')
    .addHelpText(
      'after',
      `
Asks no server. Secrets are covered, and references such as \${file:/path:key} are shown as they are.
Exit code 2 if the file cannot be used; warnings alone are 0.

Examples:
  mirrorctl config check mm2.properties
  mirrorctl config check mm2.properties --flow us-east:us-west
  mirrorctl --json config check mm2.properties | jq '.problems'`,
    )
    .action(async (file: string, { flow }: { flow?: string }) => {
      options.onExitCode(await runConfigCheck(context(), { file, flow }));
    });
}

/** The exit code of an error that commander threw; undefined for any other error. */
export function usageExitCode(error: unknown): ExitCode | undefined {
  if (!(error instanceof CommanderError)) return undefined;
  return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
}
