/**
 * `npm run demo`, from a fresh clone: checks the prerequisites, installs, builds, fetches Kafka and
 * etcd, then runs dist/test/demo/main.js with the same arguments and ends with its exit code.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { bootstrap, runMain } from './bootstrap.mjs';
import { ROOT } from './cache.mjs';
import { ensureEtcd, findEtcd } from './fetch-etcd.mjs';
import { ensureKafka, KAFKA_CURRENT, kafkaIsReady } from './fetch-kafka.mjs';
import { step, StepFailed } from './progress.mjs';

const EXIT_USAGE = 2;
const OPTIONS = ['--keep', '--embedded', '--help'];
const END_WITH_PARENT = new URL('./end-with-parent.mjs', import.meta.url).href;

const HELP = `npm run demo [-- --keep] [-- --embedded]

Two real Kafka clusters, an application that uses one of them, and its end: mirrors it, kills an
agent, kills the cluster, fails over, and compares every record by its unique id. The first run
installs, builds and fetches what it needs.

  --keep       leave everything running afterwards, and print addresses and commands to try
  --embedded   without etcd: mirror-maker, in one process, instead of a coordinator and two agents
  --help       this text

Exit codes: 0 PASS, 1 FAIL or something did not work, 2 usage or a prerequisite is missing.
`;

/** Both at once: Maven waits for the network while Go compiles. The demo can do without etcd. */
async function fetchServers({ etcd }) {
  const missing = [];
  if (!kafkaIsReady(KAFKA_CURRENT)) missing.push('Kafka');
  if (etcd && findEtcd() === undefined) missing.push('etcd');
  if (missing.length === 0) return;
  let etcdFailure;
  await step(missing.join(' and '), async (report) => {
    const details = new Map();
    const reportFor = (name) => (detail) => {
      details.set(name, detail);
      report([...details].map(([of, text]) => `${of}: ${text}`).join('; '));
    };
    const works = [];
    if (missing.includes('Kafka')) works.push(ensureKafka(KAFKA_CURRENT, reportFor('Kafka')));
    if (missing.includes('etcd')) {
      const ensured = ensureEtcd(reportFor('etcd')).catch((error) => {
        if (!(error instanceof StepFailed)) throw error;
        etcdFailure = error.message;
        reportFor('etcd')('cannot be had');
      });
      works.push(ensured);
    }
    const results = await Promise.allSettled(works);
    for (const { reason } of results) if (reason !== undefined) throw reason;
  });
  if (etcdFailure !== undefined) process.stdout.write(`     ${etcdFailure}\n`);
}

/** Its standard input is a pipe that the kernel closes with this process: it ends with it. */
function runDemo(args) {
  const main = join(ROOT, 'dist', 'test', 'demo', 'main.js');
  const flags = ['--enable-source-maps', '--import', END_WITH_PARENT];
  const child = spawn(process.execPath, [...flags, main, ...args], {
    cwd: ROOT,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  // Ctrl-C reaches both; this process waits until the other has cleaned up.
  process.on('SIGINT', () => undefined);
  for (const name of ['SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

async function main() {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = args.find((arg) => !OPTIONS.includes(arg));
  if (unknown !== undefined) {
    process.stderr.write(`demo: unknown option ${unknown}; try npm run demo -- --help\n`);
    return EXIT_USAGE;
  }
  await bootstrap();
  const embedded = args.includes('--embedded');
  await fetchServers({ etcd: !embedded });
  // Looked for once, here: the demo itself must not try every way again.
  const without = embedded || findEtcd() !== undefined ? [] : ['--without-etcd'];
  return await runDemo([...args, ...without]);
}

await runMain(main);
