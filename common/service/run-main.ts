import { parseArgs } from 'node:util';

import { ConfigError } from '../config/problems.js';
import { describeError } from '../errors.js';
import { VERSION } from '../version.js';
import { ListenError } from './listen-address.js';

export interface RunMainOptions {
  name: string;
  help: string;
  argv: readonly string[];
  /** Names of options that take a value, besides `--help` and `--version`. */
  valueOptions?: readonly string[];
  /** Those of them that take several values behind the file, as MirrorMaker 2 does: `--clusters B C`. */
  listOptions?: readonly string[];
  /** Names of options without a value; given, theirs is `true`. */
  flagOptions?: readonly string[];
  exit: (code: number) => void;
  /** Runs the service with its configuration file; resolves with the exit code. */
  run: (configPath: string, values: Readonly<Record<string, string>>) => Promise<number>;
}

interface CommandLine {
  configPath: string;
  values: Record<string, string>;
}

class CommandLineError extends Error {}

/**
 * The command line of a service: one configuration file, `--help`, `--version`. Errors are one clear
 * text on standard error; exit code 2 for usage and configuration, 1 for everything else.
 */
export async function runMain(options: RunMainOptions): Promise<void> {
  const { name, help, argv, exit } = options;
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(help);
    return exit(0);
  }
  if (argv.includes('--version')) {
    process.stdout.write(`${name} ${VERSION}\n`);
    return exit(0);
  }
  try {
    const { configPath, values } = parseCommandLine(options);
    exit(await options.run(configPath, values));
  } catch (error) {
    const tail = error instanceof CommandLineError ? `; try '${name} --help'` : '';
    process.stderr.write(`${name}: ${describeError(error)}${tail}\n`);
    exit(isUsersError(error) ? 2 : 1);
  }
}

function parseCommandLine(options: RunMainOptions): CommandLine {
  const { argv, valueOptions = [], listOptions = [], flagOptions = [] } = options;
  const known: Record<string, { type: 'string' | 'boolean' }> = {};
  for (const option of valueOptions) known[option] = { type: 'string' };
  for (const option of flagOptions) known[option] = { type: 'boolean' };
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], options: known, allowPositionals: true, tokens: true });
  } catch (error) {
    throw new CommandLineError((error as Error).message.split('. ')[0]);
  }
  const values: Record<string, string> = {};
  let configPath: string | undefined;
  let list: string | undefined;
  for (const token of parsed.tokens) {
    if (token.kind === 'option') {
      values[token.name] = token.value ?? 'true';
      list = listOptions.includes(token.name) ? token.name : undefined;
    } else if (token.kind === 'positional') {
      if (configPath === undefined) configPath = token.value;
      else if (list !== undefined) values[list] = `${values[list]},${token.value}`;
      else throw new CommandLineError(`unexpected argument '${token.value}'`);
    }
  }
  if (configPath === undefined) throw new CommandLineError('the configuration file is missing');
  return { configPath, values };
}

function isUsersError(error: unknown): boolean {
  return (
    error instanceof ConfigError ||
    error instanceof ListenError ||
    error instanceof CommandLineError
  );
}
