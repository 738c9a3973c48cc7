import type { GroupPlan, PlanInput } from './promotion-plan.js';

/** Whether the promotion has an offset to commit for this group and partition. */
export function isToCommit({ targetOffset, note }: GroupPlan): boolean {
  return targetOffset !== undefined && note === '';
}

/** Whether everything is copied first. */
export function isPlanned({ mode, source }: Pick<PlanInput, 'mode' | 'source'>): boolean {
  return mode !== 'unplanned' && source.state === 'reachable';
}

/** A colon cannot be part of a topic's name. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}:${partition}`;
}
