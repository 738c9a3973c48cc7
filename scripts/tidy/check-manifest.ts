import { packageOf } from './check-imports.js';
import { HOMES, isWithinAny, OUTSIDE, TOOLS } from './layout.js';
import type { ParsedFile, Problem, TreeFile } from './tree-file.js';

const EXACT_VERSION = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

interface Manifest {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** Every dependency is pinned, has a home, and is imported there; tools excepted. */
export function checkManifest(manifest: TreeFile, files: readonly ParsedFile[]): Problem[] {
  const parsed = JSON.parse(manifest.text) as Manifest;
  const lines = manifest.text.split('\n');
  const specifiers = files.flatMap((file) => file.imports.map((each) => each.specifier));
  const imported = new Set(specifiers.map(packageOf));

  const problems: Problem[] = [];
  const all = { ...parsed.dependencies, ...parsed.devDependencies };
  for (const [name, version] of Object.entries(all)) {
    const line = lines.findIndex((text) => text.includes(`"${name}":`)) + 1;
    const report = (message: string): void => {
      problems.push({ path: manifest.path, line, message });
    };
    if (!EXACT_VERSION.test(version)) report(`${name} ${version} is not pinned to one version`);
    if (TOOLS.has(name)) continue;
    if (HOMES[name] === undefined) report(`${name} has no home in scripts/tidy/layout.ts`);
    else if (!imported.has(name)) report(`${name} is not imported anywhere`);
  }
  for (const file of files) {
    const shipped = file.path.includes('/') && !isWithinAny(file.path, OUTSIDE);
    const declared = shipped ? (parsed.dependencies ?? {}) : all;
    problems.push(...checkDeclared(file, declared));
  }
  return problems;
}

/** A package that happens to be installed may be gone with the next version of what brought it. */
function checkDeclared(file: ParsedFile, declared: Record<string, string>): Problem[] {
  const problems: Problem[] = [];
  for (const { specifier, line } of file.imports) {
    const name = packageOf(specifier);
    if (HOMES[name] === undefined || declared[name] !== undefined) continue;
    problems.push({ path: file.path, line, message: `${name} is not among the dependencies` });
  }
  return problems;
}
