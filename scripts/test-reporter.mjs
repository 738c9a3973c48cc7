/**
 * A node:test reporter for `scripts/test.mjs`: one JSON document with the counts of a file. Suites
 * are not counted, their tests are; a suite that failed by itself (a hook threw) is a failure.
 */
export default async function* counts(events) {
  const total = { passed: 0, failed: 0, skipped: 0, reasons: [] };
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { details, skip, todo } = data;
    const cause = details?.error?.failureType;
    const isSuite = details?.type === 'suite' || cause === 'subtestsFailed';
    if (type === 'test:fail' && todo === undefined) {
      if (cause !== 'subtestsFailed') total.failed += 1;
    } else if (skip !== undefined || todo !== undefined) {
      total.skipped += 1;
      const reason = skip ?? todo;
      if (typeof reason === 'string') total.reasons.push(`${data.name}: ${reason}`);
    } else if (!isSuite) {
      total.passed += 1;
    }
  }
  yield JSON.stringify(total);
}
