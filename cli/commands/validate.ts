import pc from 'picocolors';

import type {
  GroupLag,
  GroupLook,
  ValidateEvent,
  ValidateResult,
} from '../../proto/gen/mirror/v1/operator.js';
import type { CommandContext, CommandRun } from '../command.js';
import { CallFailedError, UsageError } from '../errors.js';
import { ExitCode } from '../exit-code.js';
import { formatCount } from '../output/format.js';
import type { Column } from '../output/output.js';

export interface ValidateOptions {
  target: string;
  group: string;
  /** As `30s` or `500ms`. */
  lookInterval: string;
}

/** Far beyond what a trend needs; a call that long would only be forgotten. */
const LOOK_INTERVAL_MAX_MS = 3_600_000n;

export const runValidate: CommandRun<ValidateOptions> = async (context, options) => {
  const { target, group } = options;
  const lookIntervalMs = parseInterval(options.lookInterval);
  const looks: GroupLook[] = [];
  let result: ValidateResult | undefined;
  const take = ({ event }: ValidateEvent): void => {
    if (event?.$case === 'result') result = event.value;
    if (event?.$case !== 'look') return;
    looks.push(event.value);
    if (!context.json) printLook(context, options, looks);
  };
  await context.client.validate({ target, group, lookIntervalMs }, take);
  if (result === undefined) throw new CallFailedError('the coordinator ended the call early');
  const { verdict, checks } = result;
  if (context.json) context.output.json({ target, group, verdict, checks, looks });
  else {
    const { output } = context;
    output.line();
    for (const check of checks)
      output.line(`${coloured(check.verdict)}  ${check.name.padEnd(9)}  ${check.message}`);
    output.line();
    output.line(`${coloured(verdict)}: ${group} on ${target}`);
  }
  if (verdict === 'PASS') return ExitCode.ok;
  return verdict === 'WARN' ? ExitCode.degraded : ExitCode.failed;
};

/** The first look with every partition, so that something shows while the second is waited for. */
function printLook(
  { output }: CommandContext,
  { group, target, lookInterval }: ValidateOptions,
  looks: readonly GroupLook[],
): void {
  const look = looks.at(-1)!;
  if (looks.length > 1) {
    output.line(`Lag now: ${formatCount(look.lagRecords)}`);
    return;
  }
  output.line(`Group ${group} on ${target}: ${look.state}, ${look.members} members`);
  output.line();
  if (look.partitions.length > 0) output.table(columns, look.partitions);
  output.line();
  output.line(`Lag now: ${formatCount(look.lagRecords)}; looking again in ${lookInterval}`);
}

function coloured(verdict: string): string {
  if (verdict === 'PASS') return pc.green(verdict);
  return verdict === 'WARN' ? pc.yellow(verdict) : pc.red(verdict);
}

function parseInterval(text: string): bigint {
  const found = /^([1-9][0-9]*)(ms|s|m)$/.exec(text);
  const unit = found?.[2] === 'ms' ? 1n : found?.[2] === 's' ? 1_000n : 60_000n;
  const ms = BigInt(found?.[1] ?? 0) * unit;
  if (ms === 0n || ms > LOOK_INTERVAL_MAX_MS)
    throw new UsageError(`--look-interval ${text} is not a time like 30s, up to an hour`);
  return ms;
}

const columns: readonly Column<GroupLag>[] = [
  { header: 'TOPIC', value: (row) => row.topic },
  { header: 'PARTITION', value: (row) => String(row.partition), align: 'right' },
  { header: 'COMMITTED', value: (row) => formatCount(row.committedOffset), align: 'right' },
  { header: 'LOG-END', value: (row) => formatCount(row.logEndOffset), align: 'right' },
  { header: 'LAG', value: (row) => formatCount(row.lagRecords), align: 'right' },
];
