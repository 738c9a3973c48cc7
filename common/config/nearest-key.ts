/** Longer keys get no suggestion: the cost of a distance grows with the product of the lengths. */
const SUGGESTED_LENGTH_MAX = 200;

/** A suggestion may differ in a third of the key, but never in more than this many edits. */
const DISTANCE_MAX = 4;

/** The candidate that a misspelt key most likely means, or null if none is near enough. */
export function nearestKey(key: string, candidates: Iterable<string>): string | null {
  if (key.length > SUGGESTED_LENGTH_MAX) return null;
  let limit = Math.min(DISTANCE_MAX, Math.max(1, Math.floor(key.length / 3)));
  let nearest: string | null = null;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - key.length) > limit) continue;
    const distance = editDistance(key, candidate, limit);
    if (distance > limit || distance === 0) continue;
    nearest = candidate;
    limit = distance - 1;
    if (limit === 0) break;
  }
  return nearest;
}

/**
 * Insertions, deletions, replacements and swaps of neighbours between two strings (optimal string
 * alignment). Gives up with `limit + 1` as soon as the distance must exceed `limit`.
 */
export function editDistance(a: string, b: string, limit: number): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    let smallest = i;
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let distance = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, beforePrevious[j - 2]! + 1);
      }
      current.push(distance);
      smallest = Math.min(smallest, distance);
    }
    if (smallest > limit) return limit + 1;
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}
