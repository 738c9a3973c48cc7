import { eventually } from './eventually.js';
import { withAdmin } from './with-admin.js';

type Servers = Parameters<typeof withAdmin>[0];

/** Whether a broker has this topic. */
export function hasTopic(servers: Servers, topic: string): Promise<boolean> {
  return withAdmin(servers, async (_, cluster) => {
    const { topics } = await cluster.metadata([topic]);
    return topics.get(topic)?.errorCode === 0;
  });
}

/**
 * Until the broker has heard of it: before that, a topic that is made again under the name looks ready,
 * and what is written to it goes to the old one. Of a cluster of one broker.
 */
export async function deleteTopic(servers: Servers, topic: string): Promise<void> {
  await withAdmin(servers, (admin) => admin.deleteTopic(topic));
  await eventually(
    async () => !(await hasTopic(servers, topic)),
    () => `${topic} is there`,
  );
}
