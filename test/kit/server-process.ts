import type { ChildProcess } from 'node:child_process';
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { spawnGuarded, type GuardedOptions } from './guardian.js';

const LOG_LINES_SHOWN_MAX = 40;
/** A broker that is killed as it ends repairs its logs when it starts: a test's damage among them. */
const STOP_MS_MAX = 60_000;
const PROBE_INTERVAL_MS = 50;

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export type ServerOptions = Omit<GuardedOptions, 'output'> & {
  readonly name: string;
  readonly logFile: string;
};

export function lastLogLines(path: string): string {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(-LOG_LINES_SHOWN_MAX).join('\n');
  } catch {
    return '(no log)';
  }
}

/** The exit of a child, held alive only while somebody waits for it. */
export class ExitWatch {
  readonly #child: ChildProcess;
  readonly #exited: Promise<ProcessExit>;
  #exit: ProcessExit | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  async wait(): Promise<ProcessExit> {
    if (this.#exit === undefined) this.#child.ref();
    return await this.#exited;
  }
}

/** A server that can be killed and started again as the same server: same ports, same folder. */
export class ServerProcess {
  readonly #options: ServerOptions;
  #child: (ChildProcess & { readonly pid: number }) | undefined;
  #watch: ExitWatch | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  get logFile(): string {
    return this.#options.logFile;
  }

  get running(): boolean {
    return this.#watch !== undefined && this.#watch.exit === undefined;
  }

  get pid(): number {
    assert(this.#child, `${this.#options.name} was never started`);
    return this.#child.pid;
  }

  launch(): void {
    assert(!this.running, `${this.#options.name} runs already`);
    const output = openSync(this.#options.logFile, 'a');
    this.#child = spawnGuarded({ ...this.#options, output });
    closeSync(output);
    this.#watch = new ExitWatch(this.#child);
  }

  /** Sends a signal; SIGKILL and SIGTERM are waited for, SIGSTOP and SIGCONT are not. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.running) return;
    process.kill(this.pid, signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await this.#watch?.wait();
  }

  /** Asks it to end, then makes it; a stopped (SIGSTOP) server is woken first. */
  async stop(): Promise<void> {
    if (!this.running) return;
    const timer = setTimeout(() => void this.kill('SIGKILL'), STOP_MS_MAX);
    process.kill(this.pid, 'SIGCONT');
    await this.kill('SIGTERM');
    clearTimeout(timer);
  }

  /** Polls `probe` until it is true; fails at once, with the log's end, when the server ends. */
  async waitUntil(probe: () => Promise<boolean>, limitMs: number): Promise<void> {
    const deadlineMs = performance.now() + limitMs;
    while (!(await probe())) {
      const late = performance.now() > deadlineMs;
      if (this.running && !late) {
        await new Promise((resolve) => setTimeout(resolve, PROBE_INTERVAL_MS));
        continue;
      }
      const why = late ? `is not ready after ${limitMs} ms` : 'ended while starting';
      const log = lastLogLines(this.#options.logFile);
      throw new Error(`${this.#options.name} ${why}; the end of its log:\n${log}`);
    }
  }
}
