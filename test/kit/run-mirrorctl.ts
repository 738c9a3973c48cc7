import { execFile, type ChildProcess, type ExecFileException } from 'node:child_process';
import { join } from 'node:path';

import { compiledRoot } from './project-root.js';

export interface Finished {
  code: number;
  out: string;
  err: string;
}

/** A command that waits is one that a test waits for: it ends, and what it had printed is shown. */
const FINISH_MS_MAX = 300_000;
const KILLED = 137;

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
    const options = {
      ...{ env: { PATH: process.env['PATH'], ...env }, maxBuffer: OUTPUT_BYTES_MAX },
      ...{ timeout: FINISH_MS_MAX, killSignal: 'SIGKILL' as const },
    };
    let resolve: (finished: Finished) => void;
    this.finished = new Promise((settle) => (resolve = settle));
    this.#child = execFile(process.execPath, [program, ...args], options, (error, out, err) =>
      resolve({ code: exitCode(error), out, err }),
    );
    this.#child.stdout?.on('data', (text: string) => (this.out += text));
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.#child.kill('SIGINT');
  }
}

function exitCode(error: ExecFileException | null): number {
  if (error === null) return 0;
  return typeof error.code === 'number' ? error.code : KILLED;
}

export function runMirrorctl(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return new RunningMirrorctl(args, env).finished;
}

/** Settles only where the command did what it was asked for: to be raced with what is to come before. */
export function untilDone(call: Promise<Finished>): Promise<void> {
  return new Promise((resolve) => {
    void call.then(({ code }) => {
      if (code === 0) resolve();
    });
  });
}
