import pc from 'picocolors';

import { parseFlowId } from '../../mirror/flow.js';
import type { JournalEntry } from '../../proto/gen/mirror/v1/operator.js';
import type { CommandRun } from '../command.js';
import { UsageError } from '../errors.js';
import { ExitCode } from '../exit-code.js';
import { formatDuration, NONE } from '../output/format.js';
import type { Column } from '../output/output.js';

export const JOURNAL_LIMIT_DEFAULT = 50;

export interface JournalOptions {
  flow: string | undefined;
  limit: string;
}

export const runJournal: CommandRun<JournalOptions> = async (context, options) => {
  const { client, output, json } = context;
  if (!/^[1-9][0-9]{0,5}$/.test(options.limit)) {
    throw new UsageError(`--limit ${options.limit} is not a count from 1 on`);
  }
  const flow = options.flow === undefined ? '' : parseFlowId(options.flow);
  const { entries } = await client.journal({ flow, limit: Number(options.limit) });
  if (json) output.json({ entries: entries.map(entryDocument) });
  else if (entries.length === 0) output.line('Nobody has done anything yet.');
  else output.table(columns, entries);
  return ExitCode.ok;
};

/** Its field names are stable. */
function entryDocument(entry: JournalEntry): unknown {
  const { atMs, ...rest } = entry;
  return { ...rest, at: timeOf(atMs) };
}

const columns: readonly Column<JournalEntry>[] = [
  { header: 'AT', value: ({ atMs }) => timeOf(atMs) },
  { header: 'WHO', value: (row) => row.operator },
  { header: 'ACT', value: (row) => `${row.act} ${row.flow} ${row.detail}`.trimEnd() },
  {
    header: 'OUTCOME',
    value: ({ outcome }) => (outcome === 'done' ? outcome : pc.yellow(outcome)),
  },
  {
    header: 'TOOK',
    value: ({ elapsedMs }) => (elapsedMs === 0n ? NONE : formatDuration(elapsedMs)),
    align: 'right',
  },
  { header: 'WHAT', value: changeOf },
];

/** `state running → promoted; message`. */
function changeOf({ before, after, message }: JournalEntry): string {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changes = names.map((name) => {
    const [was, is] = [before[name], after[name]];
    if (was === undefined || is === undefined || was === is) return `${name} ${is ?? was ?? NONE}`;
    return `${name} ${was} → ${is}`;
  });
  return [...changes, message].filter((part) => part !== '').join('; ');
}

function timeOf(atMs: bigint): string {
  return new Date(Number(atMs)).toISOString();
}
