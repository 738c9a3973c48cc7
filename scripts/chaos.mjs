/**
 * `npm run chaos`: installs, builds and fetches what is missing, then runs dist/test/chaos/main.js
 * with the same arguments and ends with its exit code.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { bootstrap, runMain } from './bootstrap.mjs';
import { ROOT } from './cache.mjs';
import { KAFKA_CURRENT } from './fetch-kafka.mjs';

const END_WITH_PARENT = new URL('./end-with-parent.mjs', import.meta.url).href;

/** Its standard input is a pipe that the kernel closes with this process: it ends with it. */
function runChaos(args) {
  const main = join(ROOT, 'dist', 'test', 'chaos', 'main.js');
  const flags = ['--enable-source-maps', '--import', END_WITH_PARENT];
  const child = spawn(process.execPath, [...flags, main, ...args], {
    cwd: ROOT,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

async function main() {
  const args = process.argv.slice(2);
  const asksForHelp = args.includes('--help') || args.includes('-h');
  await bootstrap(asksForHelp ? {} : { kafka: [KAFKA_CURRENT], etcd: true });
  return await runChaos(args);
}

await runMain(main);
