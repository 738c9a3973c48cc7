import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';

import { GroupWatch } from '../../../agent/site/group-watch.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import {
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
} from '../../../kafka/admin/acl-admin.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import { KafkaCluster } from '../../../kafka/client/index.js';
import type { GroupOffset } from '../../../proto/gen/mirror/v1/agent.js';
import { flowFrom } from '../../coordinator/target/open-on-broker.js';
import { eventually } from '../../kit/eventually.js';
import { commitOffsets } from '../../kit/group-offsets.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { withAdmin } from '../../kit/with-admin.js';
import { createTopics } from '../../kit/write-unique.js';

const USERS = ['nothing', 'describes'];

const AUTHORIZED = {
  listeners: { SASL: 'SASL_PLAINTEXT' },
  config: {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl.plain.sasl.jaas.config':
      'org.apache.kafka.common.security.plain.PlainLoginModule required ' +
      `${USERS.map((user) => `user_${user}="secret"`).join(' ')};`,
  },
};

describe('GroupWatch without the rights to follow', () => {
  let source: KafkaServers;

  before(async () => {
    source = await startKafka({ name: 'rights', ...AUTHORIZED });
    await createTopics(source, [{ topic: 'orders' }]);
    const { topic, group } = AclResourceType;
    for (const user of USERS) {
      await allow(user, { resourceType: group, resourceName: '*' });
      await allow(user, { resourceType: topic, resourceName: 'orders' });
    }
    await allow('describes', { resourceType: topic, resourceName: '__consumer_offsets' });
    // The broker heeds what the controller has taken a moment later.
    const rights = 2 * USERS.length + 1;
    await withAdmin(source, (admin) =>
      eventually(async () => (await admin.listAcls()).length === rights),
    );
    await commit(3n);
  });

  after(() => source.stop());

  function allow(user: string, resource: { resourceType: number; resourceName: string }) {
    const binding = {
      ...resource,
      ...{ principal: `User:${user}`, host: '*', patternType: AclPatternType.literal },
      ...{ operation: AclOperation.describe, permission: AclPermission.allow },
    };
    return withAdmin(source, (admin) => admin.addAcls([binding]));
  }

  const commit = (offset: bigint): Promise<void> =>
    commitOffsets(source, { group: 'g', topic: 'orders' }, [Number(offset)]);

  for (const [user, right] of [
    ['nothing', 'DESCRIBE'],
    ['describes', 'READ'],
  ] as const) {
    it(`polls without ${right} on the log, and names that right once`, async () => {
      await using cluster = new KafkaCluster({
        ...{ alias: 'east', clientId: 'test', clock: systemClock, log: silentLogger },
        bootstrapServers: [source.bootstrapServersOf('SASL')],
        security: { sasl: { mechanism: 'PLAIN', username: user, password: 'secret' } },
      });
      const reports: GroupOffset[] = [];
      const lines: string[] = [];
      const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
      const stop = new AbortController();
      const admin = new AdminClient({ cluster, clock: systemClock });
      const watch = new GroupWatch({
        trouble: () => undefined,
        ...{ flow: flowFrom('east', 'topics = orders'), source: cluster, admin, log },
        clock: systemClock,
        send: (offsets) => reports.push(...offsets) > 0,
      });
      const running = watch.run(stop.signal);
      const last = (): bigint | undefined => reports.at(-1)?.offset;
      await eventually(
        () => last() === 3n,
        () => lines,
      );
      await commit(4n);
      await watch.reportNow(stop.signal);
      assert.equal(last(), 4n);
      await commit(3n);
      await eventually(
        () => last() === 3n,
        () => lines,
      );
      stop.abort();
      await running;
      // Other lines tell of a broker that was late, which is not what this is about.
      const said = `right ${right} on topic __consumer_offsets is missing`;
      assert.equal(lines.filter((line) => line.includes(said)).length, 1, lines.join(''));
      assert.ok(!lines.some((line) => line.includes('right') && !line.includes(said)));
    });
  }
});
