import {
  FailbackProgress,
  type FailbackEvent,
  type FailbackPlan as FailbackPlanMessage,
} from '../../proto/gen/mirror/v1/operator.js';
import type { FailbackResult, FailbackStep } from '../failback/failback.js';
import type { FailbackPlan } from '../failback/failback-plan.js';

const PROGRESS: Readonly<Record<FailbackPlan['progress'], FailbackProgress>> = {
  new: FailbackProgress.NEW,
  copying: FailbackProgress.COPYING,
  'handing-over': FailbackProgress.HANDING_OVER,
  done: FailbackProgress.DONE,
};

export function writeFailbackPlan(plan: FailbackPlan): FailbackPlanMessage {
  const { flow, copyFlow, quarantineTopic } = plan;
  return {
    ...{ flow, copyFlow, quarantineTopic },
    progress: PROGRESS[plan.progress],
    partitions: plan.partitions.map(({ seam, uncrossed, targetEnd }) => ({
      sourceTopic: seam.sourceTopic,
      targetTopic: seam.targetTopic,
      partition: seam.partition,
      uncrossedRecords: uncrossed.records,
      uncrossedFrom: uncrossed.from,
      uncrossedTo: uncrossed.to,
      firstTimestampMs: uncrossed.firstTimestampMs,
      lastTimestampMs: uncrossed.lastTimestampMs,
      copyFrom: seam.fenceEnd,
      copyTo: targetEnd,
    })),
    groups: plan.groups.map((each) => ({ ...each })),
    leftOut: plan.leftOut.map(({ topic: sourceTopic, targetTopic, reason, written }) => ({
      ...{ sourceTopic, targetTopic, reason },
      writtenRecordsMax: written,
    })),
    blockers: plan.blockers.map(({ code, message }) => ({ code, message })),
  };
}

export function writeFailbackStep(step: FailbackStep): FailbackEvent {
  const { name, done, message } = step;
  const value = { name, done, message, elapsedMs: milliseconds(step.elapsedMs) };
  return { event: { $case: 'step', value } };
}

export function writeFailbackResult(result: FailbackResult): FailbackEvent {
  const { plan, state, alreadyDone } = result;
  const { uncrossed, startedAtMs, finishedAtMs, operator } = state;
  const value = {
    ...{ alreadyDone, startedAtMs, finishedAtMs, operator },
    plan: writeFailbackPlan(plan),
    elapsedMs: milliseconds(result.elapsedMs),
    uncrossedRecords: uncrossed,
  };
  return { event: { $case: 'result', value } };
}

const milliseconds = (ms: number): bigint => BigInt(Math.round(ms));
