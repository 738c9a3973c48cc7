import type { Clock } from '../../common/clock.js';
import { silentLogger, type Logger } from '../../common/log.js';
import { ElectedLeaseStore } from './elected-lease-store.js';
import { EtcdBackend } from './etcd-backend.js';
import type { EtcdConnectionOptions } from './etcd-connection.js';

export interface EtcdLeaseStoreOptions extends EtcdConnectionOptions {
  readonly clock: Clock;
  /** `coordinator.etcd.prefix` */
  readonly prefix: string;
  /** `coordinator.lease.ttl.ms`; etcd counts whole seconds, and rounds up. */
  readonly leaderTtlMs: number;
  readonly log?: Logger;
}

/** The lease store of coordinators that must survive each other. */
export class EtcdLeaseStore extends ElectedLeaseStore {
  constructor(options: EtcdLeaseStoreOptions) {
    const { clock, prefix, leaderTtlMs, log = silentLogger } = options;
    super({ backend: new EtcdBackend(options), clock, log, prefix, leaderTtlMs });
  }
}
