import type { ObservedPartition } from './observe.js';

/**
 * The partitions that are not copied up to `ends`, which is where they end on their source. What is
 * told of a lag goes for the time when its agent last heard from the source: behind a link that was
 * cut it stays at nothing until the agent is connected again, and says nothing of these ends.
 */
export function findLagging(
  ends: ReadonlyMap<string, number>,
  told: readonly Pick<ObservedPartition, 'name' | 'sourceEnd' | 'lagRecords'>[],
): string[] {
  const byName = new Map(told.map((each) => [each.name, each]));
  return [...ends].flatMap(([name, end]) => {
    const { sourceEnd = -1, lagRecords } = byName.get(name) ?? {};
    if (sourceEnd >= end && lagRecords === 0) return [];
    return [`${name} ends at ${end}; told: ends at ${sourceEnd}, ${lagRecords ?? '?'} behind`];
  });
}
