#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

import { systemClock } from '../common/clock.js';
import { ConfigError, formatProblems } from '../common/config/problems.js';
import { createLogger, type Logger } from '../common/log.js';
import { runMain } from '../common/service/run-main.js';
import { runService, type Service } from '../common/service/run-service.js';
import { Metrics } from '../common/telemetry/metrics.js';
import { VERSION } from '../common/version.js';
import type { CoordinatorConfig, MirrorConfig } from '../mirror/config/mirror-config.js';
import { loadMirrorConfig } from '../mirror/config/mm2-config.js';
import { readConfigText, referenceResolver } from '../mirror/config/read-config.js';
import { ConfigReloader, type ConfigReloaderOptions } from './service/config-reloader.js';
import { startCoordinator } from './service/start-coordinator.js';
import { EtcdLeaseStore } from './store/etcd-lease-store.js';

const HELP = `mirror-coordinator mirror.properties

Leases the work of all flows to agents, keeps their offset maps on the targets, and runs failover.
Several coordinators with the same etcd elect a leader; the others take over when it is gone.

Keys of mirror.properties: all of MirrorMaker 2's, and
  coordinator.etcd.endpoints      http://host:port of etcd's members (required)
  coordinator.etcd.prefix         begins every key in etcd (/mirror)
  coordinator.id                  unique name; host name and port if absent
  coordinator.listen              gRPC for agents and mirrorctl (127.0.0.1:7700)
  coordinator.advertised.listen   what others are told to call; the bound address if absent
  coordinator.http.listen         /healthz, /readyz and /metrics (127.0.0.1:7780)
  coordinator.lease.ttl.ms        how long a silent agent keeps its work (10000)

Changes of the file are applied within seconds, and on SIGHUP; what needs a restart is logged.

Example:
  mirror-coordinator /etc/mirrorctl/mirror.properties

Environment: LOG_LEVEL (trace, debug, info, warn, error; info if absent).
Exit codes: 0 drained after SIGTERM, 1 failed, 2 usage or configuration.
`;

await runMain({
  name: 'mirror-coordinator',
  help: HELP,
  argv: process.argv.slice(2),
  exit: (code) => process.exit(code),
  run: async (path) => {
    const log = createLogger('mirror-coordinator', process.env['LOG_LEVEL'] ?? 'info');
    const text = await readConfigText(path);
    const load = (read: string): MirrorConfig =>
      loadMirrorConfig({
        path,
        text: read,
        requireSourceBootstrap: false,
        resolveReference: referenceResolver(process.env),
      });
    const config = load(text);
    if (config.warnings.length > 0) process.stderr.write(`${formatProblems(config.warnings)}\n`);
    requireEtcd(path, config.coordinator);
    const metrics = new Metrics();
    return runService({
      version: VERSION,
      log,
      metrics,
      http: { key: 'coordinator.http.listen', listen: config.coordinator.httpListen },
      start: () => start({ file: { path, text, load }, config, log, metrics }),
    });
  },
});

function requireEtcd(path: string, { etcdEndpoints }: CoordinatorConfig): void {
  if (etcdEndpoints.length > 0) return;
  const key = 'coordinator.etcd.endpoints';
  const message = `the key \`${key}\` is missing: coordinators elect their leader in etcd`;
  const hint = `for example ${key} = http://127.0.0.1:2379; without etcd, run mirror-maker instead`;
  throw new ConfigError([{ severity: 'error', file: path, line: 0, key, message, hint }]);
}

interface StartOptions {
  file: Pick<ConfigReloaderOptions, 'path' | 'text' | 'load'>;
  config: MirrorConfig;
  log: Logger;
  metrics: Metrics;
}

async function start({ file, config, log, metrics }: StartOptions): Promise<Service> {
  const { coordinator } = config;
  const { etcdUser, etcdPassword, etcdTls, listen } = coordinator;
  const store = new EtcdLeaseStore({
    endpoints: coordinator.etcdEndpoints,
    prefix: coordinator.etcdPrefix,
    leaderTtlMs: coordinator.leaseTtlMs,
    tls: etcdTls.ca === null ? undefined : await readEtcdTls({ ...etcdTls, ca: etcdTls.ca }),
    auth: etcdUser === null ? undefined : { username: etcdUser, password: etcdPassword ?? '' },
    clock: systemClock,
    log,
  });
  const id = `${hostname()}:${listen.slice(listen.lastIndexOf(':') + 1)}`;
  const options = {
    config,
    store,
    storeName: 'etcd',
    id,
    clock: systemClock,
    log,
    metrics,
  } as const;
  const running = await startCoordinator(options).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const target = running.coordinator;
  const reloader = new ConfigReloader({ ...file, target, clock: systemClock, log, metrics });
  reloader.start();
  process.on('SIGHUP', () => reloader.nudge());
  return {
    ...running,
    close: async () => {
      const reloaded = reloader.close();
      await running.close();
      await reloaded;
      await store.close();
    },
  };
}

async function readEtcdTls(files: { ca: string; cert: string | null; key: string | null }) {
  const { ca, cert, key } = files;
  const own =
    cert === null || key === null
      ? {}
      : { certificate: await readFile(cert), key: await readFile(key) };
  return { ca: await readFile(ca), ...own };
}
