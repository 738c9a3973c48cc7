import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Socket } from 'node:net';

/**
 * Nothing the kit starts outlives the process that asked for it, not even when that process is
 * killed with SIGKILL:
 *
 *   this process --pipe--> guardian (its own session)
 *        |                     on end of file: kill every registered group, remove the folder
 *        +--gate--> server     waits in `sh` until it is registered, then becomes the server
 *
 * The kernel closes the pipe however this process ends, so the guardian always hears of it. The
 * gate closes the window between a server's start and its registration.
 */
const GUARDIAN_SCRIPT = `
groups=
while read -r verb group; do
  case $verb in
    start) groups="$groups $group " ;;
    end) groups=$(printf %s "$groups" | sed "s/ $group //") ;;
  esac
done
for group in $groups; do kill -KILL "-$group" 2>/dev/null; done
for try in 1 2 3 4 5; do rm -rf "$1" 2>/dev/null && break; sleep 0.2; done
`;

/** Every process of the kit carries its folder in this variable, so that strays can be told. */
const FOLDER_VARIABLE = 'MIRRORCTL_KIT_FOLDER';
const FOLDER_NAME = /^(\d+)-/;

export const KIT_FOLDER = join(tmpdir(), 'mirrorctl-kit');

/** A file per port that a process of the kit took, with that process's id. */
export const PORTS_FOLDER = join(KIT_FOLDER, 'ports');

interface Guardian {
  /** Holds every temporary folder of this process; removed when the process ends. */
  readonly folder: string;
  readonly pipe: Socket;
}

let guardian: Guardian | undefined;

/** Whether a process still runs; one that only waits to be collected by its parent does not. */
export function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  // In `pid (name) state ...` the name may hold anything, so the state is sought from the end.
  const stat = readProcessFile(pid, 'stat');
  return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
}

/** The process id written in a file; -1, which no process has, when it is gone. */
export function readPid(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return -1;
  }
}

function readProcessFile(pid: number | string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return ''; // It ended meanwhile, belongs to another user, or this system has no /proc.
  }
}

function killStrays(folder: string): void {
  // Without /proc there is no telling whose a process is.
  const names = existsSync('/proc') ? readdirSync('/proc') : [];
  for (const pid of names.filter((name) => /^\d+$/.test(name))) {
    if (!readProcessFile(pid, 'environ').split('\0').includes(`${FOLDER_VARIABLE}=${folder}`))
      continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
}

/** What a process left that was killed together with its guardian. */
export function removeStaleFolders(): void {
  for (const name of readdirSync(KIT_FOLDER)) {
    const pid = Number(FOLDER_NAME.exec(name)?.[1] ?? 0);
    if (pid === 0 || isAlive(pid)) continue;
    const folder = join(KIT_FOLDER, name);
    killStrays(folder);
    // Who was killed a moment ago may still have been writing.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
  for (const name of existsSync(PORTS_FOLDER) ? readdirSync(PORTS_FOLDER) : []) {
    const path = join(PORTS_FOLDER, name);
    const pid = readPid(path);
    // Zero is a file not written yet.
    if (pid !== 0 && !isAlive(pid)) rmSync(path, { force: true });
  }
}

function theGuardian(): Guardian {
  if (guardian !== undefined) return guardian;
  mkdirSync(KIT_FOLDER, { recursive: true });
  removeStaleFolders();
  const folder = mkdtempSync(join(KIT_FOLDER, `${process.pid}-`));
  const child = spawn('sh', ['-c', GUARDIAN_SCRIPT, 'guardian', folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const pipe = child.stdin as Socket;
  // Neither may keep this process alive: its end is what the guardian waits for.
  child.unref();
  pipe.unref();
  pipe.on('error', () => undefined); // Somebody killed the guardian; the servers still work.
  guardian = { folder, pipe };
  return guardian;
}

/** The folder under which everything of this process lies. */
export function ownFolder(): string {
  return theGuardian().folder;
}

export interface GuardedOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Where its output goes: an open file, or `pipe` for this process to read. */
  readonly output: number | 'pipe';
}

/**
 * Starts a process, in a group of its own, that ends with this one. It does not keep this process
 * alive; a caller that waits for it takes a reference meanwhile.
 */
export function spawnGuarded(options: GuardedOptions): ChildProcess & { readonly pid: number } {
  const { folder, pipe } = theGuardian();
  const gate = 'read -r _ <&3 || exit 1; exec 3<&-; exec "$@"';
  const child = spawn('sh', ['-c', gate, 'gate', options.command, ...options.args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env, [FOLDER_VARIABLE]: folder },
    detached: true,
    stdio: ['ignore', options.output, options.output, 'pipe'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${options.command}: sh is missing`);
  pipe.write(`start ${pid}\n`);
  child.once('exit', () => pipe.write(`end ${pid}\n`));
  const gateway = child.stdio[3] as Socket;
  gateway.on('error', () => undefined); // It was killed before it read; its exit tells.
  gateway.end('go\n');
  child.unref();
  (child.stdout as Socket | null)?.unref();
  (child.stderr as Socket | null)?.unref();
  return child as ChildProcess & { readonly pid: number };
}
