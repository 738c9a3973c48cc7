import { after, before, describe } from 'node:test';
import { startEtcd, type EtcdServers } from '../../kit/start-etcd.js';
import { EtcdWorld } from './etcd-world.js';
import { describeLeaseStore } from './lease-store-contract.js';

describe('with a real etcd', () => {
  let servers: EtcdServers;
  before(async () => {
    servers = await startEtcd();
  });
  after(() => servers.stop());

  describeLeaseStore('EtcdLeaseStore', async () => new EtcdWorld(servers));
});
