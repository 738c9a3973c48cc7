import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { startProcess } from '../kit/start-process.js';

const PROGRAM = 'test/test-kit/ready-child.js';

describe('startProcess', () => {
  it('returns when the program is ready, and keeps its log', async () => {
    const started = await startProcess({ name: 'ready', args: [PROGRAM] });
    assert.equal(started.readyLine['listen'], '127.0.0.1:7700');
    assert.deepEqual(await started.stop(), { code: 0, signal: null });
    await started.waitForLine((line) => line['msg'] === 'drained');
    assert.match(readFileSync(started.logFile, 'utf8'), /"starting"[^]*"drained"/);
  });

  it('has all that a program said when its end is known', async () => {
    for (let run = 0; run < 5; run += 1) {
      const started = await startProcess({ name: 'talking', args: [PROGRAM, 'talk'] });
      await started.stop();
      assert.equal(started.lines.at(-1)?.['msg'], 'drained');
    }
  });

  it('tells a killed program from one that ended', async () => {
    const started = await startProcess({ name: 'killed', args: [PROGRAM] });
    await started.kill('SIGKILL');
    assert.deepEqual(await started.exit(), { code: null, signal: 'SIGKILL' });
    assert.ok(!started.running);
  });

  it('stops a program that was frozen', async () => {
    const started = await startProcess({ name: 'frozen', args: [PROGRAM] });
    await started.kill('SIGSTOP');
    assert.deepEqual(await started.stop(), { code: 0, signal: null });
  });

  it('fails with the end of the log when the program ends before it is ready', async () => {
    const started = startProcess({ name: 'failing', args: [PROGRAM, 'fail'] });
    await assert.rejects(started, /failing ended with 2 [^]*listen is not an address/);
  });

  it('fails when the line does not come in time', async () => {
    const readyMatch = (): boolean => false;
    const started = startProcess({ name: 'late', args: [PROGRAM], readyMatch, readyMsMax: 300 });
    await assert.rejects(started, /late did not log that line within 300 ms/);
  });
});
