import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TIDY = fileURLToPath(new URL('../../../scripts/tidy.js', import.meta.url));

/** Runs the check in a repository that holds just these files. */
async function tidy(files: Record<string, string>): Promise<{ code: number; output: string }> {
  const root = await fs.mkdtemp(path.join(os.tmpdir(), 'tidy-'));
  try {
    await run('git', ['init', '--quiet'], { cwd: root });
    for (const [name, text] of Object.entries(files)) {
      await fs.mkdir(path.dirname(path.join(root, name)), { recursive: true });
      await fs.writeFile(path.join(root, name), text);
    }
    const { stdout } = await run(process.execPath, [TIDY], { cwd: root });
    return { code: 0, output: stdout };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { code, output: stdout };
  } finally {
    await fs.rm(root, { recursive: true });
  }
}

describe('tidy, as a program', () => {
  it('prints each problem with its place, then the count, and exits 1', async () => {
    const { code, output } = await tidy({ 'common/a.ts': "\nimport '../kafka/b.js';\n" });

    assert.equal(code, 1);
    assert.equal(
      output,
      'common/a.ts:2: common/ must not import kafka/b.ts\n1 files, 1 problems\n',
    );
  });

  it('exits 0 when there is none, and leaves ignored files alone', async () => {
    const { code, output } = await tidy({
      '.gitignore': 'dist/\n',
      'common/a.ts': 'export const a = 1;\n',
      'dist/common/index.ts': 'export {};\n',
    });

    assert.equal(code, 0);
    assert.equal(output, '1 files, 0 problems\n');
  });
});
