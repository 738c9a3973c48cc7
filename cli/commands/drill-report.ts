import type { DrillReport } from '../../proto/gen/mirror/v1/operator.js';
import { formatCount, formatDuration } from '../output/format.js';

/** What the rehearsal is measured by; undefined: not judged. */
export interface DrillTargets {
  readonly rtoMs: number | undefined;
  readonly rpoRecords: number | undefined;
}

export type DrillVerdict = 'met' | 'missed' | 'failed';

/** A rehearsal that lost or repeated a record has failed, however fast it was. */
export function judgeDrill(report: DrillReport, targets: DrillTargets): DrillVerdict {
  const { failure, rtoMs, rpoRecords, skipped, duplicated } = report;
  if (failure !== '' || skipped > 0 || duplicated > 0) return 'failed';
  if (rtoMs === undefined || rpoRecords === undefined) return 'failed';
  const isLate = targets.rtoMs !== undefined && rtoMs > BigInt(targets.rtoMs);
  const isLossy = targets.rpoRecords !== undefined && rpoRecords > BigInt(targets.rpoRecords);
  return isLate || isLossy ? 'missed' : 'met';
}

/** The document of `--json` and of the report's file: its field names are stable. */
export function drillDocument(report: DrillReport, targets: DrillTargets): object {
  const { startedAtMs, ...rest } = report;
  const expected = { rtoMs: targets.rtoMs ?? null, rpoRecords: targets.rpoRecords ?? null };
  const verdict = judgeDrill(report, targets);
  return { verdict, startedAt: new Date(Number(startedAtMs)).toISOString(), expected, ...rest };
}

/** The report for people: the quarterly template, filled in. */
export function drillMarkdown(report: DrillReport, targets: DrillTargets): string {
  const { flow, operator, topic, partitions, written, readBefore, failure } = report;
  const verdict = judgeDrill(report, targets);
  const duration = (ms: number | undefined): string =>
    ms === undefined ? '-' : formatDuration(ms);
  const steps = report.steps.map(({ name, elapsedMs, message }) => {
    return `| ${name} | ${formatDuration(elapsedMs)} | ${message.replaceAll('|', '\\|')} |`;
  });
  return [
    `# Failover drill of ${flow}`,
    '',
    `- Verdict: **${verdict}**${failure === '' ? '' : `: ${failure}`}`,
    `- Begun: ${new Date(Number(report.startedAtMs)).toISOString()} by ${operator}`,
    `- Took: ${formatDuration(report.elapsedMs)}`,
    `- Canary: topic and group \`${topic}\`, ${partitions} partitions, ` +
      `${formatCount(written)} records, ${formatCount(readBefore)} of them read on the source`,
    '',
    '| measure | expected | actual |',
    '| --- | --- | --- |',
    `| RTO, group stopped to reading on | ${duration(targets.rtoMs)} | ${formatDuration(report.rtoMs)} |`,
    `| RPO, records not on the target | ${formatCount(targets.rpoRecords)} | ${formatCount(report.rpoRecords)} |`,
    `| records skipped | 0 | ${report.skipped} |`,
    `| records read twice | 0 | ${report.duplicated} |`,
    `| replication of the canary | - | ${formatDuration(report.replicationMs)} |`,
    `| detection | - | ${formatDuration(report.detectionMs)} |`,
    `| translation | - | ${formatDuration(report.translationMs)} |`,
    `| takeover | - | ${formatDuration(report.takeoverMs)} |`,
    `| failback | - | ${formatDuration(report.failbackMs)} |`,
    '',
    '| step | took | what |',
    '| --- | --- | --- |',
    ...steps,
    '',
    'The source was alive: when it is not, its agents ask it and wait up to 2 s for an answer. To the',
    'times above add what monitoring and people take, and the restart of applications.',
    '',
  ].join('\n');
}
