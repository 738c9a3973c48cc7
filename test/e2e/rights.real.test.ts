import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { AclPatternType, AclPermission, type AclBinding } from '../../kafka/admin/acl-admin.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import { growTopic } from '../kit/grow-topic.js';
import { eventually } from '../kit/eventually.js';
import { commitOffsets, committedOffsets } from '../kit/group-offsets.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const USER = { name: 'mirror', password: 'mirror-secret' };
const PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
const LIMIT_MS = 60_000;

/** Without a password anybody may do anything; the mirror's user only what it was granted. */
const AUTHORIZED = {
  listeners: { SASL: 'SASL_PLAINTEXT' },
  config: {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl.plain.sasl.jaas.config': `${PLAIN} user_${USER.name}="${USER.password}";`,
  },
};

/** Kafka's numbers. */
const OPERATIONS = {
  ...{ Read: 3, Write: 4, Create: 5, Alter: 7, Describe: 8 },
  ...{ DescribeConfigs: 10, AlterConfigs: 11 },
} as const;
const RESOURCES = { topic: 2, group: 3, cluster: 4, transactionalId: 5 } as const;

type Right = keyof typeof OPERATIONS;

/** `topic a.ok` or `topic mm2-*`, of the mirror's user. */
function rights(on: string, ...operations: Right[]): AclBinding[] {
  const [resource = '', name = ''] = on.split(' ');
  const isPrefix = name.length > 1 && name.endsWith('*');
  return operations.map((operation) => ({
    resourceType: RESOURCES[resource as keyof typeof RESOURCES],
    resourceName: isPrefix ? name.slice(0, -1) : name,
    patternType: isPrefix ? AclPatternType.prefixed : AclPatternType.literal,
    principal: `User:${USER.name}`,
    host: '*',
    operation: OPERATIONS[operation],
    permission: AclPermission.allow,
  }));
}

const ALL_OF_A_COPY = [
  ...(['Create', 'Alter', 'Describe', 'Read', 'Write'] as const),
  ...(['DescribeConfigs', 'AlterConfigs'] as const),
] as const;

const TOPICS = [
  ...['fine', 'no-create', 'no-alter-configs', 'no-alter', 'no-write', 'no-describe'],
  ...['unread', 'hidden', 'hidden.too'],
];

describe('rights that are missing, one by one', () => {
  let source: KafkaServers;
  let target: KafkaServers;
  let open: KafkaServers;
  let maker: RunningProcess;

  before(async () => {
    [source, target, open] = await Promise.all([
      startKafka({ name: 'rights-source', ...AUTHORIZED }),
      startKafka({ name: 'rights-target', ...AUTHORIZED }),
      startKafka({ name: 'rights-open' }),
    ]);
    await createTopics(
      source,
      [...TOPICS, 'free'].map((topic) => ({ topic })),
    );
    await createTopics(open, [{ topic: 'unguarded' }]);
    for (const topic of [...TOPICS, 'free']) await writeUnique(source, { topic, count: 20 });
    await writeUnique(open, { topic: 'unguarded', count: 20 });
    const seen = TOPICS.filter((topic) => !/unread|hidden/.test(topic));
    await grant(source, [
      ...seen.flatMap((topic) => rights(`topic ${topic}`, 'Read', 'DescribeConfigs')),
      ...rights('topic unread', 'Describe', 'DescribeConfigs'),
      ...rights('cluster kafka-cluster', 'Describe'),
      // What c->open is to mirror, and has no place for.
      ...rights('topic free', 'Read'),
    ]);
    const file = join(temporaryFolder('rights'), 'mm2.properties');
    writeFileSync(file, properties());
    maker = await startProcess({ name: 'mirror-maker', args: ['mirror-maker/main.js', file] });
  });

  after(async () => {
    await maker?.stop();
    await Promise.all([source?.stop(), target?.stop(), open?.stop()]);
  });

  /** a->b as a user with few rights; the other two may do everything, on the same servers. */
  function properties(): string {
    const limited = (alias: string, servers: KafkaServers): string => `
${alias}.bootstrap.servers = ${servers.bootstrapServersOf('SASL')}
${alias}.security.protocol = SASL_PLAINTEXT
${alias}.sasl.mechanism = PLAIN
${alias}.sasl.jaas.config = ${PLAIN} username="${USER.name}" password="${USER.password}";`;
    return `
clusters = a, b, c, d, open
${limited('a', source)}
${limited('b', target)}
c.bootstrap.servers = ${source.bootstrapServers}
d.bootstrap.servers = ${target.bootstrapServers}
open.bootstrap.servers = ${open.bootstrapServers}
a->b.enabled = true
a->b.topics = ${TOPICS.join(', ')}
c->open.enabled = true
c->open.topics = free
open->d.enabled = true
open->d.topics = unguarded
replication.factor = 1
offset-syncs.topic.replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
emit.heartbeats.enabled = false
emit.offset-syncs.enabled = false
a->b.emit.heartbeats.enabled = true
a->b.emit.offset-syncs.enabled = true
a->b.heartbeats.replication.enabled = false
a->b.groups = readers
a->b.sync.group.offsets.enabled = true
a->b.sync.group.offsets.interval.seconds = 1
b->a.enabled = false
b->a.emit.heartbeats.enabled = true
sync.topic.configs.interval.seconds = 1
sync.topic.acls.interval.seconds = 1
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`;
  }

  const grant = (servers: KafkaServers, bindings: readonly AclBinding[]): Promise<void> =>
    withAdmin(servers, (admin: AdminClient) => admin.addAcls(bindings));

  const status = (flow = 'a:b') =>
    runMirrorctl(['status', flow], { MIRRORCTL_COORDINATOR: String(maker.readyLine['grpc']) });

  async function says(text: RegExp, flow?: string): Promise<void> {
    let last = '';
    await eventually(
      async () => text.test((last = (await status(flow)).out)),
      () => `${String(text)} in\n${last}`,
      LIMIT_MS,
    );
  }

  /** An answer that does not come says nothing. */
  async function saysNoMore(text: RegExp): Promise<void> {
    const look = async (): Promise<boolean> => {
      const { out } = await status();
      return out.includes('a->b') && !text.test(out);
    };
    await eventually(look, status, LIMIT_MS);
  }

  async function mirrored(
    topic: string,
    from = { servers: source, to: target, alias: 'a' },
  ): Promise<void> {
    const { servers, to, alias } = from;
    const read = () => readTopic(to, `${alias}.${topic}`).catch(() => []);
    const wanted = await readTopic(servers, topic);
    await eventually(async () => (await read()).length >= wanted.length, status, LIMIT_MS);
    assertMirrored(wanted, await read());
  }

  it('names what the flow itself needs, and lets other flows run', async () => {
    await says(/grant Create, Describe, DescribeConfigs, Read and Write on topics mm2-offset-map/);
    await mirrored('free', { servers: source, to: open, alias: 'c' });
    await mirrored('unguarded', { servers: open, to: target, alias: 'open' });
    const kept = ['topic mm2-*', 'topic a.checkpoints.internal'];
    const ofTopics = ['Create', 'Describe', 'DescribeConfigs', 'Read', 'Write'] as const;
    await grant(
      target,
      kept.flatMap((name) => rights(name, ...ofTopics)),
    );
    await says(/grant Describe and Write on transactional ids mirror-map.a->b, mirror.a->b/);
    await grant(target, rights('transactionalId mirror*', 'Describe', 'Write'));
    await says(/a->b +running/);
  });

  it('says once of clusters that they have no authorizer', async () => {
    await says(/acls-not-synced: open has no authorizer/, 'c:open');
    const open = [/source has no authorizer/, /open has no authorizer/];
    for (const text of open) {
      await maker.waitForLine((line) => text.test(JSON.stringify(line)), LIMIT_MS);
      const told = maker.lines.filter((line) => text.test(JSON.stringify(line)));
      assert.equal(told.length, 1, String(text));
    }
    assert.doesNotMatch((await status('open:d')).out, /acls/);
  });

  it('stops only the topic whose right is missing, and names the right', async () => {
    const rest = (missing: Right): Right[] => ALL_OF_A_COPY.filter((each) => each !== missing);
    await grant(target, [
      ...['fine', 'unread', 'hidden*'].flatMap((topic) =>
        rights(`topic a.${topic}`, ...ALL_OF_A_COPY),
      ),
      ...rights('topic a.no-create', ...rest('Create')),
      ...rights('topic a.no-alter-configs', ...rest('AlterConfigs')),
      ...rights('topic a.no-alter', ...rest('Alter')),
      ...rights('topic a.no-write', ...rest('Write')),
      ...rights('topic a.no-describe', 'Create'),
    ]);
    for (const topic of ['fine', 'no-alter-configs', 'no-alter']) await mirrored(topic);
    await growTopic(source, 'no-alter', 2);
    await withAdmin(source, (admin) =>
      admin.alterTopicConfigs('no-alter-configs', { 'retention.ms': '77777777' }),
    );
    await writeUnique(source, { topic: 'no-alter', partitions: [1], count: 20 });
    for (const words of [
      /no-create-0 not-authorized: .*grant Create on a\.no-create/,
      /no-describe-0 not-authorized: .*grant Describe on a\.no-describe/,
      /no-alter-1 not-authorized: .*grant Alter on a\.no-alter/,
      /configs-refused: .*a\.no-alter-configs .*grant DescribeConfigs and AlterConfigs/,
      /no-write-0 not-authorized: .*the right WRITE on topic a\.no-write/,
      /unread-0 not-authorized: .*the right READ on topic unread/,
      /topic-hidden: topic hidden may not be seen/,
      /topic-hidden: topic hidden\.too may not be seen/,
      /acls-not-synced: .*grant Alter and Describe on the cluster/,
    ])
      await says(words);
    assert.equal((await status()).code, 3);
    await writeUnique(source, { topic: 'fine', count: 20, from: 20 });
    for (const topic of ['fine', 'no-alter-configs']) await mirrored(topic);
    const refused = maker.lines.filter(({ msg }) => msg === 'ACLs are not mirrored');
    assert.deepEqual(refused.map((line) => line['flow']).sort(), ['a->b', 'c->open']);
  });

  it('names what heartbeats, offset syncs and groups need, each by itself, and copies on', async () => {
    await commitOffsets(source, { group: 'readers', topic: 'fine' }, [10]);
    await grant(source, [
      ...rights('topic __consumer_offsets', 'Describe', 'Read'),
      ...rights('group readers', 'Describe'),
    ]);
    const syncs = 'mm2-offset-syncs.b.internal';
    const byAgent = (what: string, topic: string): RegExp =>
      new RegExp(
        `${what}-not-written: ${what} are not written by .*; ` +
          `grant Create, Describe and Write on topic ${topic} of a`,
      );
    const notices = {
      heartbeats:
        /heartbeats-not-written: .*grant Create, Describe and Write on topic heartbeats of b/,
      sourceHeartbeats: byAgent('heartbeats', 'heartbeats'),
      syncs: byAgent('offset-syncs', syncs),
      groups:
        /groups-not-committed: .*group readers .* on b; grant Describe and Read on group readers/,
    };
    for (const notice of Object.values(notices)) await says(notice);
    const told = (topic: string): boolean =>
      maker.lines.some(
        ({ msg, grant: right }) =>
          msg === 'cannot be written' && right === `Create, Describe and Write on topic ${topic}`,
      );
    for (const topic of ['heartbeats of a', `${syncs} of a`])
      await eventually(
        () => told(topic),
        () => topic,
        LIMIT_MS,
      );
    await writeUnique(source, { topic: 'fine', count: 20, from: 40 });
    await mirrored('fine');

    const ofSide = ['Create', 'Describe', 'Write'] as const;
    const written = async (servers: KafkaServers, topic: string): Promise<boolean> =>
      (await readTopic(servers, topic).catch(() => [])).length > 0;
    await grant(source, rights(`topic ${syncs}`, ...ofSide));
    await eventually(() => written(source, syncs), status, LIMIT_MS);
    await eventually(async () => !notices.syncs.test((await status()).out), status, LIMIT_MS);
    assert.ok(!(await written(source, 'heartbeats')));
    await grant(source, rights('topic heartbeats', ...ofSide));
    await eventually(() => written(source, 'heartbeats'), status, LIMIT_MS);
    const noSource = async () => !notices.sourceHeartbeats.test((await status()).out);
    await eventually(noSource, status, LIMIT_MS);
    assert.match((await status()).out, notices.heartbeats);
    await grant(target, rights('topic heartbeats', ...ofSide));
    await saysNoMore(notices.heartbeats);
    await eventually(() => written(target, 'heartbeats'), status, LIMIT_MS);
    assert.match((await status()).out, notices.groups);
    const place = { group: 'readers', topic: 'a.fine' };
    assert.deepEqual(await committedOffsets(target, place), []);
    await grant(target, rights('group readers', 'Describe', 'Read'));
    const committed = () => committedOffsets(target, place);
    await eventually(async () => (await committed())[0] === 10, committed, LIMIT_MS);
    await saysNoMore(notices.groups);
  });

  it('goes on by itself once the rights are granted', async () => {
    await grant(target, [
      ...rights('topic a.no-*', ...ALL_OF_A_COPY),
      ...rights('cluster kafka-cluster', 'Alter', 'Describe'),
    ]);
    const unseen = ['unread', 'hidden', 'hidden.too'];
    await grant(
      source,
      unseen.flatMap((topic) => rights(`topic ${topic}`, 'Read', 'DescribeConfigs')),
    );
    for (const topic of TOPICS) await mirrored(topic);
    await eventually(async () => (await status()).code === 0, status, LIMIT_MS);
    const configs = await withAdmin(target, (admin) =>
      admin.describeTopicConfigs('a.no-alter-configs'),
    );
    assert.equal(configs.find(({ name }) => name === 'retention.ms')?.value, '77777777');
  });
});
