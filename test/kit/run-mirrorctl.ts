import { execFile, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

import { compiledRoot } from './project-root.js';

export interface Finished {
  code: number;
  out: string;
  err: string;
}

/** `status --json` of ten thousand partitions is a few megabytes. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** The real program as a script would run it: without a terminal, and with only this environment. */
export class RunningMirrorctl {
  readonly finished: Promise<Finished>;
  /** What it has printed so far. */
  out = '';
  readonly #child: ChildProcess;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const program = join(compiledRoot(), 'cli', 'main.js');
    const options = { env: { PATH: process.env['PATH'], ...env }, maxBuffer: OUTPUT_BYTES_MAX };
    let resolve: (finished: Finished) => void;
    this.finished = new Promise((settle) => (resolve = settle));
    this.#child = execFile(process.execPath, [program, ...args], options, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
    this.#child.stdout?.on('data', (text: string) => (this.out += text));
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.#child.kill('SIGINT');
  }
}

export function runMirrorctl(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return new RunningMirrorctl(args, env).finished;
}
