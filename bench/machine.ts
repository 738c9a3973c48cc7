import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';
import { VERSION } from '../common/version.js';
import { projectRoot } from '../test/kit/project-root.js';
import { KAFKA_CURRENT } from '../test/kit/start-kafka.js';
import type { Machine } from './results.js';

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
  };
}

/** What was compared, and on what it ran. */
export function versions(): Record<string, string> {
  return {
    mirrorctl: VERSION,
    node: process.versions.node,
    'Kafka and MirrorMaker 2': KAFKA_CURRENT,
    java: javaVersion(),
  };
}

function javaVersion(): string {
  const text = execFileSync('sh', ['-c', 'java -version 2>&1'], { encoding: 'utf8' });
  return /version "([^"]+)"/.exec(text)?.[1] ?? 'unknown';
}

/** With a mark when the tree had changes that no commit has. */
export function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: projectRoot(), encoding: 'utf8' }).trim();
  try {
    // The results themselves are written by this very run, or by the one before.
    const changed = git(
      'status',
      '--porcelain',
      '--',
      '.',
      ':!docs/benchmarks.*',
      ':!docs/scale.md',
    );
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed === '' ? '' : ', with changes'}`;
  } catch {
    return 'unknown'; // not a checkout
  }
}
