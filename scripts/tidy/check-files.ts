import { BANNED_WORDS, BARRELS, FILE_LINES_MAX } from './layout.js';
import type { Problem, TreeFile } from './tree-file.js';

/** `offset-map.property.test.ts`: kebab-case words, and dots before what kind of file it is. */
const KEBAB_NAME = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)+$/;

/**
 * Homes of people and checkouts of this or that machine, at the start of a path. The user of the
 * official Node images is the one exception: its home is the same everywhere.
 */
const MACHINE_PATH = /(?<![\w.\-/~$}])\/(work|root|Users\/[\w.-]+|home\/(?!node\b)[\w.-]+)\//;

/** Where packages come from is the business of whoever installs them. */
const REGISTRY_HOST =
  /\b(registry\.npmjs\.org|registry\.yarnpkg\.com|npm\.pkg\.github\.com|pypi\.org|proxy\.golang\.org|repo1?\.maven\.(apache\.)?org)\b/;
const DOWNLOAD_ADDRESS = /"resolved":\s*"https?:/;

/** Names and sizes of source files. */
export function checkSourceFile(file: TreeFile): Problem[] {
  const problems: Problem[] = [];
  const report = (line: number, message: string): void => {
    problems.push({ path: file.path, line, message });
  };
  const segments = file.path.split('/');
  const name = segments.at(-1) ?? '';
  if (!KEBAB_NAME.test(name)) report(1, `${name} is not in kebab-case`);
  for (const word of segments.flatMap((segment) => segment.split(/[-.]/))) {
    if (BANNED_WORDS.has(word)) report(1, `"${word}" in a name says nothing`);
  }
  if (name === 'index.ts' && !BARRELS.has(file.path)) report(1, 'a barrel file: import the file');
  const lines = file.text.split('\n').length - (file.text.endsWith('\n') ? 1 : 0);
  if (lines > FILE_LINES_MAX) {
    report(FILE_LINES_MAX + 1, `${lines} lines, ${FILE_LINES_MAX} are allowed`);
  }
  return problems;
}

/** Text that ties a tracked file to one machine or one package registry. */
export function checkText(file: TreeFile): Problem[] {
  const problems: Problem[] = [];
  for (const [index, text] of file.text.split('\n').entries()) {
    const line = index + 1;
    const path = MACHINE_PATH.exec(text);
    if (path !== null) {
      problems.push({ path: file.path, line, message: `path of one machine: ${path[0]}` });
    }
    const host = REGISTRY_HOST.exec(text);
    if (host !== null) {
      problems.push({ path: file.path, line, message: `host of a registry: ${host[0]}` });
    }
    if (DOWNLOAD_ADDRESS.test(text)) {
      problems.push({ path: file.path, line, message: 'the lock file has a download address' });
    }
  }
  return problems;
}
