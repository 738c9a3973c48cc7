#!/usr/bin/env node
import { hostname } from 'node:os';

import { formatProblems } from '../common/config/problems.js';
import { formatProperties } from '../common/config/properties.js';
import { systemClock } from '../common/clock.js';
import { createLogger } from '../common/log.js';
import { runMain } from '../common/service/run-main.js';
import { runService } from '../common/service/run-service.js';
import { Metrics } from '../common/telemetry/metrics.js';
import { VERSION } from '../common/version.js';
import { loadAgentConfig } from '../mirror/config/agent-config.js';
import { loadMirrorConfig } from '../mirror/config/mm2-config.js';
import { readConfigText, referenceResolver } from '../mirror/config/read-config.js';
import { startAgent } from './start-agent.js';

const HELP = `mirror-agent agent.properties

Copies the partitions that a coordinator leases to it, from its site's cluster to targets.
Opens connections only to its clusters and coordinators; nothing connects to it.

Keys of agent.properties:
  agent.id            unique name; the host name if absent
  agent.site          where it runs, for people
  agent.clusters      aliases of the clusters it can reach, such as us-east, us-west
  agent.coordinators  host:port of all coordinators (required)
  agent.bandwidth.bytes.per.second  what it may fetch, of all flows together (no limit)
  agent.http.listen   /healthz, /readyz and /metrics (127.0.0.1:7790)
  <alias>.*           completes or overrides the coordinator's configuration, such as credentials

Example:
  mirror-agent /etc/mirrorctl/agent.properties

Environment: LOG_LEVEL (trace, debug, info, warn, error; info if absent).
Exit codes: 0 drained after SIGTERM, 1 failed, 2 usage or configuration.
`;

await runMain({
  name: 'mirror-agent',
  help: HELP,
  argv: process.argv.slice(2),
  exit: (code) => process.exit(code),
  run: async (path) => {
    const log = createLogger('mirror-agent', process.env['LOG_LEVEL'] ?? 'info');
    const config = loadAgentConfig({
      path,
      text: await readConfigText(path),
      hostname: hostname(),
      resolveReference: referenceResolver(process.env),
    });
    if (config.warnings.length > 0) process.stderr.write(`${formatProblems(config.warnings)}\n`);
    const metrics = new Metrics();
    return runService({
      version: VERSION,
      log,
      metrics,
      http: { key: 'agent.http.listen', listen: config.httpListen },
      drainLimitMs: config.drainTimeoutMs,
      start: () =>
        startAgent({
          config,
          loadFlows: (shipped) =>
            loadMirrorConfig({
              path: 'the configuration sent by the coordinator',
              text: formatProperties(Object.entries(shipped)),
              overrides: config.overrides,
              requireSourceBootstrap: false,
            }),
          clock: systemClock,
          log,
          metrics,
        }),
    });
  },
});
