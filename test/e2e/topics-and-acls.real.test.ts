import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { aclKey } from '../../coordinator/target/acl-rules.js';
import {
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
  type AclBinding,
} from '../../kafka/admin/acl-admin.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import { eventually } from '../kit/eventually.js';
import { growTopic } from '../kit/grow-topic.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const USER = { name: 'mirror', password: 'mirror-secret' };
const LIMIT_MS = 60_000;

/** Without a password anybody may do anything; the mirror's user only what it was granted. */
const AUTHORIZED = {
  listeners: { SASL: 'SASL_PLAINTEXT' },
  config: {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl.plain.sasl.jaas.config':
      'org.apache.kafka.common.security.plain.PlainLoginModule required ' +
      `user_${USER.name}="${USER.password}";`,
  },
};

function acl(resourceName: string, change: Partial<AclBinding> = {}): AclBinding {
  return {
    resourceType: AclResourceType.topic,
    resourceName,
    patternType: AclPatternType.literal,
    principal: 'User:alice',
    host: '*',
    operation: AclOperation.read,
    permission: AclPermission.allow,
    ...change,
  };
}

const CLUSTER = { resourceType: 4, patternType: AclPatternType.literal };
const DESCRIBE_CONFIGS = 10;

describe('topics and ACLs on the target', () => {
  let source: KafkaServers;
  let target: KafkaServers;
  let config: string;
  let maker: RunningProcess;

  before(async () => {
    [source, target] = await Promise.all([
      startKafka({ name: 'acls-source', ...AUTHORIZED }),
      startKafka({ name: 'acls-target', ...AUTHORIZED }),
    ]);
    config = join(temporaryFolder('topics-and-acls'), 'mm2.properties');
    writeFileSync(
      config,
      `
clusters = a, b
a.bootstrap.servers = ${source.bootstrapServersOf('SASL')}
a.security.protocol = SASL_PLAINTEXT
a.sasl.mechanism = PLAIN
a.sasl.jaas.config = org.apache.kafka.common.security.plain.PlainLoginModule required username="${USER.name}" password="${USER.password}";
b.bootstrap.servers = ${target.bootstrapServers}
a->b.enabled = true
a->b.topics = open.*, bare, taken, kept.*
replication.factor = 1
offset-syncs.topic.replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
emit.heartbeats.enabled = false
emit.offset-syncs.enabled = false
sync.topic.configs.interval.seconds = 1
sync.topic.acls.interval.seconds = 1
sync.topic.acls.scope = all
topic.deletion.policy = delete
topic.deletion.quarantine.ms = 10000
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`,
    );
    const mine = { principal: `User:${USER.name}` };
    const prefix = { ...mine, patternType: AclPatternType.prefixed };
    await onSource((admin) =>
      admin.addAcls([
        ...['open', 'taken', 'kept'].flatMap((name) => [
          acl(name, prefix),
          acl(name, { ...prefix, operation: DESCRIBE_CONFIGS }),
        ]),
        acl('bare', mine), // reading without the right to its configuration
      ]),
    );
    await createTopics(source, [
      { topic: 'open', partitions: 2, config: { 'retention.ms': '86400000' } },
      { topic: 'bare' },
      { topic: 'taken', partitions: 1, config: { 'retention.ms': '77777777' } },
    ]);
    await createTopics(target, [{ topic: 'a.taken', config: { 'retention.ms': '55555555' } }]);
    await writeUnique(target, { topic: 'a.taken', count: 3, producer: 'somebody' });
    for (const topic of ['open', 'bare', 'taken']) await writeUnique(source, { topic, count: 20 });
    maker = await start();
  });

  after(async () => {
    await maker?.stop();
    await Promise.all([source?.stop(), target?.stop()]);
  });

  const start = (): Promise<RunningProcess> =>
    startProcess({ name: 'mirror-maker', args: ['mirror-maker/main.js', config] });
  const onSource = <T>(ask: (admin: AdminClient) => Promise<T>): Promise<T> =>
    withAdmin(source, ask);
  const onTarget = <T>(ask: (admin: AdminClient) => Promise<T>): Promise<T> =>
    withAdmin(target, ask);
  const status = () =>
    runMirrorctl(['status', 'a:b'], { MIRRORCTL_COORDINATOR: String(maker.readyLine['grpc']) });
  const says = (text: RegExp): Promise<void> =>
    eventually(async () => text.test((await status()).out), status, LIMIT_MS);

  async function overrides(topic: string): Promise<Record<string, string | null>> {
    const entries = await onTarget((admin) => admin.describeTopicConfigs(topic));
    const set = entries.filter(({ isOverride }) => isOverride);
    const pairs = set.map(({ name, value }) => [name, value] as const);
    return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  async function hasConfigs(topic: string, expected: Record<string, string>): Promise<void> {
    let found: unknown;
    const same = async (): Promise<boolean> => {
      found = await overrides(topic).catch(() => undefined);
      return JSON.stringify(found) === JSON.stringify(expected);
    };
    await eventually(same, () => found, LIMIT_MS);
  }

  async function aclsOnTarget(expected: (keys: Set<string>) => boolean): Promise<void> {
    let keys = new Set<string>();
    const asExpected = async (): Promise<boolean> => {
      keys = new Set((await onTarget((admin) => admin.listAcls())).map(aclKey));
      return expected(keys);
    };
    await eventually(asExpected, () => keys, LIMIT_MS);
  }

  async function mirrored(topic: string, count: number): Promise<void> {
    await eventually(
      async () => (await readTopic(target, `a.${topic}`).catch(() => [])).length >= count,
      status,
      LIMIT_MS,
    );
    assertMirrored(await readTopic(source, topic), await readTopic(target, `a.${topic}`));
  }

  it('creates a topic as it is on the source, and corrects what drifts', async () => {
    await mirrored('open', 20);
    await hasConfigs('a.open', { 'retention.ms': '86400000' });
    await onTarget((admin) =>
      admin.alterTopicConfigs('a.open', {
        'retention.ms': '1000000000',
        'segment.ms': '999999',
        'min.insync.replicas': '1', // excluded by default: the target's own business
      }),
    );
    await hasConfigs('a.open', { 'min.insync.replicas': '1', 'retention.ms': '86400000' });
    const changes = { 'cleanup.policy': 'compact', 'retention.ms': null };
    await onSource((admin) => admin.alterTopicConfigs('open', changes));
    await hasConfigs('a.open', { 'cleanup.policy': 'compact', 'min.insync.replicas': '1' });
  });

  it('grows partitions, and copies what is in them', async () => {
    await growTopic(source, 'open', 5);
    const partitions = [2, 3, 4];
    await writeUnique(source, { topic: 'open', partitions, count: 10, producer: 'late' });
    await mirrored('open', 50);
  });

  it('leaves a topic that somebody else filled as it is, and says so', async () => {
    await says(/taken-0 target-not-empty/);
    assert.deepEqual(await overrides('a.taken'), { 'retention.ms': '55555555' });
    assert.equal((await readTopic(target, 'a.taken')).length, 3);
  });

  it('names a right that is missing on one topic, and copies it once it is granted', async () => {
    await says(/not-authorized: .*DescribeConfigs/);
    assert.deepEqual(await readTopic(target, 'a.bare').catch(() => []), []);
    const right = { principal: `User:${USER.name}`, operation: DESCRIBE_CONFIGS };
    await onSource((admin) => admin.addAcls([acl('bare', right)]));
    await mirrored('bare', 20);
  });

  it('says that ACLs may not be read, and mirrors them once they may', async () => {
    await says(/source-acls-unknown: .*Describe on the cluster/);
    await onTarget((admin) => admin.addAcls([acl('a.open', { principal: 'User:local' })]));
    await onSource((admin) =>
      admin.addAcls([
        acl('open'),
        acl('open', { operation: AclOperation.write }),
        acl('open', { operation: AclOperation.write, permission: AclPermission.deny }),
        acl('op', { patternType: AclPatternType.prefixed, principal: 'User:bob' }),
        acl('app', { resourceType: AclResourceType.group }),
        acl('kafka-cluster', {
          ...{ ...CLUSTER, principal: `User:${USER.name}`, operation: AclOperation.describe },
        }),
      ]),
    );
    await aclsOnTarget((keys) =>
      [
        acl('a.open'),
        acl('a.open', { operation: AclOperation.write, permission: AclPermission.deny }),
        acl('a.op', { patternType: AclPatternType.prefixed, principal: 'User:bob' }),
        acl('app', { resourceType: AclResourceType.group }),
      ].every((binding) => keys.has(aclKey(binding))),
    );
    const written = aclKey(acl('a.open', { operation: AclOperation.write }));
    await aclsOnTarget((keys) => !keys.has(written));
  });

  it('takes back what the source takes back, also after it was killed, and nothing else', async () => {
    await maker.kill();
    const bob = { patternType: AclPatternType.prefixed, principal: 'User:bob' };
    await onSource((admin) => admin.deleteAcls([acl('op', bob), acl('open')]));
    maker = await start();
    await aclsOnTarget(
      (keys) => !keys.has(aclKey(acl('a.open'))) && !keys.has(aclKey(acl('a.op', bob))),
    );
    const left = [
      acl('a.open', { principal: 'User:local' }),
      acl('app', { resourceType: AclResourceType.group }),
    ];
    await aclsOnTarget((keys) => left.every((binding) => keys.has(aclKey(binding))));
    // Somebody takes away what the source still has.
    await onTarget((admin) => admin.deleteAcls(left.slice(1)));
    await aclsOnTarget((keys) => keys.has(aclKey(left[1]!)));
  });

  it('reports a deleted topic, and deletes its copy after the quarantine', async () => {
    await createTopics(source, [{ topic: 'kept' }, { topic: 'kept-foreign' }]);
    for (const topic of ['kept', 'kept-foreign']) {
      await writeUnique(source, { topic, count: 5 });
      await mirrored(topic, 5);
    }
    // Before its quarantine begins, which ends whether this test is in time or not.
    await writeUnique(target, { topic: 'a.kept-foreign', count: 1, producer: 'somebody' });
    await onSource(async (admin) => {
      for (const topic of ['kept', 'kept-foreign']) await admin.deleteTopic(topic);
    });
    await says(/source-topic-deleted: topic kept was deleted on a.* will be deleted at/);
    const gone = async (): Promise<boolean> =>
      withAdmin(target, async (_, cluster) => {
        const { topics } = await cluster.metadata(['a.kept']);
        return topics.get('a.kept')?.errorCode !== 0;
      });
    await eventually(gone, status, LIMIT_MS);
    await says(/kept-foreign was deleted on a; its copy is kept: .* did not write/);
    assert.equal((await readTopic(target, 'a.kept-foreign')).length, 6);
  });

  it('copies a topic anew that comes back after its copy was deleted', async () => {
    await createTopics(source, [{ topic: 'kept' }]);
    await writeUnique(source, { topic: 'kept', count: 7, producer: 'again' });
    await mirrored('kept', 7);
  });
});
