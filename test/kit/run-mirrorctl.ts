import { execFile } from 'node:child_process';
import { join } from 'node:path';

import { compiledRoot } from './project-root.js';

export interface Finished {
  code: number;
  out: string;
  err: string;
}

/** `status --json` of ten thousand partitions is a few megabytes. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Runs the real program as a script would: without a terminal, and with only this environment. */
export function runMirrorctl(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const program = join(compiledRoot(), 'cli', 'main.js');
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [program, ...args],
      { env: { PATH: process.env['PATH'], ...env }, maxBuffer: OUTPUT_BYTES_MAX },
      (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}
