#!/usr/bin/env node
import { hostname, userInfo } from 'node:os';
import { systemClock } from '../common/clock.js';
import { ConfigError } from '../common/config/problems.js';
import { describeError, MirrorError } from '../common/errors.js';
import { FlowSyntaxError } from '../mirror/flow.js';
import type { CommandContext } from './command.js';
import { CliError } from './errors.js';
import { ExitCode } from './exit-code.js';
import { ask } from './output/ask.js';
import { StreamOutput } from './output/output.js';
import { buildProgram, DEFAULT_COORDINATOR, usageExitCode, type GlobalOptions } from './program.js';
import type { TlsFiles } from '../mirror/config/mirror-config.js';
import { channelSecurity } from './rpc/channel-security.js';
import { OperatorClient } from './rpc/operator-client.js';

// Node's own, such as of an address in place of a name under TLS: not for those who run a program.
process.noDeprecation = true;

const stopped = new AbortController();
process.on('SIGINT', () => stopped.abort());
// `mirrorctl … | head` closes the pipe early: nobody reads on, and that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

function contextOf(options: GlobalOptions): CommandContext {
  const interactive = process.stdin.isTTY && process.stdout.isTTY;
  const addresses = options.coordinator.split(',').map((address) => address.trim());
  return {
    client: new OperatorClient(addresses, channelSecurity(tlsOf(options)), stopped.signal),
    output: new StreamOutput(process.stdout),
    json: options.json === true,
    clock: systemClock,
    operator: `${userInfo().username}@${hostname()}`,
    ask: interactive && options.json !== true ? askHere : undefined,
    env: process.env,
    signal: stopped.signal,
  };
}

function askHere(question: string): Promise<string> {
  return ask(question, { input: process.stdin, output: process.stdout }, stopped.signal);
}

/** Options over environment; `MIRRORCTL_TLS_CA` and so on. */
function tlsOf({ tlsCa, tlsCert, tlsKey }: GlobalOptions): TlsFiles {
  const { MIRRORCTL_TLS_CA, MIRRORCTL_TLS_CERT, MIRRORCTL_TLS_KEY } = process.env;
  return {
    ca: tlsCa ?? MIRRORCTL_TLS_CA ?? null,
    cert: tlsCert ?? MIRRORCTL_TLS_CERT ?? null,
    key: tlsKey ?? MIRRORCTL_TLS_KEY ?? null,
  };
}

/** One error, as text or as JSON on standard error; returns the exit code. */
function report(error: unknown): ExitCode {
  const usage = usageExitCode(error);
  if (usage !== undefined && (!json || usage === ExitCode.ok)) return usage; // commander has said it
  const code =
    error instanceof MirrorError
      ? error.code
      : usage === undefined
        ? 'MIRROR_FAILED'
        : 'MIRROR_USAGE';
  const hint = error instanceof CliError ? error.hint : undefined;
  const message = describeError(error);
  if (json) process.stderr.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
  else {
    process.stderr.write(`mirrorctl: ${message}\n`);
    if (hint !== undefined) process.stderr.write(`  ${hint}\n`);
  }
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof FlowSyntaxError || error instanceof ConfigError) return ExitCode.usage;
  return usage ?? ExitCode.failed;
}

const argv = process.argv.slice(2);
const json = argv.includes('--json');
let exitCode: ExitCode = ExitCode.ok;
const program = buildProgram({
  coordinator: process.env['MIRRORCTL_COORDINATOR'] ?? DEFAULT_COORDINATOR,
  context: contextOf,
  onExitCode: (code) => (exitCode = code),
  writeOut: (text) => process.stdout.write(text),
  writeErr: (text) => {
    if (!json) process.stderr.write(text);
  },
});
try {
  if (argv.length === 0) program.outputHelp();
  else await program.parseAsync(argv, { from: 'user' });
} catch (error) {
  exitCode = report(error);
}
process.exitCode = exitCode;
