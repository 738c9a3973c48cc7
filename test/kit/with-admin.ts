import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import { KafkaCluster } from '../../kafka/client/index.js';

/** Asks something of a cluster that kafkajs cannot ask. */
export async function withAdmin<T>(
  servers: { readonly bootstrapServers: string },
  ask: (admin: AdminClient, cluster: KafkaCluster) => Promise<T>,
): Promise<T> {
  await using cluster = new KafkaCluster({
    alias: 'test',
    bootstrapServers: servers.bootstrapServers.split(','),
    clientId: 'test-kit',
    clock: systemClock,
    log: silentLogger,
  });
  return await ask(new AdminClient({ cluster, clock: systemClock }), cluster);
}
