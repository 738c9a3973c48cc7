import { join } from 'node:path';
import { spawnGuarded } from '../kit/guardian.js';
import { compiledRoot } from '../kit/project-root.js';

export interface ChaosRun {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the real program, as `npm run chaos` does; it ends with this process. */
export function runChaos(args: readonly string[]): Promise<ChaosRun> {
  const program = join(compiledRoot(), 'test', 'chaos', 'main.js');
  const child = spawnGuarded({
    command: process.execPath,
    args: ['--enable-source-maps', program, ...args],
    output: 'pipe',
  });
  child.ref();
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}
