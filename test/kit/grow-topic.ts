import { eventually } from './eventually.js';
import { withAdmin } from './with-admin.js';

type Servers = Parameters<typeof withAdmin>[0];

/**
 * More partitions, which can be written to: the controller answers before the brokers have heard of them,
 * and kafkajs leaves out, without a word, what goes to a partition that a broker did not tell it.
 */
export async function growTopic(servers: Servers, topic: string, count: number): Promise<void> {
  await withAdmin(servers, async (admin, cluster) => {
    await admin.growPartitions(topic, count);
    const areThere = async (): Promise<boolean> => {
      const { topics } = await cluster.metadata([topic]);
      const partitions = topics.get(topic)?.partitions ?? [];
      return partitions.length === count && partitions.every(({ leaderId }) => leaderId >= 0);
    };
    await eventually(areThere, () => `${count} partitions of ${topic}`);
  });
}
