import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { spawnGuarded } from './guardian.js';
import { commandAt, HERE, type NetworkPlace } from './network-place.js';
import { compiledRoot } from './project-root.js';
import { ExitWatch, lastLogLines, type ProcessExit } from './server-process.js';
import { temporaryFolder } from './temporary-folder.js';

const READY_MS_MAX = 30_000;
const STOP_MS_MAX = 20_000;
const HEAP_MB = 512;

/** Lines kept in memory for `lines` and `waitForLine`; the log file has them all. */
const LINES_KEPT_MAX = 20_000;

export type LogLine = Readonly<Record<string, unknown>>;

export interface ProcessOptions {
  readonly name: string;
  /** The program and its arguments: `['agent/main.js', 'agent.properties']`, under compiled output. */
  readonly args: readonly string[];
  /** The compiled output of another version than this one. */
  readonly compiled?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly heapMb?: number;
  /** Tells the line that means ready; the default is `"msg":"ready"`. */
  readonly readyMatch?: (line: LogLine) => boolean;
  readonly readyMsMax?: number;
  /** Where it runs; the default is this machine. */
  readonly place?: NetworkPlace;
}

function isReadyLine(line: LogLine): boolean {
  return line['msg'] === 'ready';
}

interface Waiter {
  readonly match: (line: LogLine) => boolean;
  readonly resolve: (line: LogLine) => void;
}

function parseLine(text: string): LogLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined;
  }
}

/** One of our own programs, running as a user would run it. */
export class RunningProcess {
  readonly name: string;
  readonly logFile: string;
  /** The JSON lines seen so far, oldest first. */
  readonly lines: LogLine[] = [];
  #readyLine: LogLine = {};
  readonly #child: ChildProcess & { readonly pid: number };
  readonly #watch: ExitWatch;
  readonly #allSaid: Promise<void>;
  #waiters: Waiter[] = [];

  constructor(options: ProcessOptions, command: { args: readonly string[]; logFile: string }) {
    this.name = options.name;
    this.logFile = command.logFile;
    this.#child = spawnGuarded({
      ...commandAt(options.place ?? HERE, process.execPath, command.args),
      output: 'pipe',
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.#watch = new ExitWatch(this.#child);
    this.#allSaid = this.#collect();
  }

  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#watch.exit === undefined;
  }

  /** The line that said ready, with the bound addresses. */
  get readyLine(): LogLine {
    return this.#readyLine;
  }

  /** Whether it has said that it is ready. */
  get isReady(): boolean {
    return this.lines.some(isReadyLine);
  }

  /** Resolves when the process has ended and all that it said is here: its last lines come later. */
  async exit(): Promise<ProcessExit> {
    const exit = await this.#watch.wait();
    for (const stream of [this.#child.stdout, this.#child.stderr]) (stream as Socket | null)?.ref();
    await this.#allSaid;
    return exit;
  }

  /** Sends a signal; only SIGKILL and SIGTERM are waited for. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.running) return;
    process.kill(this.pid, signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await this.exit();
  }

  /** SIGTERM, then SIGKILL when it takes too long; its exit tells which. */
  async stop(): Promise<ProcessExit> {
    const timer = setTimeout(() => void this.kill('SIGKILL'), STOP_MS_MAX);
    await this.kill('SIGCONT');
    await this.kill('SIGTERM');
    clearTimeout(timer);
    return await this.exit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The first line that matches, seen already or still to come. */
  async waitForLine(match: (line: LogLine) => boolean, limitMs = READY_MS_MAX): Promise<LogLine> {
    const seen = this.lines.find(match);
    if (seen !== undefined) return seen;
    let timer: NodeJS.Timeout | undefined;
    const line = new Promise<LogLine>((resolve) => this.#waiters.push({ match, resolve }));
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(`did not log that line within ${limitMs} ms`), limitMs);
    });
    const ended = this.exit().then(
      ({ code, signal }) => `ended with ${signal ?? code} before it logged that line`,
    );
    const outcome = await Promise.race([line, late, ended]);
    clearTimeout(timer);
    if (typeof outcome === 'object') return outcome;
    throw new Error(`${this.name} ${outcome}; the end of its log:\n${lastLogLines(this.logFile)}`);
  }

  async waitReady(options: ProcessOptions): Promise<void> {
    const isReady = options.readyMatch ?? isReadyLine;
    this.#readyLine = await this.waitForLine(isReady, options.readyMsMax ?? READY_MS_MAX);
  }

  /** Resolves when both streams have ended. */
  async #collect(): Promise<void> {
    const file = openSync(this.logFile, 'a');
    const collected = [this.#child.stdout, this.#child.stderr].map((stream) => {
      assert(stream);
      let rest = '';
      stream.setEncoding('utf8').on('data', (text: string) => {
        writeSync(file, text);
        const parts = (rest + text).split('\n');
        rest = parts.pop() ?? '';
        for (const part of parts) this.#onLine(part);
      });
      return new Promise((resolve) => stream.once('close', resolve));
    });
    await Promise.all(collected);
    closeSync(file);
  }

  #onLine(text: string): void {
    const line = parseLine(text);
    if (line === undefined) return;
    this.lines.push(line);
    if (this.lines.length > LINES_KEPT_MAX) this.lines.shift();
    const matched = this.#waiters.filter((waiter) => waiter.match(line));
    this.#waiters = this.#waiters.filter((waiter) => !matched.includes(waiter));
    for (const waiter of matched) waiter.resolve(line);
  }
}

/** Starts one of our programs with Node, and does not wait. */
export function launchProcess(options: ProcessOptions): RunningProcess {
  const [program = '', ...rest] = options.args;
  const heap = `--max-old-space-size=${options.heapMb ?? HEAP_MB}`;
  const args = [
    '--enable-source-maps',
    heap,
    join(options.compiled ?? compiledRoot(), program),
    ...rest,
  ];
  const logFile = join(temporaryFolder(options.name), 'log');
  return new RunningProcess(options, { args, logFile });
}

/** Starts one of our programs and waits for its ready line. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const started = launchProcess(options);
  try {
    await started.waitReady(options);
  } catch (error) {
    await started.kill('SIGKILL');
    throw error;
  }
  return started;
}
