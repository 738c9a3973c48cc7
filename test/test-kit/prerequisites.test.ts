import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../kit/project-root.js';
import { temporaryFolder } from '../kit/temporary-folder.js';

interface Prerequisites {
  readonly javaMajor: (text: string) => number;
  readonly nodeIsEnough: (version: string) => boolean;
}

const FILE = join(projectRoot(), 'scripts', 'prerequisites.mjs');
const { javaMajor, nodeIsEnough } = (await import(FILE)) as Prerequisites;

/** A machine on which Node is all there is, besides what the test puts into the folder. */
function bareMachine(tools: Record<string, string>): string {
  const folder = temporaryFolder('path');
  symlinkSync(process.execPath, join(folder, 'node'));
  for (const [name, output] of Object.entries(tools)) {
    const script = `#!/bin/sh\necho '${output}'\n`;
    writeFileSync(join(folder, name), script, { mode: 0o755 });
  }
  return folder;
}

function runTests(path: string): { status: number | null; stderr: string } {
  const script = join(projectRoot(), 'scripts', 'test.mjs');
  // Without CI=true and without a terminal nothing may be installed.
  const env = { PATH: path, HOME: temporaryFolder('home') };
  return spawnSync(process.execPath, [script], { env, encoding: 'utf8', input: '' });
}

describe('prerequisites', () => {
  it('names all that is missing and the command in one line, and exits 2', () => {
    const { status, stderr } = runTests(bareMachine({}));
    assert.equal(status, 2);
    assert.match(stderr, /^missing: Java 17 or newer and Maven \(mvn\); get it with: .*apt-get/);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
  });

  it('counts a Java that is too old as missing', () => {
    const tools = { java: 'openjdk version "11.0.2"', mvn: 'Apache Maven 3.8.7' };
    const { status, stderr } = runTests(bareMachine(tools));
    assert.equal(status, 2);
    assert.match(stderr, /^missing: Java 17 or newer \(is 11\); get it/);
  });

  it('reads the versions of Java and Node', () => {
    assert.equal(javaMajor('openjdk version "17.0.15" 2025-04-15'), 17);
    assert.equal(javaMajor('java version "1.8.0_392"'), 8);
    assert.equal(javaMajor('openjdk version "25" 2025-09-16'), 25);
    assert.equal(javaMajor('not found'), 0);
    for (const version of ['20.11.0', '20.20.2', '22.0.0']) assert.ok(nodeIsEnough(version));
    for (const version of ['18.20.0', '20.10.9']) assert.ok(!nodeIsEnough(version));
  });
});
