/**
 * `npm run bench`: from a fresh clone to measured results. See bench/bench-options.ts for the
 * options; they are passed on as they are.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, runMain } from './bootstrap.mjs';
import { ROOT } from './cache.mjs';
import { run } from './progress.mjs';

const KAFKA_CURRENT = '4.3.0';

/** The core alone, with a million partitions in memory. */
const SCALE_FLAGS = ['--expose-gc', '--max-old-space-size=8192'];

/** Ends with the benchmark's code; its brokers end with it, however it ends. */
function runBench(args) {
  const scale = args.includes('--scale');
  const part = ['scale', 'agents'].find((name) => args.includes(`--${name}`));
  const program = join(ROOT, 'dist', 'bench', ...(part === undefined ? [] : [part]), 'main.js');
  const flags = scale ? SCALE_FLAGS : ['--enable-source-maps'];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...flags, program, ...args], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

async function main() {
  const args = process.argv.slice(2);
  const brokers = !args.includes('--micro') && !args.includes('--scale');
  const etcd = args.includes('--agents');
  await bootstrap({ kafka: brokers ? [KAFKA_CURRENT] : [], etcd });
  const code = await runBench(args);
  const written = ['benchmarks.json', 'benchmarks.md', 'scale.md']
    .map((name) => join(ROOT, 'docs', name))
    .filter((path) => existsSync(path));
  const prettier = join(ROOT, 'node_modules', 'prettier', 'bin', 'prettier.cjs');
  if (written.length > 0) await run(process.execPath, [prettier, '--write', ...written]);
  return code;
}

await runMain(main);
