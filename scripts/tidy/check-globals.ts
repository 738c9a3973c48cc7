import { isPure, isWithinAny, OUTSIDE } from './layout.js';
import type { ParsedFile, Problem } from './tree-file.js';

/** What belongs to the program as a whole, and therefore to its main.ts. */
const MAIN_ONLY = new Set([
  'process.argv',
  'process.env',
  'process.exit',
  'process.exitCode',
  'process.stdin',
]);

/** Time, randomness and the process in pure code; argv, env and exit outside a main.ts. */
export function checkGlobals(file: ParsedFile): Problem[] {
  const outside = isWithinAny(file.path, OUTSIDE) || !file.path.includes('/');
  if (outside) return [];
  const pure = isPure(file.path);
  const main = file.path.endsWith('/main.ts');

  const problems: Problem[] = [];
  for (const { name, line } of file.globals) {
    if (pure) {
      problems.push({ path: file.path, line, message: `${name} in a folder that does no I/O` });
    } else if (!main && MAIN_ONLY.has(name)) {
      problems.push({ path: file.path, line, message: `${name} belongs in a main.ts` });
    }
  }
  return problems;
}

/** A test that is left out, or that leaves others out, must not pass for a test. */
export function checkTestMarks(file: ParsedFile, text: string): Problem[] {
  const lines = text.split('\n');
  const problems: Problem[] = [];
  for (const { name, line } of file.testMarks) {
    const reason = [lines[line - 2], lines[line - 1]].some((each) =>
      /\/\/ \S+ \S+/.test(each ?? ''),
    );
    if (name === 'only') {
      problems.push({ path: file.path, line, message: 'only leaves all other tests out' });
    } else if (!reason) {
      const message = `${name} without a comment that gives the reason`;
      problems.push({ path: file.path, line, message });
    }
  }
  return problems;
}
