import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { Service } from '../common/service/run-service.js';
import type { Metrics } from '../common/telemetry/metrics.js';
import { VERSION } from '../common/version.js';
import type { AgentConfig } from '../mirror/config/agent-config.js';
import { registerAgentMetrics } from './agent-metrics.js';
import { AgentSession } from './session/agent-session.js';

export interface StartAgentOptions {
  config: AgentConfig;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}

/** Starts an agent; it is ready once a coordinator has welcomed it. */
export function startAgent(options: StartAgentOptions): Service {
  const { config, clock, log, metrics } = options;
  const session = new AgentSession({ config, version: VERSION, clock, log });
  registerAgentMetrics(metrics, session);
  session.start();
  return {
    addresses: {},
    healthy: () => ({ ok: true }),
    ready: () =>
      session.connected
        ? { ok: true }
        : { ok: false, reasons: [`no session with ${config.coordinators.join(', ')}`] },
    failed: new Promise<Error>(() => undefined),
    close: () => session.close(),
  };
}
