/**
 * Run by guardian.test.ts as a process of its own, to be killed: takes a folder and a port and
 * starts a server under a guardian, says what it has, and then waits for ever.
 */
import { join } from 'node:path';
import { freePort } from '../kit/free-port.js';
import { ownFolder } from '../kit/guardian.js';
import { ServerProcess } from '../kit/server-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';

const folder = temporaryFolder('child');
const port = await freePort();
// Ignores SIGTERM and has a child of its own: nothing but SIGKILL to the whole group ends it.
const script = "trap '' TERM; sleep 1000 & echo $!; wait";
const options = { name: 'stubborn', command: 'sh', args: ['-c', script] };
const server = new ServerProcess({ ...options, logFile: join(folder, 'log') });
server.launch();
process.stdout.write(`${JSON.stringify({ pid: server.pid, own: ownFolder(), folder, port })}\n`);
setInterval(() => undefined, 1_000_000);
