/**
 * Loaded with `--import` into one of our processes: its wall clock, as everything in it sees it, is
 * set forwards or back by the milliseconds in the file JUMP_FILE, which it reads when it starts, and again at each SIGUSR2.
 * The monotonic clock and timers go on as they are, as on a machine whose time is set.
 */
import { readFileSync } from 'node:fs';

const RealDate = Date;
let offsetMs = readOffset();

function readOffset(): number {
  return Number(readFileSync(process.env['JUMP_FILE'] ?? '', 'utf8'));
}

const now = (): number => RealDate.now() + offsetMs;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
  apply: () => new RealDate(now()).toString(),
  get: (target, property, receiver) =>
    property === 'now' ? now : (Reflect.get(target, property, receiver) as unknown),
});

process.on('SIGUSR2', () => (offsetMs = readOffset()));
