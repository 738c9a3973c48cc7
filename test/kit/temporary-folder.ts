import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { ownFolder } from './guardian.js';

/** A new, empty folder that is removed when this process ends, however it ends. */
export function temporaryFolder(name = 'folder'): string {
  return mkdtempSync(join(ownFolder(), `${name}-`));
}
