/**
 * `npm test`: installs, builds, fetches, runs every test, prints one summary.
 *
 *   npm test -- --unit            only tests without servers
 *   npm test -- --real            only tests with real brokers and etcd
 *   npm test -- --only PATTERN    only files whose path matches, a regular expression
 *   npm test -- --all             the slow ones as well: elections, bounds (*.slow.test.ts)
 *   npm test -- --dist FOLDER     compiled output elsewhere: neither installs nor builds
 *
 * Real tests are test/e2e/ and every *.real.test.ts; they run two files at a time, because a file may
 * start several brokers. Each file is a process of its own, quiet when it passes.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrap, runMain } from './bootstrap.mjs';
import { ROOT } from './cache.mjs';
import { KAFKA_CURRENT, KAFKA_OLDER } from './fetch-kafka.mjs';
import { StepFailed, withoutHosts } from './progress.mjs';

/** Real tests mostly wait: on 2 busy cores, two at a time put 645 s of files into 338 s. */
const REAL_FILES_AT_ONCE = 2;
const UNIT_MS_MAX = 300_000;
const REAL_MS_MAX = 900_000;
const EXIT_GRACE_MS = 3_000;
const OUTPUT_CHARACTERS_MAX = 200_000;
const FAILING = '\u2716 failing tests:\n';
const REPORTER = new URL('./test-reporter.mjs', import.meta.url).href;
const END_WITH_PARENT = new URL('./end-with-parent.mjs', import.meta.url).href;

/** Sources rather than output: a deleted test leaves its compiled file behind. */
function testFiles(pattern, all) {
  const folder = join(ROOT, 'test');
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${name.split(sep).join('/')}`)
    .filter((path) => pattern === undefined || pattern.test(path))
    .filter((path) => all || !path.endsWith('.slow.test.ts'))
    .sort();
}

function isReal(path) {
  return /^test\/e2e\/|\.(real|slow)\.test\.ts$/.test(path);
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

function readCounts(path, exitedWell) {
  // The line that it was stopped in is none.
  const line = existsSync(path) ? readFileSync(path, 'utf8').split('\n').at(-2) : undefined;
  const none = { passed: 0, failed: 0, skipped: 0, reasons: [], failures: [], running: [] };
  const counts = line === undefined ? none : JSON.parse(line);
  // It crashed, was stopped, or failed outside any test.
  if (!exitedWell && counts.failed === 0) counts.failed = 1;
  return counts;
}

/** The specification's report comes at the end of a file, and this one had none. */
function describeStop({ failures, running }, timeoutMs) {
  const at =
    running.length > 0
      ? `while this ran: ${running.join(' > ')}`
      : 'with no test running: something that the tests left open keeps the process alive';
  return `\nstopped after ${seconds(timeoutMs)}, ${at}\n${failures.join('\n')}\n`;
}

/** What the spec reporter says of the failed tests; all of it when it did not come so far. */
function failuresIn(path) {
  if (!existsSync(path)) return '';
  const text = readFileSync(path, 'utf8');
  const failing = text.lastIndexOf(FAILING);
  return failing < 0 ? text : text.slice(failing + FAILING.length);
}

/** Runs one file to its end: the counts, the time, and what it printed. */
function runFile(file, { dist, timeoutMs, work }) {
  const compiled = join(dist, file.replace(/\.ts$/, '.js'));
  const startedMs = performance.now();
  const destination = join(work, file.replaceAll('/', '_'));
  const specification = `${destination}.spec`;
  const reporters = [
    ...['--test-reporter=spec', `--test-reporter-destination=${specification}`],
    ...[`--test-reporter=${REPORTER}`, `--test-reporter-destination=${destination}`],
  ];
  return new Promise((done) => {
    const flags = ['--enable-source-maps', '--import', END_WITH_PARENT, ...reporters];
    const child = spawn(process.execPath, [...flags, compiled], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? '1' : '0' },
    });
    let output = '';
    let timedOut = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output = (output + text).slice(-OUTPUT_CHARACTERS_MAX);
      });
    }
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), EXIT_GRACE_MS).unref();
    }, timeoutMs);
    child.on('close', (code) => {
      clearTimeout(timer);
      const counts = readCounts(destination, code === 0);
      if (timedOut) output += describeStop(counts, timeoutMs);
      else if (counts.failed > 0) output += failuresIn(specification);
      done({ file, ms: performance.now() - startedMs, output, ...counts });
    });
  });
}

function printFile({ file, passed, failed, skipped, reasons, ms, output }) {
  const mark = failed > 0 ? '!!' : 'ok';
  const counts = [`${passed} passed`];
  if (failed > 0) counts.push(`${failed} failed`);
  if (skipped > 0) counts.push(`${skipped} skipped`);
  process.stdout.write(`  ${mark} ${file}  ${counts.join(', ')}  ${seconds(ms)}\n`);
  for (const reason of reasons) process.stdout.write(`     skipped: ${reason}\n`);
  if (failed > 0) process.stdout.write(`${withoutHosts(output).trimEnd()}\n\n`);
}

async function runGroup(name, files, { concurrency, ...options }) {
  const startedMs = performance.now();
  if (files.length > 0) process.stdout.write(`\n${name} tests\n`);
  const waiting = [...files];
  const results = [];
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await runFile(file, options);
      printFile(result);
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const sum = (field) => results.reduce((total, result) => total + result[field], 0);
  return {
    name,
    files: files.length,
    passed: sum('passed'),
    failed: sum('failed'),
    skipped: sum('skipped'),
    ms: performance.now() - startedMs,
  };
}

function printSummary(groups) {
  const sum = (field) => groups.reduce((total, group) => total + group[field], 0);
  const [passed, failed] = [sum('passed'), sum('failed')];
  process.stdout.write('\n');
  for (const { name, files, passed, failed, skipped, ms } of groups) {
    const cells = [`${files} files`, `${passed} passed`, `${failed} failed`, `${skipped} skipped`];
    const row = cells.map((cell) => cell.padStart(13)).join('');
    process.stdout.write(`  ${name.padEnd(5)}${row}${seconds(ms).padStart(11)}\n`);
  }
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  return { passed, failed };
}

function readArguments() {
  const option = { type: 'boolean', default: false };
  const text = { type: 'string' };
  try {
    const { values } = parseArgs({
      options: { unit: option, real: option, all: option, only: text, dist: text },
    });
    const both = values.unit === values.real;
    return {
      unit: both || values.unit,
      real: both || values.real,
      all: values.all,
      pattern: values.only === undefined ? undefined : new RegExp(values.only),
      dist: values.dist === undefined ? undefined : resolve(values.dist),
    };
  } catch (error) {
    throw new StepFailed(
      `${error.message}\nusage: npm test -- [--unit|--real] [--all] [--only PATTERN]`,
    );
  }
}

async function main() {
  const { unit, real, all, pattern, dist } = readArguments();
  const files = testFiles(pattern, all);
  const unitFiles = unit ? files.filter((file) => !isReal(file)) : [];
  const realFiles = real ? files.filter(isReal) : [];
  const kafka = realFiles.length > 0 ? [KAFKA_CURRENT, KAFKA_OLDER] : [];
  if (dist === undefined) await bootstrap({ kafka, etcd: real });
  const work = mkdtempSync(join(tmpdir(), 'mirrorctl-test-'));
  const options = { dist: dist ?? join(ROOT, 'dist'), work };
  const groups = [];
  try {
    const concurrency = Math.max(2, availableParallelism());
    groups.push(
      await runGroup('unit', unitFiles, { ...options, concurrency, timeoutMs: UNIT_MS_MAX }),
    );
    groups.push(
      await runGroup('real', realFiles, {
        ...options,
        concurrency: REAL_FILES_AT_ONCE,
        timeoutMs: REAL_MS_MAX,
      }),
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const { passed, failed } = printSummary(groups.filter((group) => group.files > 0));
  if (passed + failed === 0) process.stderr.write('no test ran\n');
  return passed > 0 && failed === 0 ? 0 : 1;
}

await runMain(main);
