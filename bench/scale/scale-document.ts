import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../test/kit/project-root.js';

/** The second part of docs/scale.md, which `--agents` writes; the first is that of `--scale`. */
const REAL_PART = '## Real processes\n';

const path = (): string => join(projectRoot(), 'docs', 'scale.md');

function parts(): [simulated: string, real: string] {
  const text = existsSync(path()) ? readFileSync(path(), 'utf8') : '';
  const start = text.indexOf(REAL_PART);
  return start < 0 ? [text, ''] : [text.slice(0, start), text.slice(start + REAL_PART.length)];
}

function write(simulated: string, real: string): void {
  const end = real === '' ? '' : `\n${REAL_PART}\n${real.trim()}\n`;
  writeFileSync(path(), `${simulated.trimEnd()}\n${end}`);
}

export function writeSimulatedPart(text: string): void {
  write(text, parts()[1]);
}

export function writeRealPart(text: string): void {
  write(parts()[0], text);
}
