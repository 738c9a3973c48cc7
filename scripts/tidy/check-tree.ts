import { checkCycles } from './check-cycles.js';
import { checkSourceFile, checkText } from './check-files.js';
import { checkGlobals, checkTestMarks } from './check-globals.js';
import { checkImports } from './check-imports.js';
import { checkManifest } from './check-manifest.js';
import { parseFile, type ParsedFile, type Problem, type TreeFile } from './tree-file.js';

const GENERATED = 'proto/gen/';

/** All problems of a tree, by path and line. The tree is given, so that tests can make one up. */
export function checkTree(tree: readonly TreeFile[]): Problem[] {
  const problems = tree.flatMap(checkText);
  const parsed: ParsedFile[] = [];
  for (const file of tree.filter(({ path }) => /\.(ts|mjs)$/.test(path))) {
    const syntax = parseFile(file);
    parsed.push(syntax);
    if (file.path.startsWith(GENERATED)) continue;
    problems.push(...checkSourceFile(file), ...checkImports(syntax), ...checkGlobals(syntax));
    problems.push(...checkTestMarks(syntax, file.text));
  }
  problems.push(...checkCycles(parsed));

  const manifest = tree.find(({ path }) => path === 'package.json');
  if (manifest !== undefined) problems.push(...checkManifest(manifest, parsed));
  return problems.sort((a, b) => a.path.localeCompare(b.path) || a.line - b.line);
}
