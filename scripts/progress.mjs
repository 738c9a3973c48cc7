/**
 * One line per step, with its seconds: rewritten in place on a terminal; in a log, printed when the
 * step ends, and every few seconds while it lasts so that a slow download is seen to move.
 */
import { spawn } from 'node:child_process';

const TERMINAL_REFRESH_MS = 200;
const LOG_REFRESH_MS = 5_000;
const OUTPUT_LINES_KEPT_MAX = 400;
const OUTPUT_LINES_SHOWN_MAX = 40;

/** A failure whose message is complete for a reader: printed without a stack. */
export class StepFailed extends Error {}

/**
 * Runs `work(report)`, where `report(detail)` changes the text beside the step's name. A step that
 * returns a string shows it as its result.
 */
export async function step(name, work) {
  const startedMs = performance.now();
  const onTerminal = process.stdout.isTTY === true;
  const elapsed = () => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
  let detail = '';
  const show = () => {
    const line = `  .. ${name}  ${elapsed()}${detail === '' ? '' : `  ${detail}`}`;
    if (onTerminal) process.stdout.write(`\r\x1b[K${line.slice(0, process.stdout.columns ?? 100)}`);
    else process.stdout.write(`${line}\n`);
  };
  const timer = setInterval(show, onTerminal ? TERMINAL_REFRESH_MS : LOG_REFRESH_MS);
  const finish = (mark, result) => {
    clearInterval(timer);
    const start = onTerminal ? '\r\x1b[K' : '';
    process.stdout.write(`${start}  ${mark} ${name}  ${elapsed()}${result ? `  ${result}` : ''}\n`);
  };
  try {
    const result = await work((text) => {
      detail = text;
    });
    finish('ok', typeof result === 'string' ? result : detail);
    return result;
  } catch (error) {
    finish('!!', 'failed');
    throw error;
  }
}

/** Addresses of package registries belong to the machine, not to what this project prints. */
export function withoutHosts(text) {
  return text.replace(/https?:\/\/[^\s/]+/g, '...');
}

/**
 * Runs a command to its end, keeping the last lines of its output; throws `StepFailed` with them
 * when it fails. `onLine` sees each line as it comes.
 */
export function run(command, args, { cwd, env, onLine, input = 'ignore' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: [input, 'pipe', 'pipe'],
    });
    const lines = [];
    for (const stream of [child.stdout, child.stderr]) {
      let rest = '';
      stream.setEncoding('utf8').on('data', (text) => {
        const parts = (rest + text).split(/\r?\n/);
        rest = parts.pop() ?? '';
        for (const line of parts) {
          lines.push(line);
          if (lines.length > OUTPUT_LINES_KEPT_MAX) lines.shift();
          onLine?.(line);
        }
      });
      stream.on('end', () => {
        if (rest !== '') lines.push(rest);
      });
    }
    child.on('error', (error) => reject(new StepFailed(`${command}: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(lines.join('\n'));
      const tail = withoutHosts(lines.slice(-OUTPUT_LINES_SHOWN_MAX).join('\n'));
      reject(new StepFailed(`${command} ended with ${signal ?? code}\n${tail}`));
    });
  });
}
