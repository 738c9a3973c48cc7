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

/** Ends with the benchmark's code; its brokers end with it, however it ends. */
function runBench(args) {
  return new Promise((resolve, reject) => {
    const program = join(ROOT, 'dist', 'bench', 'main.js');
    const child = spawn(process.execPath, ['--enable-source-maps', program, ...args], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

async function main() {
  const args = process.argv.slice(2);
  await bootstrap({ kafka: args.includes('--micro') ? [] : [KAFKA_CURRENT] });
  const code = await runBench(args);
  const written = ['benchmarks.json', 'benchmarks.md']
    .map((name) => join(ROOT, 'docs', name))
    .filter((path) => existsSync(path));
  const prettier = join(ROOT, 'node_modules', 'prettier', 'bin', 'prettier.cjs');
  if (written.length > 0) await run(process.execPath, [prettier, '--write', ...written]);
  return code;
}

await runMain(main);
