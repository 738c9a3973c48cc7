import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { compiledRoot } from '../kit/project-root.js';

/** It ends by itself: each of its waits has a limit. */
const DEMO_MS_MAX = 600_000;

interface Run {
  code: number | string | null | undefined;
  out: string;
}

function demo(): Promise<Run> {
  const program = join(compiledRoot(), 'test', 'demo', 'main.js');
  return new Promise((resolve) => {
    execFile(process.execPath, [program], { timeout: DEMO_MS_MAX }, (error, out, err) => {
      resolve({ code: error === null ? 0 : error.code, out: `${out}\n${err}` });
    });
  });
}

// The whole story on the whole system: two clusters, etcd, a coordinator and two agents as processes;
// an agent killed in mid-flight, the source killed in mid-write, a promotion, and the same group going
// on. The demo counts by unique id and judges itself; see test/demo/verdict.ts.
describe('the demo', () => {
  it('loses no more than it reports, and repeats and skips nothing', async () => {
    const { code, out } = await demo();
    assert.equal(code, 0, out);
    assert.match(out, /PASS/);
  });
});
