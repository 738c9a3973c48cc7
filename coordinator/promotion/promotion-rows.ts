import type { GroupPlan } from './promotion-plan.js';

/** Whether the promotion has an offset to commit for this group and partition. */
export function isToCommit({ targetOffset, note }: GroupPlan): boolean {
  return targetOffset !== undefined && note === '';
}

/** A colon cannot be part of a topic's name. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}:${partition}`;
}
