import type { DrillEvent, PromoteStep } from '../../proto/gen/mirror/v1/operator.js';
import type { DrillReport, DrillStep } from '../drill/drill-report.js';

export function writeDrillStep(step: DrillStep): DrillEvent {
  return { event: { $case: 'step', value: writeStep(step) } };
}

export function writeDrillReport(report: DrillReport): DrillEvent {
  const value = {
    ...report,
    startedAtMs: milliseconds(report.startedAtMs),
    replicationMs: optional(report.replicationMs),
    detectionMs: optional(report.detectionMs),
    translationMs: optional(report.translationMs),
    takeoverMs: optional(report.takeoverMs),
    rtoMs: optional(report.rtoMs),
    failbackMs: optional(report.failbackMs),
    rpoRecords: optional(report.rpoRecords),
    elapsedMs: milliseconds(report.elapsedMs),
    steps: report.steps.map(writeStep),
  };
  return { event: { $case: 'report', value } };
}

function writeStep({ name, done, message, elapsedMs }: DrillStep): PromoteStep {
  return { name, done, message, elapsedMs: milliseconds(elapsedMs) };
}

const milliseconds = (ms: number): bigint => BigInt(Math.round(ms));

const optional = (value: number | undefined): bigint | undefined =>
  value === undefined ? undefined : milliseconds(value);
