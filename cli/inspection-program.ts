import type { Command } from 'commander';

import type { CommandContext } from './command.js';
import { runAgents } from './commands/agents.js';
import { runTopics } from './commands/topics.js';
import { runValidate } from './commands/validate.js';
import { runVerify } from './commands/verify.js';
import type { ProgramOptions } from './program.js';

type Context = () => CommandContext;

/** The commands that look and change nothing. */
export function addInspection(program: Command, options: ProgramOptions, context: Context): void {
  addTopics(program, options, context);
  addAgents(program, options, context);
  addVerify(program, options, context);
  addValidate(program, options, context);
}

function addTopics(program: Command, options: ProgramOptions, context: Context): void {
  program
    .command('topics')
    .description('Show each mirrored topic: where it goes, its state, and how far it lags')
    .argument('[flow]', 'only topics of this flow')
    .addHelpText(
      'after',
      `
Examples:
  mirrorctl topics
  mirrorctl topics us-east:us-west
  mirrorctl --json topics | jq '.topics[] | select(.lagRecords > 1000)'`,
    )
    .action(async (flow: string | undefined) => {
      options.onExitCode(await runTopics(context(), { flow }));
    });
}

function addAgents(program: Command, options: ProgramOptions, context: Context): void {
  program
    .command('agents')
    .description('Show the agents: where they run, what they reach, and what they hold')
    .addHelpText(
      'after',
      `
Examples:
  mirrorctl agents
  mirrorctl --json agents | jq '.agents[] | select(.state != "connected")'`,
    )
    .action(async () => {
      options.onExitCode(await runAgents(context(), {}));
    });
}

interface VerifyFlags {
  topics?: string[];
  from?: string;
  rate?: string;
  ranges?: boolean;
}

function addVerify(program: Command, options: ProgramOptions, context: Context): void {
  program
    .command('verify')
    .description('Prove that both sides of a flow hold the same records')
    .argument('<flow>', 'the flow whose copies are compared')
    .option('--topics <regex...>', 'only topics whose whole name matches')
    .option('--from <where>', "'start': everything; 'last': what was copied since the last one")
    .option('--rate <bytes/s>', 'read at most this much of both clusters, as 500k, 16m or bytes')
    .option('--ranges', 'print each range that was compared, with counts and checksums')
    .addHelpText(
      'after',
      `
Compares record by record (key, value, headers, timestamp), by an agent. Can be stopped, and goes
on with the next call. Exit codes: 0 equal, 1 different, 3 not all is proven: partitions that are named
could not be compared, or retention, DeleteRecords or compaction removed records of one side.

Examples:
  mirrorctl verify us-east:us-west
  mirrorctl verify us-east:us-west --topics 'orders.*' --rate 50m
  mirrorctl --json verify us-east:us-west --from last`,
    )
    .action(async (flow: string, flags: VerifyFlags) => {
      const { topics = [], from = '', rate = '', ranges = false } = flags;
      options.onExitCode(await runVerify(context(), { flow, topics, from, rate, ranges }));
    });
}

function addValidate(program: Command, options: ProgramOptions, context: Context): void {
  program
    .command('validate')
    .description('Check after a failover that a consumer group is active, and catches up')
    .argument('<target>', 'alias of the cluster that it runs on now, the target of a flow')
    .argument('<group>', 'the consumer group')
    .option('--look-interval <duration>', 'time between the two looks, as 30s or 500ms', '30s')
    .addHelpText(
      'after',
      `
PASS: active, and its lag falls or is zero. WARN: its lag stays as it is. FAIL: no members,
nothing committed, or its lag grows. Exit codes: 0 PASS, 3 WARN, 1 FAIL, 4 no such target or group.

Examples:
  mirrorctl validate us-west payment-consumer-group
  mirrorctl --json validate us-west payment-consumer-group --look-interval 60s`,
    )
    .action(async (target: string, group: string, flags: { lookInterval: string }) => {
      const { lookInterval } = flags;
      options.onExitCode(await runValidate(context(), { target, group, lookInterval }));
    });
}
