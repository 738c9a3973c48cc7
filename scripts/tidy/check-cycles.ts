import { resolveImport } from './check-imports.js';
import type { ParsedFile, Problem } from './tree-file.js';

interface Edge {
  target: string;
  line: number;
}

/**
 * Cycles between files, each reported once, at the import that closes it. Imports of types do not
 * count: they load nothing, and a part may well name the type of the whole that it belongs to.
 */
export function checkCycles(files: readonly ParsedFile[]): Problem[] {
  const edges = new Map(files.map((file) => [file.path, edgesOf(file)]));
  const done = new Set<string>();
  const trail: string[] = [];
  const problems: Problem[] = [];

  const visit = (path: string): void => {
    trail.push(path);
    for (const { target, line } of edges.get(path) ?? []) {
      const at = trail.indexOf(target);
      if (at !== -1) {
        const cycle = [...trail.slice(at), target].join(' -> ');
        problems.push({ path, line, message: `import cycle: ${cycle}` });
      } else if (!done.has(target)) {
        visit(target);
      }
    }
    trail.pop();
    done.add(path);
  };
  for (const path of edges.keys()) {
    if (!done.has(path)) visit(path);
  }
  return problems;
}

function edgesOf(file: ParsedFile): Edge[] {
  const edges: Edge[] = [];
  for (const { specifier, line, typeOnly } of file.imports) {
    if (typeOnly) continue;
    const target = resolveImport(file.path, specifier);
    if (target !== undefined) edges.push({ target, line });
  }
  return edges;
}
