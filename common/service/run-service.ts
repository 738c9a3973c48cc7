import { describeError, TimeoutError } from '../errors.js';
import type { Logger } from '../log.js';
import type { Metrics } from '../telemetry/metrics.js';
import { HttpEndpoint, type ProbeAnswer } from './http-endpoint.js';
import { parseListenAddress } from './listen-address.js';

/** How long a service may take to drain after SIGTERM before it is given up. */
export const DRAIN_LIMIT_MS = 30_000;

/** What a program runs between its ready line and SIGTERM. */
export interface Service {
  /** Bound addresses by name, for the ready line: `{ grpc: '127.0.0.1:7700' }`. */
  addresses: Readonly<Record<string, string>>;
  healthy: () => ProbeAnswer;
  ready: () => ProbeAnswer;
  /** Settles when the service ended by itself, which only a fault makes it do. */
  failed: Promise<Error>;
  close: () => Promise<void>;
}

export interface RunServiceOptions {
  version: string;
  log: Logger;
  metrics: Metrics;
  http: { key: string; listen: string };
  /** How long a drain may take; DRAIN_LIMIT_MS unless told. */
  drainLimitMs?: number;
  start: (shutdown: AbortSignal) => Promise<Service>;
}

/**
 * The life of a service process: start, one JSON ready line, serve until SIGTERM or SIGINT, drain,
 * and the exit code: 0 after a drain, 1 after a fault. A second signal ends it at once.
 */
export async function runService(options: RunServiceOptions): Promise<number> {
  const { log } = options;
  const shutdown = shutdownSignal();
  let service: Service | undefined;
  const starting: ProbeAnswer = { ok: false, reasons: ['starting'] };
  const endpoint = await HttpEndpoint.open({
    key: options.http.key,
    listen: parseListenAddress(options.http.key, options.http.listen),
    metrics: options.metrics,
    healthy: () => service?.healthy() ?? { ok: true },
    ready: () =>
      shutdown.aborted ? { ok: false, reasons: ['draining'] } : (service?.ready() ?? starting),
  });
  try {
    service = await options.start(shutdown);
    log.info({ version: options.version, http: endpoint.address, ...service.addresses }, 'ready');
    const fault = await Promise.race([service.failed, aborted(shutdown)]);
    if (fault !== undefined) log.fatal({ error: describeError(fault) }, 'failed');
    else log.info('draining');
    await withinDrainLimit(service.close(), options.drainLimitMs ?? DRAIN_LIMIT_MS);
    log.info('stopped');
    return fault === undefined ? 0 : 1;
  } catch (error) {
    if (shutdown.aborted && service === undefined) return 0;
    throw error;
  } finally {
    await endpoint.close();
  }
}

/** Aborted by the first SIGTERM or SIGINT; the second ends the process at once. */
function shutdownSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.kill(process.pid, 'SIGKILL');
      controller.abort();
    });
  }
  return controller.signal;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

async function withinDrainLimit(closing: Promise<void>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError('draining', limitMs)), limitMs);
  });
  try {
    await Promise.race([closing, limit]);
  } finally {
    clearTimeout(timer);
  }
}
