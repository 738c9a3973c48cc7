import {
  HOMES,
  IMPURE,
  IMPURE_NODE_MODULES,
  isPure,
  isWithin,
  isWithinAny,
  MAY_IMPORT,
  OUTSIDE,
  TOOLS,
  TYPES_ONLY_IN_PURE,
} from './layout.js';
import type { ImportedModule, ParsedFile, Problem } from './tree-file.js';

/** Directions between folders, purity, and the home of every third-party package. */
export function checkImports(file: ParsedFile): Problem[] {
  const problems: Problem[] = [];
  for (const imported of file.imports) {
    const message = problemOf(file.path, imported);
    if (message !== undefined) problems.push({ path: file.path, line: imported.line, message });
  }
  return problems;
}

/** The path from the root that a relative import means; undefined for any other import. */
export function resolveImport(importer: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const parts = importer.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/').replace(/\.js$/, '.ts');
}

/** `@scope/name` or `name`, without a path inside the package. */
export function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

function problemOf(importer: string, imported: ImportedModule): string | undefined {
  const { specifier } = imported;
  const target = resolveImport(importer, specifier);
  if (target !== undefined) {
    return directionProblem(importer, target) ?? purityProblem(importer, target, imported.typeOnly);
  }
  if (!specifier.startsWith('node:')) return homeProblem(importer, specifier);

  const name = specifier.slice('node:'.length);
  if (!isPure(importer) || !IMPURE_NODE_MODULES.has(name)) return undefined;
  return `${specifier} does I/O, and this folder does none`;
}

function directionProblem(importer: string, target: string): string | undefined {
  if (isWithinAny(importer, OUTSIDE) || !importer.includes('/')) return undefined;
  const layer = importer.split('/')[0] ?? '';
  const allowed = MAY_IMPORT[layer];
  if (allowed === undefined) return `${layer}/ has no entry in scripts/tidy/layout.ts`;
  if (isWithin(target, layer) || isWithinAny(target, allowed)) return undefined;
  return `${layer}/ must not import ${target}`;
}

function purityProblem(importer: string, target: string, typeOnly: boolean): string | undefined {
  if (!isPure(importer)) return undefined;
  if (isWithinAny(target, IMPURE)) return `${target} does I/O, and this folder does none`;
  if (isWithinAny(target, TYPES_ONLY_IN_PURE) && !typeOnly) {
    return `${target} may be imported here for its types only`;
  }
  return undefined;
}

function homeProblem(importer: string, specifier: string): string | undefined {
  const name = packageOf(specifier);
  // Configuration files of tools lie in the root, and import their tools.
  if (TOOLS.has(name)) {
    return importer.includes('/') ? `${name} is a tool: nothing imports it` : undefined;
  }
  const homes = HOMES[name];
  if (homes === undefined) return `package ${name} has no home in scripts/tidy/layout.ts`;
  if (isWithinAny(importer, homes)) return undefined;
  // Tests may look at anything that is shipped; what is not shipped keeps to its own folders.
  const shipped = homes.some((home) => !isWithinAny(home, OUTSIDE));
  if (shipped && isWithinAny(importer, OUTSIDE)) return undefined;
  return `package ${name} belongs in ${homes.join(', ')}`;
}
