import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort, freePorts } from '../kit/free-port.js';
import { isAlive, KIT_FOLDER, removeStaleFolders } from '../kit/guardian.js';
import { ServerProcess } from '../kit/server-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));
const CLEANUP_MS_MAX = 60_000;

interface ChildReport {
  readonly pid: number;
  readonly own: string;
  readonly folder: string;
  readonly port: number;
}

async function startChild(): Promise<{
  report: ChildReport;
  kill: (signal: NodeJS.Signals) => void;
}> {
  const child = spawn(process.execPath, [CHILD], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').once('data', resolve);
    child.once('exit', () => reject(new Error('the child ended early')));
  });
  return { report: JSON.parse(line) as ChildReport, kill: (signal) => child.kill(signal) };
}

async function eventually(what: string, condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + CLEANUP_MS_MAX;
  while (!condition()) {
    assert.ok(performance.now() < deadlineMs, what);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('the guardian', () => {
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
    it(`leaves no process and no folder after ${signal}`, async () => {
      const { report, kill } = await startChild();
      assert.ok(isAlive(report.pid));
      const log = join(report.folder, 'log');
      await eventually('the server starts', () => /\d/.test(readFileSync(log, 'utf8')));
      const grandchild = Number(readFileSync(log, 'utf8'));
      kill(signal);
      await eventually('the server ends', () => !isAlive(report.pid));
      await eventually('its own child ends', () => !isAlive(grandchild));
      await eventually('the folder goes', () => !existsSync(report.own));
    });
  }

  it('removes what a process left that died together with its guardian', async () => {
    const { pid = 0 } = spawn('true');
    await eventually('it ends', () => !isAlive(pid));
    // Another test file that starts meanwhile removes it as well, so it is made elsewhere.
    const made = temporaryFolder();
    writeFileSync(join(made, 'file'), '');
    const folder = join(KIT_FOLDER, `${pid}-stale`);
    renameSync(made, folder);
    removeStaleFolders();
    assert.ok(!existsSync(folder));
  });

  it('kills strays whose folder names a dead process', async () => {
    const { pid = 0 } = spawn('true');
    await eventually('it ends', () => !isAlive(pid));
    const folder = join(KIT_FOLDER, `${pid}-strays`);
    const env = { ...process.env, MIRRORCTL_KIT_FOLDER: folder };
    const stray = spawn('sleep', ['1000'], { env });
    const ended = new Promise((resolve) => stray.once('exit', resolve));
    await new Promise((resolve) => stray.once('spawn', resolve));
    // Last: another test file that starts meanwhile finds the folder, and kills whom it finds then.
    mkdirSync(folder, { recursive: true });
    removeStaleFolders();
    await ended;
    assert.ok(!existsSync(folder));
  });
});

describe('ServerProcess', () => {
  it('fails with the end of the log when the server ends while starting', async () => {
    const logFile = join(temporaryFolder(), 'log');
    const args = ['-c', 'echo this is why; exit 3'];
    const server = new ServerProcess({ name: 'brief', command: 'sh', args, logFile });
    server.launch();
    const ready = server.waitUntil(() => Promise.resolve(false), 5_000);
    await assert.rejects(ready, /brief ended while starting[^]*this is why/);
  });

  it('runs again after it was killed', async () => {
    const logFile = join(temporaryFolder(), 'log');
    const server = new ServerProcess({ name: 'again', command: 'sleep', args: ['1000'], logFile });
    server.launch();
    const first = server.pid;
    await server.kill();
    assert.ok(!server.running);
    server.launch();
    assert.notEqual(server.pid, first);
    await server.kill('SIGSTOP');
    await server.stop();
    assert.ok(!server.running);
  });
});

describe('freePort', () => {
  it('never gives the same port twice', async () => {
    const ports = await freePorts(50);
    assert.equal(new Set(ports).size, 50);
  });

  it('gives a port that nobody listens on', async () => {
    const port = await freePort();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.destroy();
    server.close();
  });

  it('keeps off the ports that another process of the kit took', async () => {
    const { report, kill } = await startChild();
    const ports = await freePorts(20);
    kill('SIGKILL');
    assert.ok(!ports.includes(report.port));
  });
});
