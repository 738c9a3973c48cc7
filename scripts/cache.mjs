/**
 * The git-ignored folder `.cache`: every entry appears in it complete, by a rename, and is made by
 * one process at a time, however many ask.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { StepFailed } from './progress.mjs';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const CACHE = join(ROOT, '.cache');

/** A cold build of etcd takes three minutes on two slow cores. */
const LOCK_WAIT_MS_MAX = 15 * 60_000;
const LOCK_POLL_MS = 300;

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** A lock is a file with its holder's pid; one whose holder is dead is taken over. */
async function lock(path) {
  const deadlineMs = performance.now() + LOCK_WAIT_MS_MAX;
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    try {
      const holder = Number(readFileSync(path, 'utf8'));
      if (holder > 0 && !alive(holder)) rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    if (performance.now() > deadlineMs) throw new StepFailed(`waited too long for ${path}`);
    await sleep(LOCK_POLL_MS);
  }
}

/** Runs `work` while holding the named lock. */
export async function locked(name, work) {
  mkdirSync(CACHE, { recursive: true });
  const path = join(CACHE, `${name}.lock`);
  await lock(path);
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/**
 * The path of a cache entry; `fill(folder)` makes its content when it is missing, in a temporary
 * folder that takes the entry's place only once complete.
 */
export async function cached(name, fill) {
  const path = join(CACHE, name);
  if (existsSync(path)) return path;
  return await locked(name, async () => {
    if (existsSync(path)) return path;
    const partial = `${path}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    await fill(partial);
    renameSync(partial, path);
    return path;
  });
}
