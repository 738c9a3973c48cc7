import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { projectRoot } from './project-root.js';

/**
 * Runs one of the fetch scripts, whose progress goes to standard error. `npm test` and the demo
 * have fetched everything before; this serves a test file that is run alone.
 */
function fetch(script: string, args: readonly string[] = []): boolean {
  const path = join(projectRoot(), 'scripts', script);
  const result = spawnSync(process.execPath, [path, ...args], { stdio: ['ignore', 2, 2] });
  return result.status === 0;
}

/** The folder with that version of Kafka, fetched when it is not there. */
export function kafkaFolder(version: string): string {
  const folder = join(projectRoot(), '.cache', `kafka-${version}`);
  if (!existsSync(join(folder, 'classes.java'))) {
    if (!fetch('fetch-kafka.mjs', [version])) throw new Error(`cannot fetch Kafka ${version}`);
  }
  return folder;
}

/** Thrown where etcd is neither installed nor to be had on this machine. */
export class EtcdUnavailable extends Error {
  readonly code = 'KIT_ETCD_UNAVAILABLE';
}

function etcdPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const paths = [...folders, join(projectRoot(), '.cache', 'etcd')];
  return paths.map((folder) => join(folder, 'etcd')).find((path) => existsSync(path));
}

/** The path of etcd, fetched when it is not there. */
export function etcdBinary(): string {
  const found = etcdPath() ?? (fetch('fetch-etcd.mjs') ? etcdPath() : undefined);
  if (found === undefined) {
    throw new EtcdUnavailable('no etcd on PATH, and none could be built or downloaded');
  }
  return found;
}
