import pc from 'picocolors';

import { parseFlowId } from '../../mirror/flow.js';
import type {
  UnprovenPartition,
  VerifiedPartition,
  VerifiedRange,
  VerifyEvent,
  VerifyProgress,
  VerifyResult,
} from '../../proto/gen/mirror/v1/operator.js';
import type { CommandContext, CommandRun } from '../command.js';
import { CallFailedError, UsageError } from '../errors.js';
import { ExitCode } from '../exit-code.js';
import { formatByteRate, formatCount, formatDuration, NONE } from '../output/format.js';
import type { Column, Output } from '../output/output.js';

export interface VerifyOptions {
  flow: string;
  topics: string[];
  /** `start`, `last`, or empty. */
  from: string;
  /** Bytes per second, as `16m`; empty for the coordinator's default. */
  rate: string;
  ranges: boolean;
}

export const runVerify: CommandRun<VerifyOptions> = async (context, options) => {
  const flow = parseFlowId(options.flow);
  const { topics, from } = options;
  if (from !== '' && from !== 'start' && from !== 'last')
    throw new UsageError(`--from ${from} is neither 'start' nor 'last'`);
  const request = { flow, topics, from, bytesPerSecond: parseRate(options.rate) };
  const events = new VerifyEvents(context, options.ranges);
  await context.client.verify(request, (event) => events.take(event));
  return events.finish(flow);
};

/** Bytes per second; zero where nothing was asked for. */
function parseRate(text: string): bigint {
  if (text === '') return 0n;
  const found = /^([1-9][0-9]{0,11})([kmg]?)$/i.exec(text);
  if (found === null)
    throw new UsageError(`--rate ${text} is not a rate like 500k, 16m or 1000000`);
  const factor = { '': 1n, k: 1_000n, m: 1_000_000n, g: 1_000_000_000n };
  return BigInt(found[1]!) * factor[found[2]!.toLowerCase() as keyof typeof factor];
}

/** Shows progress and ranges as they come, and what came of it at the end. */
class VerifyEvents {
  readonly #context: CommandContext;
  readonly #showRanges: boolean;
  readonly #ranges: VerifiedRange[] = [];
  #result: VerifyResult | undefined;

  constructor(context: CommandContext, showRanges: boolean) {
    this.#context = context;
    this.#showRanges = showRanges;
  }

  take({ event }: VerifyEvent): void {
    const { json, output } = this.#context;
    switch (event?.$case) {
      case 'result':
        this.#result = event.value;
        return;
      case 'progress':
        if (!json) output.line(pc.dim(progressLine(event.value)));
        return;
      case 'range':
        if (!this.#showRanges) return;
        if (json) this.#ranges.push(event.value);
        else output.line(rangeLine(event.value));
        return;
      default:
    }
  }

  finish(flow: string): ExitCode {
    const result = this.#result;
    if (result === undefined) {
      throw new CallFailedError('the coordinator ended the call without a result', {
        hint: `'mirrorctl verify ${flow.replace('->', ':')}' goes on where it was`,
      });
    }
    const { json, output } = this.#context;
    if (json) output.json(this.#showRanges ? { ...result, ranges: this.#ranges } : result);
    else printResult(output, result);
    if (result.verdict === 'equal') return ExitCode.ok;
    return result.verdict === 'different' ? ExitCode.failed : ExitCode.degraded;
  }
}

function progressLine(progress: VerifyProgress): string {
  const { offsetsDone, offsetsTotal, bytes, elapsedMs, topic, partition, problem } = progress;
  const percent = offsetsTotal === 0n ? 100n : (100n * offsetsDone) / offsetsTotal;
  const rate = formatByteRate((Number(bytes) * 1_000) / Math.max(1, Number(elapsedMs)));
  const partitions = `${progress.partitionsDone} of ${progress.partitionsTotal} partitions`;
  const line = `${percent}%  ${partitions}, ${formatCount(offsetsDone)} of ${formatCount(offsetsTotal)} offsets, ${rate}, at ${topic}-${partition}`;
  return problem === '' ? line : `${line}  (${problem}; trying again)`;
}

function rangeLine({ topic, partition, range }: VerifiedRange): string {
  if (range === undefined) return '';
  const source = `${range.sourceFrom}..${range.sourceTo}`;
  const target = `${range.targetFrom}..${range.targetTo}`;
  const sums =
    range.sourceChecksum === range.targetChecksum
      ? range.sourceChecksum.slice(0, 16)
      : `${range.sourceChecksum.slice(0, 16)} <> ${range.targetChecksum.slice(0, 16)}`;
  const counts = `${range.sourceRecords}/${range.targetRecords} records`;
  return `${topic}-${partition}  ${source} = ${target}  ${counts}  ${sums}`;
}

function printResult(output: Output, result: VerifyResult): void {
  const { verdict, partitions, flow, elapsedMs, resumed, unproven } = result;
  output.table(columns, partitions);
  output.line();
  const total = partitions.reduce((sum, each) => sum + each.equalRecords, 0n);
  const compared = `${formatCount(total)} records compared in ${formatDuration(elapsedMs)}`;
  const how = resumed ? `${compared}, going on where it was cut off` : compared;
  if (verdict === 'incomplete') {
    const count = `${formatCount(unproven.length)} ${unproven.length === 1 ? 'partition is' : 'partitions are'}`;
    output.line(
      `${pc.yellow('incomplete')}: ${count} not proven; all else is equal, as far as both sides hold the records (${how})`,
    );
  } else if (verdict === 'equal') output.line(`${pc.green('equal')}: ${flow}, ${how}`);
  else if (verdict === 'not-comparable') {
    const gone = partitions.reduce((sum, each) => sum + notComparable(each), 0n);
    output.line(
      `${pc.yellow('not comparable')}: ${formatCount(gone)} records are on one side only, since retention, ` +
        `DeleteRecords or compaction removed them on the other; all others are equal (${how})`,
    );
  } else {
    output.line(`${pc.red('different')}: ${flow}, ${how}`);
    for (const each of partitions) if (each.difference) output.line(`  ${differenceLine(each)}`);
  }
  for (const each of unproven) output.line(unprovenLine(each));
}

function unprovenLine({ topic, partition, reason }: UnprovenPartition): string {
  return `${pc.yellow('!')} ${topic}-${partition} is not proven: ${reason}`;
}

function differenceLine({ topic, targetTopic, partition, difference }: VerifiedPartition): string {
  const { what = '', sourceOffset, targetOffset, detail = '' } = difference ?? {};
  const source = `${topic}-${partition} offset ${sourceOffset ?? NONE}`;
  const target = `${targetTopic}-${partition} offset ${targetOffset ?? NONE}`;
  return `${what}: ${source} <> ${target}: ${detail}`;
}

function notComparable(each: VerifiedPartition): bigint {
  return each.deletedOnSource + each.deletedOnTarget + each.compacted;
}

const columns: readonly Column<VerifiedPartition>[] = [
  { header: 'TOPIC', value: (row) => row.topic },
  { header: 'PARTITION', value: (row) => String(row.partition), align: 'right' },
  { header: 'TO-SOURCE', value: (row) => formatCount(row.sourceNext), align: 'right' },
  { header: 'TO-TARGET', value: (row) => formatCount(row.targetNext), align: 'right' },
  { header: 'EQUAL', value: (row) => formatCount(row.equalRecords), align: 'right' },
  { header: 'NOT-COMPARABLE', value: (row) => formatCount(notComparable(row)), align: 'right' },
  { header: 'DIFFERENCE', value: (row) => row.difference?.what ?? NONE },
];
