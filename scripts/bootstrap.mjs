/**
 * From a fresh clone to compiled code and real servers: what `npm test` and `npm run demo` do
 * first. Every step is skipped, or quick, when it was done before.
 */
import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './cache.mjs';
import { ensureEtcd, findEtcd } from './fetch-etcd.mjs';
import { ensureKafka, kafkaIsReady } from './fetch-kafka.mjs';
import { checkPrerequisites, EXIT_PREREQUISITE, PrerequisiteMissing } from './prerequisites.mjs';
import { run, step, StepFailed } from './progress.mjs';

function packagesAreCurrent() {
  // npm writes this file last, so an interrupted installation has none.
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  return statSync(installed).mtimeMs >= statSync(join(ROOT, 'package-lock.json')).mtimeMs;
}

async function installPackages() {
  if (packagesAreCurrent()) return;
  await step('packages', async () => {
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', args, { cwd: ROOT });
  });
}

/** Incremental: a second build with nothing changed takes a second or two. */
async function build() {
  await step('build', async () => {
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const output = join(ROOT, 'dist');
    // The compiler would trust a record of output that is no longer there.
    if (!existsSync(join(output, 'common'))) rmSync(output, { recursive: true, force: true });
    await run(process.execPath, [compiler, '-p', 'tsconfig.json'], { cwd: ROOT });
  });
}

async function fetchKafka(version) {
  if (kafkaIsReady(version)) return;
  await step(`Kafka ${version}`, async (report) => void (await ensureKafka(version, report)));
}

/** Without etcd what needs it is skipped or falls back, so its lack is said and not fatal. */
async function fetchEtcd() {
  if (findEtcd() !== undefined) return;
  try {
    await step('etcd', async (report) => void (await ensureEtcd(report)));
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    process.stdout.write(`     ${error.message}; what needs etcd is skipped\n`);
  }
}

/**
 * `kafka` lists the versions to have, `etcd` and `compile` say whether to. Packages come first, so
 * that a failure of the quick steps shows before the downloads.
 */
export async function bootstrap({ kafka = [], etcd = false, compile = true } = {}) {
  await checkPrerequisites();
  await installPackages();
  if (compile) await build();
  for (const version of kafka) await fetchKafka(version);
  if (etcd) await fetchEtcd();
}

/** Runs a script's main function; expected failures end in one message and an exit code. */
export async function runMain(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (error instanceof PrerequisiteMissing) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = EXIT_PREREQUISITE;
    } else if (error instanceof StepFailed) {
      process.stderr.write(`\n${error.message}\n`);
      process.exitCode = 1;
    } else {
      throw error;
    }
  }
}
