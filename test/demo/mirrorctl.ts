import { spawn } from 'node:child_process';
import { join } from 'node:path';
import pc from 'picocolors';
import { compiledRoot } from '../kit/project-root.js';
import { DemoFailure, type Narrator } from './narrator.js';

const COMMAND_MS_MAX = 90_000;

/** A degraded status is an answer too: partitions are unheld while they move. */
const EXIT_OK = 0;
const EXIT_DEGRADED = 3;

export interface PartitionView {
  readonly topic: string;
  readonly partition: number;
  readonly state: string;
  readonly holder: string;
  readonly targetNext: number;
  readonly lagRecords?: number;
}

export interface StatusView {
  readonly flows: readonly {
    readonly flow: string;
    readonly state: string;
    readonly lagRecords?: number;
    readonly siteHolder: string;
    readonly partitionDetails: readonly PartitionView[];
    readonly groups: readonly {
      readonly group: string;
      readonly topic: string;
      readonly partition: number;
      readonly sourceOffset: number;
      readonly targetOffset?: number;
    }[];
  }[];
  readonly agents: readonly {
    readonly agentId: string;
    readonly state: string;
    readonly items: number;
  }[];
}

export interface PlanView {
  readonly sourceState: string;
  readonly sourceEvidence: string;
  readonly topics: readonly {
    readonly topic: string;
    readonly rpoRecords?: number;
    readonly uncertaintyMs: number;
  }[];
  readonly groups: readonly { readonly group: string; readonly note: string }[];
  readonly blockers: readonly { readonly code: string; readonly message: string }[];
}

interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The operator at the keyboard: runs the real program, and reads what it prints. */
export class Mirrorctl {
  readonly #coordinator: string;
  readonly #narrator: Narrator;

  constructor(coordinator: string, narrator: Narrator) {
    this.#coordinator = coordinator;
    this.#narrator = narrator;
  }

  /** Shows the command and what it prints; fails on every exit code but 0 and `degraded`. */
  async show(...args: string[]): Promise<void> {
    this.#narrator.line();
    this.#narrator.line(pc.cyan(`$ mirrorctl ${args.join(' ')}`));
    const { code, out, err } = await this.#run(args);
    this.#narrator.block(`${out}${err}`);
    this.#narrator.line();
    if (code === EXIT_OK || (code === EXIT_DEGRADED && args[0] === 'status')) return;
    throw new DemoFailure(
      `expected mirrorctl ${args.join(' ')} to end with 0, it ended with ${code}`,
      ['coordinator'],
    );
  }

  /** Undefined while the coordinator cannot answer, which passes when it has just started. */
  async status(): Promise<StatusView | undefined> {
    return (await this.#ask(['status'])) as StatusView | undefined;
  }

  async plan(flow: string): Promise<PlanView | undefined> {
    return (await this.#ask(['promote', flow, '--plan'])) as PlanView | undefined;
  }

  async #ask(args: readonly string[]): Promise<unknown> {
    const { out } = await this.#run(['--json', ...args]);
    return out.trim() === '' ? undefined : JSON.parse(out);
  }

  #run(args: readonly string[]): Promise<Finished> {
    const program = join(compiledRoot(), 'cli', 'main.js');
    const colour = this.#narrator.interactive && pc.isColorSupported ? { FORCE_COLOR: '1' } : {};
    const child = spawn(process.execPath, [program, ...args], {
      env: { ...process.env, ...colour, MIRRORCTL_COORDINATOR: this.#coordinator },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_MS_MAX);
    const finished = { code: null as number | null, out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (finished.out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (finished.err += text));
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        clearTimeout(timer);
        resolve({ ...finished, code });
      });
    });
  }
}
