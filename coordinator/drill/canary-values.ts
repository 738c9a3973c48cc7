/** What a rehearsal writes: every value once, and in an order that can be checked. */
export function canaryValues(
  id: string,
  partition: number,
  range: { readonly from: number; readonly until: number },
): string[] {
  const values: string[] = [];
  for (let n = range.from; n < range.until; n += 1) values.push(`${id}/${partition}/${n}`);
  return values;
}

export interface ReadVerdict {
  /** Expected, and not read. */
  readonly skipped: number;
  /** Read more than once, or read again though it was read before. */
  readonly duplicated: number;
  /** In words, the first thing that is wrong; empty if nothing is. */
  readonly fault: string;
}

/** Judges what a group read against what it had to read: exactly that, in that order. */
export function judgeRead(expected: readonly string[], read: readonly string[]): ReadVerdict {
  const seen = new Set(read);
  const skipped = expected.filter((value) => !seen.has(value));
  const wanted = new Set(expected);
  const duplicated = read.length - [...seen].filter((value) => wanted.has(value)).length;
  const at = read.findIndex((value, index) => value !== expected[index]);
  const isWrong = at >= 0 || skipped.length > 0;
  const found = at >= 0 ? `${read[at]}` : 'the end';
  const wantedNext = at >= 0 ? (expected[at] ?? 'the end') : skipped[0];
  const fault = isWrong ? `read ${found} where ${wantedNext} was due` : '';
  return { skipped: skipped.length, duplicated, fault };
}
