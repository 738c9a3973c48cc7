import pc from 'picocolors';
import { formatCount, formatDuration } from '../../cli/output/format.js';
import { StreamOutput, type Column } from '../../cli/output/output.js';
import type { Narrator } from './narrator.js';
import type { TopicCounts, Verdict } from './verdict.js';

export interface Times {
  /** From the SIGKILL of the source to the group's first record on the target. */
  readonly recoveryMs: number;
  /** Of which: until the coordinator called the source unreachable. */
  readonly detectionMs: number;
  readonly promotionMs: number;
  /** Age of the oldest lost record when the source was killed; zero if none was lost. */
  readonly lostMs: number;
}

interface Row {
  readonly what: string;
  readonly values: readonly number[];
  /** Anything but zero breaks a promise. */
  readonly mustBeZero: boolean;
}

type Count = Exclude<keyof TopicCounts, 'topic'>;

function rowsOf(topics: readonly TopicCounts[]): Row[] {
  const row = (what: string, count: Count, mustBeZero = false): Row => {
    const values = topics.map((topic) => topic[count]);
    return { what, values: [...values, values.reduce((sum, value) => sum + value, 0)], mustBeZero };
  };
  return [
    row('written (acknowledged by us-east)', 'written'),
    row('mirrored once', 'mirroredOnce'),
    row('  of these never acknowledged', 'unacknowledged'),
    row('mirrored more than once', 'mirroredAgain', true),
    row('invented', 'invented', true),
    row('out of order', 'outOfOrder', true),
    row('changed', 'changed', true),
    row('missing in the middle', 'holes', true),
    row('lost at the end (RPO)', 'lost'),
    row('  at most, by plan and its age', 'reported'),
    row('read once', 'readOnce'),
    row('  on us-east', 'readOnSource'),
    row('  on us-west', 'readOnTarget'),
    row('skipped', 'skipped', true),
    row('repeated', 'repeated', true),
  ];
}

function colourOf({ mustBeZero }: Row, value: number): string {
  const text = formatCount(value);
  if (!mustBeZero) return text;
  return value === 0 ? pc.green(text) : pc.red(text);
}

/** The last page: every count, both objectives, and the verdict. */
export function printSummary(narrator: Narrator, verdict: Verdict, times: Times): void {
  const columns: Column<Row>[] = [
    { header: 'RECORDS', value: ({ what }) => what },
    ...[...verdict.topics.map(({ topic }) => topic), 'total'].map((topic, index): Column<Row> => ({
      header: topic.toUpperCase(),
      value: (row) => colourOf(row, row.values[index] ?? 0),
      align: 'right',
    })),
  ];
  narrator.line();
  const lines = { write: (text: string) => narrator.line(text.trimEnd()) };
  new StreamOutput(lines).table(columns, rowsOf(verdict.topics));
  narrator.line();
  const lost = verdict.topics.reduce((sum, topic) => sum + topic.lost, 0);
  narrator.pairs([
    [
      'RPO',
      lost === 0
        ? '0 records'
        : `${formatCount(lost)} records, the oldest written ${formatDuration(times.lostMs)} before the kill`,
    ],
    [
      'RTO',
      `${formatDuration(times.recoveryMs)} from SIGKILL of us-east to the first record on us-west`,
    ],
    ['', `  ${formatDuration(times.detectionMs)} until us-east counted as unreachable`],
    ['', `  ${formatDuration(times.promotionMs)} for mirrorctl promote`],
  ]);
  narrator.plain();
  if (verdict.faults.length === 0) narrator.plain(pc.green(pc.bold('PASS')));
  else narrator.plain(pc.red(pc.bold('FAIL')));
  for (const fault of verdict.faults) narrator.plain(`  ${fault}`);
}
