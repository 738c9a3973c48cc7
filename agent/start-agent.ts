import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { Service } from '../common/service/run-service.js';
import type { Metrics } from '../common/telemetry/metrics.js';
import { VERSION } from '../common/version.js';
import { initCodecs } from '../kafka/records/compression.js';
import type { AgentConfig } from '../mirror/config/agent-config.js';
import { registerAgentMetrics } from './agent-metrics.js';
import { registerMm2SourceMetrics } from './mm2-metrics.js';
import { AgentSession, type AgentSessionOptions } from './session/agent-session.js';

export interface StartAgentOptions {
  config: AgentConfig;
  loadFlows: AgentSessionOptions['loadFlows'];
  clusters?: AgentSessionOptions['clusters'];
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}

/** Starts an agent; it is ready once a coordinator has welcomed it. */
export async function startAgent(options: StartAgentOptions): Promise<Service> {
  const { config, loadFlows, clusters, clock, log, metrics } = options;
  await initCodecs();
  const session = new AgentSession({ config, loadFlows, clusters, version: VERSION, clock, log });
  registerAgentMetrics(metrics, session);
  registerMm2SourceMetrics(metrics, { session, clock });
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
