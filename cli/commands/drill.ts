import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pc from 'picocolors';

import { parseFlowId } from '../../mirror/flow.js';
import type { DrillEvent, DrillReport } from '../../proto/gen/mirror/v1/operator.js';
import type { CommandContext, CommandRun } from '../command.js';
import { CallFailedError, UsageError } from '../errors.js';
import { ExitCode } from '../exit-code.js';
import { formatCount, formatDuration } from '../output/format.js';
import { stepLine } from '../output/step-line.js';
import {
  drillDocument,
  drillMarkdown,
  judgeDrill,
  type DrillTargets,
  type DrillVerdict,
} from './drill-report.js';

export interface DrillOptions {
  flow: string;
  report: string | undefined;
  expectRto: string | undefined;
  expectRpo: string | undefined;
}

const EXIT_CODES: Readonly<Record<DrillVerdict, ExitCode>> = {
  met: ExitCode.ok,
  missed: ExitCode.degraded,
  failed: ExitCode.failed,
};

export const runDrill: CommandRun<DrillOptions> = async (context, options) => {
  const flow = parseFlowId(options.flow);
  const targets = {
    rtoMs: durationOf(options.expectRto),
    rpoRecords: countOf(options.expectRpo),
  };
  // Before the rehearsal: a report that cannot be written is no report.
  if (options.report !== undefined) mkdirSync(options.report, { recursive: true });
  const events = new DrillEvents(context);
  const { client, operator, output, json } = context;
  await client.drill({ flow, operator }, (event) => events.take(event));
  const report = events.finish();
  const files = options.report === undefined ? [] : writeReport(report, targets, options.report);
  const verdict = judgeDrill(report, targets);
  if (json) output.json({ ...drillDocument(report, targets), files });
  else printReport(context, report, targets);
  if (!json) for (const file of files) output.line(`Written: ${file}`);
  return EXIT_CODES[verdict];
};

/** The longest step. */
const NAME_WIDTH = 'promote/translate'.length;

class DrillEvents {
  readonly #context: CommandContext;
  #report: DrillReport | undefined;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  take({ event }: DrillEvent): void {
    if (event?.$case === 'report') this.#report = event.value;
    if (event?.$case !== 'step' || this.#context.json) return;
    this.#context.output.line(stepLine(event.value, NAME_WIDTH));
  }

  finish(): DrillReport {
    if (this.#report !== undefined) return this.#report;
    throw new CallFailedError('the coordinator ended the drill without a report', {
      hint: 'the next drill removes what this one left behind',
    });
  }
}

function printReport({ output }: CommandContext, report: DrillReport, targets: DrillTargets): void {
  const { rtoMs, rpoRecords, skipped, duplicated, failure, flow } = report;
  const rto = targets.rtoMs === undefined ? '' : `, expected ${formatDuration(targets.rtoMs)}`;
  const rpo =
    targets.rpoRecords === undefined ? '' : `, expected ${formatCount(targets.rpoRecords)}`;
  const verdict = judgeDrill(report, targets);
  output.line();
  const colour = verdict === 'met' ? pc.green : pc.red;
  output.line(colour(`Drill of ${flow}: ${verdict}${failure === '' ? '' : `: ${failure}`}`));
  output.line(`RTO ${formatDuration(rtoMs)}${rto}`);
  output.line(`RPO ${formatCount(rpoRecords)} records${rpo}`);
  output.line(`Skipped ${skipped}, read twice ${duplicated}`);
}

/** Markdown and JSON under one name. */
function writeReport(report: DrillReport, targets: DrillTargets, folder: string): string[] {
  const at = new Date(Number(report.startedAtMs)).toISOString().replaceAll(':', '');
  const name = join(folder, `drill-${report.flow.replace('->', '-to-')}-${at}`);
  const files = [`${name}.md`, `${name}.json`];
  writeFileSync(files[0]!, drillMarkdown(report, targets));
  const encode = (_key: string, value: unknown): unknown =>
    typeof value === 'bigint' ? Number(value) : value;
  writeFileSync(files[1]!, `${JSON.stringify(drillDocument(report, targets), encode, 2)}\n`);
  return files;
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

function durationOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, count, unit] = /^([0-9]{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return Number(count) * UNITS_MS[unit]!;
  throw new UsageError(`--expect-rto ${text} is no duration such as 15s, 500ms or 2m`);
}

function countOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[0-9]{1,12}$/.test(text)) return Number(text);
  throw new UsageError(`--expect-rpo ${text} is no count of records`);
}
