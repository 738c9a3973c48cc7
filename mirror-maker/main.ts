#!/usr/bin/env node
import { hostname } from 'node:os';

import { startAgent } from '../agent/start-agent.js';
import { MirrorMaker2RunsError } from '../agent/takeover/mm2-leftovers.js';
import { systemClock } from '../common/clock.js';
import { formatProblems } from '../common/config/problems.js';
import { splitList } from '../common/config/values.js';
import { ClosedError } from '../common/errors.js';
import { createLogger, type Logger } from '../common/log.js';
import { runMain } from '../common/service/run-main.js';
import { runService, type Service } from '../common/service/run-service.js';
import { Metrics } from '../common/telemetry/metrics.js';
import { VERSION } from '../common/version.js';
import {
  ConfigReloader,
  type ConfigReloaderOptions,
} from '../coordinator/service/config-reloader.js';
import { startCoordinator } from '../coordinator/service/start-coordinator.js';
import { InProcessLeaseStore } from '../coordinator/store/in-process-lease-store.js';
import { loadAgentConfig, type AgentConfig } from '../mirror/config/agent-config.js';
import type { MirrorConfig } from '../mirror/config/mirror-config.js';
import { loadMirrorConfig } from '../mirror/config/mm2-config.js';
import { readConfigText, referenceResolver } from '../mirror/config/read-config.js';
import { freeDefault } from './free-default.js';
import { HandBackError, handBack } from './hand-back.js';
import { onlyTargets } from './only-targets.js';

const HELP = `mirror-maker mm2.properties [--clusters B,C] [--hand-back]

Mirrors clusters as connect-mirror-maker.sh does, from the same configuration file, in one process:
coordinator and agent together, without etcd.

  --clusters B,C   run only the flows whose target is one of these; behind the file also --clusters B C
  --hand-back      copy nothing: let MirrorMaker 2 go on exactly where this stopped, and end

Additional keys of mm2.properties:
  coordinator.listen        where mirrorctl finds it (127.0.0.1:7700)
  coordinator.http.listen   /healthz, /readyz and /metrics (127.0.0.1:7780)

Changes of the file are applied within seconds, and on SIGHUP; what needs a restart is logged.

Example:
  mirror-maker /etc/kafka/mm2.properties
  mirrorctl status

Environment: LOG_LEVEL (trace, debug, info, warn, error; info if absent).
Exit codes: 0 drained after SIGTERM, 1 failed, 2 usage or configuration, 4 --hand-back refused.
`;

const EXIT_REFUSED = 4;

interface Standalone {
  file: Pick<ConfigReloaderOptions, 'path' | 'text' | 'load'>;
  config: MirrorConfig;
  agent: AgentConfig;
  log: Logger;
  metrics: Metrics;
}

await runMain({
  name: 'mirror-maker',
  help: HELP,
  argv: process.argv.slice(2),
  valueOptions: ['clusters'],
  listOptions: ['clusters'],
  flagOptions: ['hand-back'],
  exit: (code) => process.exit(code),
  run: async (path, { clusters, 'hand-back': handsBack }) => {
    const log = createLogger('mirror-maker', process.env['LOG_LEVEL'] ?? 'info');
    const text = await readConfigText(path);
    const source = { path, text, resolveReference: referenceResolver(process.env) };
    const load = (read: string): MirrorConfig => {
      const loaded = loadMirrorConfig({ ...source, text: read, requireSourceBootstrap: true });
      return clusters === undefined ? loaded : onlyTargets(loaded, clusters);
    };
    const loaded = load(text);
    if (loaded.warnings.length > 0) process.stderr.write(`${formatProblems(loaded.warnings)}\n`);
    if (handsBack !== undefined) {
      const say = (line: string): unknown => process.stdout.write(`${line}\n`);
      try {
        await handBack({ config: loaded, clock: systemClock, log, say }, signalOfEnd());
        return 0;
      } catch (error) {
        if (!(error instanceof HandBackError || error instanceof MirrorMaker2RunsError))
          throw error;
        process.stderr.write(`mirror-maker: ${error.message}\n`);
        return EXIT_REFUSED;
      }
    }
    const config = await withFreeAddresses(loaded, log);
    const agent = loadAgentConfig({ ...source, hostname: hostname(), standalone: true });
    const metrics = new Metrics();
    return runService({
      version: VERSION,
      log,
      metrics,
      http: { key: 'coordinator.http.listen', listen: config.coordinator.httpListen },
      drainLimitMs: agent.drainTimeoutMs,
      start: () => start({ file: { path, text, load }, config, agent, log, metrics }),
    });
  },
});

/** Aborted by Ctrl-C. */
function signalOfEnd(): AbortSignal {
  const end = new AbortController();
  process.once('SIGINT', () => end.abort(new ClosedError('mirror-maker')));
  return end.signal;
}

/** One process reaches every cluster of its file, unless the file says otherwise. */
function reachable({ properties, clusters }: MirrorConfig): string[] {
  const named = splitList(properties.get('agent.clusters')?.value ?? '');
  return named.length > 0 ? named : [...clusters.keys()];
}

/** Only where the file does not say where to listen. */
async function withFreeAddresses(config: MirrorConfig, log: Logger): Promise<MirrorConfig> {
  const { coordinator, properties } = config;
  const free = (key: string, listen: string): Promise<string> =>
    freeDefault({ key, listen, explicit: properties.has(key) }, log);
  const listen = await free('coordinator.listen', coordinator.listen);
  const httpListen = await free('coordinator.http.listen', coordinator.httpListen);
  return { ...config, coordinator: { ...coordinator, listen, httpListen } };
}

async function start({ file, config, agent, log, metrics }: Standalone): Promise<Service> {
  const store = new InProcessLeaseStore({
    leaderTtlMs: config.coordinator.leaseTtlMs,
    clock: systemClock,
    log,
  });
  const coordinator = await startCoordinator({
    config,
    store,
    storeName: 'in-process',
    id: agent.id,
    clock: systemClock,
    log: log.child({ part: 'coordinator' }),
    metrics,
  });
  const worker = await startAgent({
    config: { ...agent, coordinators: [coordinator.address] },
    loadFlows: () => coordinator.coordinator.config,
    clusters: () => reachable(coordinator.coordinator.config),
    clock: systemClock,
    log: log.child({ part: 'agent' }),
    metrics,
  });
  const target = coordinator.coordinator;
  const reloader = new ConfigReloader({ ...file, target, clock: systemClock, log, metrics });
  reloader.start();
  process.on('SIGHUP', () => reloader.nudge());
  return {
    addresses: coordinator.addresses,
    healthy: coordinator.healthy,
    ready: () => (coordinator.ready().ok ? worker.ready() : coordinator.ready()),
    failed: Promise.race([coordinator.failed, worker.failed]),
    close: async () => {
      const reloaded = reloader.close();
      await worker.close();
      await coordinator.close();
      await reloaded;
      await store.close();
    },
  };
}
