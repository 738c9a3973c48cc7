/**
 * Checks the layout of the repository: `npm run build && npm run layout`. Prints one line for each
 * problem as `file:line: message`, then how many there are, and exits 1 if there is any.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { checkTree } from './tidy/check-tree.js';
import type { TreeFile } from './tidy/tree-file.js';

const TEXT_FILE =
  /\.(c?js|mjs|ts|json|md|ya?ml|proto|properties|sh|txt|html|css|toml)$|(^|\/)[^.]+$/;
/** Larger files are recordings and drawings; nobody writes them by hand. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const LIST_BYTES_MAX = 64 * 1024 * 1024;

/** Files git tracks, and those that it would take up with the next commit. */
function listFiles(root: string): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '-c', '-o', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: LIST_BYTES_MAX,
  });
  return listed.split('\0').filter((name) => name !== '' && TEXT_FILE.test(name));
}

function readTree(root: string): TreeFile[] {
  const tree: TreeFile[] = [];
  for (const name of listFiles(root)) {
    const file = path.join(root, name);
    // A deleted file is listed until its deletion is committed.
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile() || stat.size > FILE_BYTES_MAX) continue;
    tree.push({ path: name, text: fs.readFileSync(file, 'utf8') });
  }
  return tree;
}

const tree = readTree(process.cwd());
const problems = checkTree(tree);
for (const { path: name, line, message } of problems) {
  process.stdout.write(`${name}:${line}: ${message}\n`);
}
process.stdout.write(`${tree.length} files, ${problems.length} problems\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
