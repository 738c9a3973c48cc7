import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { GroupWatch } from '../../../agent/site/group-watch.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import type { GroupOffset } from '../../../proto/gen/mirror/v1/agent.js';
import { flowFrom } from '../../coordinator/target/open-on-broker.js';
import { clusterOf } from '../../kafka/records/on-broker.js';
import { eventually } from '../../kit/eventually.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { withAdmin } from '../../kit/with-admin.js';
import { createTopics } from '../../kit/write-unique.js';

const GROUPS = Array.from({ length: 12 }, (_, index) => `group-${index}`);

describe('GroupWatch on three brokers', () => {
  let source: KafkaServers;

  before(async () => {
    source = await startKafka({ name: 'leaders', brokers: 3 });
    await createTopics(source, [{ topic: 'orders' }]);
  });

  after(() => source.stop());

  it('follows every group while each broker in turn is stopped and started', async () => {
    await using cluster = clusterOf(source.bootstrapServers);
    const last = new Map<string, bigint>();
    const fell: string[] = [];
    const stop = new AbortController();
    const watch = new GroupWatch({
      trouble: () => undefined,
      ...{ flow: flowFrom('east', 'topics = orders'), source: cluster, clock: systemClock },
      admin: new AdminClient({ cluster, clock: systemClock }),
      log: silentLogger,
      send: (offsets: GroupOffset[]) => {
        for (const { group, offset } of offsets) {
          const before = last.get(group) ?? 0n;
          if (offset < before) fell.push(`${group} from ${before} to ${offset}`);
          last.set(group, offset);
        }
        return true;
      },
    });
    const running = watch.run(stop.signal);
    let next = 0n;
    const commitAll = async (): Promise<void> => {
      next += 1n;
      for (const group of GROUPS) {
        await eventually(
          async () => {
            const commits = [{ topic: 'orders', partition: 0, offset: next }];
            const attempt = withAdmin(source, (admin) => admin.commitGroupOffsets(group, commits));
            return (await attempt.catch(() => [undefined])).length === 0;
          },
          () => group,
          60_000,
        );
      }
      const all = (): boolean => GROUPS.every((group) => last.get(group) === next);
      await eventually(all, () => last, 60_000);
    };
    await commitAll();
    for (const broker of source.brokers) {
      await broker.kill();
      await commitAll();
      await broker.start();
      await commitAll();
    }
    stop.abort();
    await running;
    assert.deepEqual(fell, []);
  });
});
