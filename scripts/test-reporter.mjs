import { inspect } from 'node:util';

/**
 * A node:test reporter for `scripts/test.mjs`: a JSON document a line, each with the counts so far
 * and the tests that run, so that a file that never ends has told what it was at.
 */
export default async function* counts(events) {
  const total = { passed: 0, failed: 0, skipped: 0, reasons: [], failures: [], running: [] };
  for await (const { type, data } of events) {
    if (type === 'test:dequeue') total.running.push(data.name);
    else if (type === 'test:complete') leave(total.running, data.name);
    else if (type === 'test:pass' || type === 'test:fail') count(total, type, data);
    else continue;
    yield `${JSON.stringify(total)}\n`;
  }
}

function leave(running, name) {
  const index = running.lastIndexOf(name);
  if (index >= 0) running.splice(index, 1);
}

/** Suites are not counted, their tests are; a suite that failed by itself (a hook threw) is a failure. */
function count(total, type, { name, details, skip, todo }) {
  const cause = details?.error?.failureType;
  const isSuite = details?.type === 'suite' || cause === 'subtestsFailed';
  if (type === 'test:fail' && todo === undefined) {
    if (cause === 'subtestsFailed') return;
    total.failed += 1;
    total.failures.push(`${name}: ${inspect(details?.error?.cause ?? details?.error)}`);
  } else if (skip !== undefined || todo !== undefined) {
    total.skipped += 1;
    const reason = skip ?? todo;
    if (typeof reason === 'string') total.reasons.push(`${name}: ${reason}`);
  } else if (!isSuite) {
    total.passed += 1;
  }
}
