import assert from 'node:assert/strict';
import { systemClock } from '../../../common/clock.js';
import type { Backend } from '../../../coordinator/store/backend.js';
import { EtcdBackend } from '../../../coordinator/store/etcd-backend.js';
import { EtcdLeaseStore } from '../../../coordinator/store/etcd-lease-store.js';
import type { EtcdServers } from '../../kit/start-etcd.js';
import { CuttableProxy } from './cuttable-proxy.js';
import type { StoreWorld, WorldClient } from './store-world.js';

const WAIT_MS_MAX = 30_000;

let worlds = 0;

export interface EtcdClient extends WorldClient {
  /** Keeps the connection, and passes nothing on. */
  silence(): void;
}

/** Stores on a real etcd, each through lines of its own, below a prefix of this world's own. */
export class EtcdWorld implements StoreWorld {
  readonly prefix = `/test/${process.pid}/${++worlds}`;
  readonly #servers: EtcdServers;
  readonly #opened: { close(): Promise<void> }[] = [];
  readonly #proxies: CuttableProxy[] = [];

  constructor(servers: EtcdServers) {
    this.#servers = servers;
  }

  async open(leaderTtlMs: number): Promise<EtcdClient> {
    const proxies = this.#servers.members.map(({ port }) => new CuttableProxy(port));
    this.#proxies.push(...proxies);
    const endpoints = await Promise.all(proxies.map((proxy) => proxy.start()));
    const { prefix } = this;
    const store = new EtcdLeaseStore({ endpoints, clock: systemClock, prefix, leaderTtlMs });
    this.#opened.push(store);
    const setAll = (mode: 'open' | 'cut' | 'silent') => (): void => {
      for (const proxy of proxies) proxy.set(mode);
    };
    return { store, cut: setAll('cut'), heal: setAll('open'), silence: setAll('silent') };
  }

  backend(): Backend {
    const backend = new EtcdBackend({ endpoints: this.#servers.endpoints });
    this.#opened.push(backend);
    return backend;
  }

  async until<T>(promise: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new assert.AssertionError({ message: 'waits for what does not come' });
      timer = setTimeout(reject, WAIT_MS_MAX, error);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  nowMs(): number {
    return systemClock.nowMs();
  }

  async close(): Promise<void> {
    for (const opened of this.#opened) await opened.close();
    for (const proxy of this.#proxies) proxy.close();
  }
}
