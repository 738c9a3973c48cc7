import { ConfigError } from '../config/problems.js';
import { describeError } from '../errors.js';
import { VERSION } from '../version.js';
import { ListenError } from './listen-address.js';

export interface RunMainOptions {
  name: string;
  help: string;
  argv: readonly string[];
  exit: (code: number) => void;
  /** Runs the service with its configuration file; resolves with the exit code. */
  run: (configPath: string) => Promise<number>;
}

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
  const [configPath, unexpected] = argv;
  if (configPath === undefined || configPath.startsWith('-') || unexpected !== undefined) {
    const what =
      configPath === undefined
        ? 'the configuration file is missing'
        : `unexpected argument '${unexpected ?? configPath}'`;
    process.stderr.write(`${name}: ${what}; try '${name} --help'\n`);
    return exit(2);
  }
  try {
    exit(await options.run(configPath));
  } catch (error) {
    const usage = error instanceof ConfigError || error instanceof ListenError;
    process.stderr.write(`${name}: ${describeError(error)}\n`);
    exit(usage ? 2 : 1);
  }
}
