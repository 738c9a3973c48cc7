import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { PORTS_FOLDER } from './guardian.js';

/** Below the range from which systems take the local ports of outgoing connections. */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;
const TRIES_MAX = 2_000;

let next = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));

/** Takes the port for this process, so that a stopped server finds its own still free. */
function reserve(port: number): boolean {
  mkdirSync(PORTS_FOLDER, { recursive: true });
  const path = join(PORTS_FOLDER, String(port));
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** A port that nobody listens on and no other process of the kit gets while this one lives. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = next;
    next = next + 1 >= PORT_MAX ? PORT_MIN : next + 1;
    if (reserve(port) && (await canBind(port))) return port;
  }
  throw new Error(`no free port after ${TRIES_MAX} tries`);
}

export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}
