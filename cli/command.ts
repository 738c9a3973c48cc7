import type { Clock } from '../common/clock.js';
import type { ExitCode } from './exit-code.js';
import type { Output } from './output/output.js';
import type { OperatorClient } from './rpc/operator-client.js';

/** What a command runs with. */
export interface CommandContext {
  client: OperatorClient;
  output: Output;
  /** Machine-readable output was asked for. */
  json: boolean;
  clock: Clock;
  /** Who runs it, as `user@host`, for the coordinator's journal. */
  operator: string;
  /** Asks a question on the terminal; undefined where nobody can answer. */
  ask: ((question: string) => Promise<string>) | undefined;
  /** For references of a configuration file to it. */
  env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}

export type CommandRun<Options> = (context: CommandContext, options: Options) => Promise<ExitCode>;
