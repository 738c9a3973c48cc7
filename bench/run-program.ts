import { HELP, UsageError } from './bench-options.js';

const EXIT_USAGE = 2;

/** One program of the benchmark: `--help`, and what a command line that makes no sense ends with. */
export async function runProgram(
  main: (argv: readonly string[]) => Promise<number>,
): Promise<void> {
  const argv = process.argv.slice(2);
  if (argv.includes('--help')) {
    process.stdout.write(HELP);
    return;
  }
  try {
    process.exitCode = await main(argv);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${HELP}`);
    process.exitCode = EXIT_USAGE;
  }
}
