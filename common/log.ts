import { pino, type Logger } from 'pino';

export type { Logger };

/**
 * One JSON line per event on standard output. `level` is a pino level name; the default comes from
 * the composition root, never from the environment here.
 */
export function createLogger(service: string, level: string): Logger {
  return pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}

/** A logger that writes nothing: for tests and for library calls that have none. */
export const silentLogger: Logger = pino({ level: 'silent' });
