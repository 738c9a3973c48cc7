import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The file that tells the project's own folder from a folder with compiled output. */
const MARK = join('scripts', 'bootstrap.mjs');

function ancestors(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...ancestors(parent)];
}

/**
 * The folder of the checkout: above this file, or behind a `node_modules` link beside compiled
 * output that lies elsewhere. Downloads are kept in its `.cache`.
 */
export function projectRoot(): string {
  const above = ancestors(dirname(fileURLToPath(import.meta.url)));
  const linked = above
    .map((folder) => join(folder, 'node_modules'))
    .filter((path) => existsSync(path))
    .map((path) => dirname(realpathSync(path)));
  const found = [...above, ...linked, process.cwd()].find((folder) =>
    existsSync(join(folder, MARK)),
  );
  if (found === undefined) throw new Error(`no folder with ${MARK} above or beside this file`);
  return found;
}

/** The folder that holds compiled `test/kit`: the checkout's `dist`, or a copy elsewhere. */
export function compiledRoot(): string {
  return dirname(dirname(dirname(fileURLToPath(import.meta.url))));
}
