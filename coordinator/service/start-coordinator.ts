import { readFile } from 'node:fs/promises';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { Service } from '../../common/service/run-service.js';
import type { Metrics } from '../../common/telemetry/metrics.js';
import { VERSION } from '../../common/version.js';
import type { MirrorConfig, TlsFiles } from '../../mirror/config/mirror-config.js';
import type { ServerTls } from '../rpc/grpc-server.js';
import type { LeaseStore } from '../store/lease-store.js';
import { Coordinator } from './coordinator.js';
import { registerCoordinatorMetrics } from './coordinator-metrics.js';
import { kafkaPromoter } from './kafka-promoter.js';
import { targetConnector, type TargetOpenerOptions } from './connect-target.js';
import { kafkaFailback } from './kafka-failback.js';
import { registerMm2CheckpointMetrics } from './mm2-checkpoint-metrics.js';
import { targetOpener, type ConnectedFlowTarget } from './open-target.js';
import { StandBy } from './stand-by.js';

export interface StartCoordinatorOptions {
  readonly config: MirrorConfig;
  /** Not closed by the coordinator: whoever made it does that, after `close()`. */
  readonly store: LeaseStore;
  /** For status: `etcd` or `in-process`. */
  readonly storeName: 'etcd' | 'in-process';
  /** Among the coordinators of one store; `coordinator.id` goes before it. */
  readonly id: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface RunningCoordinator extends Service {
  /** host:port of its gRPC services, as bound. */
  readonly address: string;
  readonly coordinator: Coordinator<ConnectedFlowTarget>;
}

/** Starts a coordinator on real targets. Throws ListenError if its address is taken. */
export async function startCoordinator(
  options: StartCoordinatorOptions,
): Promise<RunningCoordinator> {
  const { config, store, storeName, clock, log, metrics } = options;
  const id = config.coordinator.id ?? options.id;
  const targets: TargetOpenerOptions = {
    config: () => coordinator.config,
    siteTasks: () => coordinator.siteTasks,
    clock,
    log,
    clientId: `mirror-coordinator-${id}`,
  };
  const coordinator: Coordinator<ConnectedFlowTarget> = new Coordinator<ConnectedFlowTarget>({
    ...{ config, store, storeName, clock, log, id, version: VERSION },
    // Processes without a common store elect nobody.
    openTarget: targetOpener(
      targets,
      storeName === 'etcd' ? undefined : new StandBy({ clock, log }),
    ),
    promoter: kafkaPromoter,
    failback: kafkaFailback(targetConnector(targets)),
    tls: await readTls(config.coordinator.tls),
  });
  await coordinator.start();
  registerCoordinatorMetrics(metrics, coordinator);
  registerMm2CheckpointMetrics(metrics, { coordinator, clock });
  return {
    coordinator,
    address: coordinator.address,
    addresses: { grpc: coordinator.address },
    healthy: () => ({ ok: true }),
    ready: () => coordinator.ready(),
    failed: coordinator.failed,
    close: () => coordinator.close(),
  };
}

async function readTls(files: TlsFiles): Promise<ServerTls | undefined> {
  const { ca, cert, key } = files;
  if (cert === null || key === null) return undefined;
  return {
    ca: ca === null ? null : await readFile(ca),
    cert: await readFile(cert),
    key: await readFile(key),
  };
}
