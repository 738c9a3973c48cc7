import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import kafkajs, { type AclOperationTypes as AclOperation } from 'kafkajs';

import { systemClock, type Clock } from '../../common/clock.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import { eventually } from '../kit/eventually.js';
import { connectKafkajs, type Connection } from '../kit/kafkajs-client.js';
import { readTopic } from '../kit/read-topic.js';
import { KAFKA_OLDER, startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { CONTROLLER_MS_MAX, createTopics, writeUnique } from '../kit/write-unique.js';
import { caughtUp, checkMirrored, FlowBench, haltCodeOf, type FlowProducer } from './flow-bench.js';

// kafkajs is CommonJS: its enumerations are on the default import alone.
const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;

const USER = { username: 'mirror', password: 'mirror-secret' };

/** Anybody may do anything without a password; with one, only what the lists of rights say. */
const AUTHORIZED = {
  listeners: { SASL: 'SASL_PLAINTEXT' },
  config: {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl.plain.sasl.jaas.config':
      'org.apache.kafka.common.security.plain.PlainLoginModule required ' +
      `user_${USER.username}="${USER.password}";`,
  },
};

/** Does not wait long between two looks. */
const HASTY: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 200), signal),
};

async function grant(
  connection: Connection,
  topic: string,
  rights: readonly AclOperation[],
): Promise<void> {
  const admin = connectKafkajs(connection).admin();
  await admin.connect();
  await admin.createAcls({
    acl: rights.map((operation) => ({
      resourceType: AclResourceTypes.TOPIC,
      resourceName: topic,
      resourcePatternType: ResourcePatternTypes.LITERAL,
      principal: `User:${USER.username}`,
      host: '*',
      operation,
      permissionType: AclPermissionTypes.ALLOW,
    })),
  });
  // The broker heeds what the controller has taken a moment later.
  await eventually(async () => {
    const { resources } = await admin.describeAcls({
      ...{ resourceType: AclResourceTypes.TOPIC, resourceName: topic },
      resourcePatternType: ResourcePatternTypes.LITERAL,
      ...{ operation: AclOperationTypes.ANY, permissionType: AclPermissionTypes.ANY },
    });
    return resources.flatMap(({ acls }) => acls).length === rights.length;
  });
  await admin.disconnect();
}

async function deleteTopic(connection: Connection, topic: string): Promise<void> {
  const admin = connectKafkajs(connection).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic], timeout: CONTROLLER_MS_MAX });
  // A broker that has not heard of it yet would take records for the old one, when a new one is made.
  await eventually(async () => !(await admin.listTopics()).includes(topic));
  await admin.disconnect();
}

describe('faults of one topic', () => {
  let source: KafkaServers;
  let target: KafkaServers;
  let bench: FlowBench;
  let producer: FlowProducer;

  before(async () => {
    [source, target] = await Promise.all([
      startKafka({ name: 'topics-source', ...AUTHORIZED }),
      startKafka({ name: 'topics-target', ...AUTHORIZED }),
    ]);
    bench = new FlowBench({ source, target });
    producer = await bench.producer('mirror.topics');
  });

  after(async () => {
    await bench.close();
    await Promise.all([source.stop(), target.stop()]);
  });

  const copyOf = (topic: string) => ({ topic, targetTopic: `a.${topic}`, producer });

  async function makePair(topic: string, count = 20): Promise<void> {
    await createTopics(source, [{ topic }]);
    await createTopics(target, [{ topic: `a.${topic}` }]);
    await writeUnique(source, { topic, count });
  }

  /** The proof that a neighbour's fault did not stop it. */
  async function assertStillCopies(flow: ReturnType<FlowBench['start']>): Promise<void> {
    const topic = `neighbour-${Math.random().toString(36).slice(2)}`;
    await makePair(topic);
    await caughtUp(await flow.copy(copyOf(topic)), 20n);
    await checkMirrored({ source, target, topic, targetTopic: `a.${topic}` });
  }

  it('halts as topic-deleted, and copies the others on', async () => {
    await makePair('deleted');
    const flow = bench.start();
    const [copier] = await flow.copy(copyOf('deleted'));
    await caughtUp([copier!], 20n);
    await deleteTopic(source, 'deleted');
    assert.equal(await haltCodeOf(copier!), 'topic-deleted');
    await assertStillCopies(flow);
  });

  it('halts as topic-recreated when the new log is longer already', async () => {
    await makePair('recreated');
    const flow = bench.start();
    const [copier] = await flow.copy(copyOf('recreated'));
    await caughtUp([copier!], 20n);
    await deleteTopic(source, 'recreated');
    await createTopics(source, [{ topic: 'recreated' }]);
    await writeUnique(source, { topic: 'recreated', count: 50, producer: 'second' });
    assert.match(await haltCodeOf(copier!), /topic-recreated|topic-deleted/);
    await assertStillCopies(flow);
  });

  it('halts as topic-recreated when that happened while nobody copied', async () => {
    await makePair('replaced', 40);
    const first = bench.start();
    const [old] = await first.copy(copyOf('replaced'));
    await caughtUp([old!], 40n);
    const { assignment } = old!;
    await first.close();
    bench.runs.forgetAllButStarts(); // so that the source must be counted to find the position
    await deleteTopic(source, 'replaced');
    await createTopics(source, [{ topic: 'replaced' }]);
    await writeUnique(source, { topic: 'replaced', count: 90, producer: 'second' });
    const flow = bench.start();
    await flow.source.metadata(['replaced']);
    const copier = flow.flow.add({
      ...assignment,
      mapTail: bench.runs.tail('replaced-0'),
    });
    assert.equal(await haltCodeOf(copier), 'topic-recreated');
    await assertStillCopies(flow);
  });

  it('halts as target-recreated, and appends nothing to the new topic', async () => {
    await makePair('emptied');
    const first = bench.start();
    const [old] = await first.copy(copyOf('emptied'));
    await caughtUp([old!], 20n);
    const { assignment } = old!;
    await first.close();
    await deleteTopic(target, 'a.emptied');
    await createTopics(target, [{ topic: 'a.emptied' }]);
    const flow = bench.start();
    const copier = flow.flow.add({ ...assignment, mapTail: bench.runs.tail('emptied-0') });
    assert.equal(await haltCodeOf(copier), 'target-recreated');
    await assertStillCopies(flow);
  });

  it('halts as target-deleted, also when there is nothing to append', async () => {
    await makePair('dropped');
    await makePair('dropped-quiet');
    const flow = bench.start({ clock: HASTY });
    const [busy] = await flow.copy(copyOf('dropped'));
    const [quiet] = await flow.copy(copyOf('dropped-quiet'));
    await caughtUp([busy!, quiet!], 20n);
    await deleteTopic(target, 'a.dropped');
    await deleteTopic(target, 'a.dropped-quiet');
    await writeUnique(source, { topic: 'dropped', count: 20, from: 20 });
    for (const copier of [busy!, quiet!]) assert.equal(await haltCodeOf(copier), 'target-deleted');
    await assertStillCopies(flow);
  });

  it('halts as target-recreated while it copies, and nothing lands in the new topic', async () => {
    await makePair('replaced-live');
    const flow = bench.start();
    const [copier] = await flow.copy(copyOf('replaced-live'));
    await caughtUp([copier!], 20n);
    await deleteTopic(target, 'a.replaced-live');
    await createTopics(target, [{ topic: 'a.replaced-live' }]);
    await writeUnique(source, { topic: 'replaced-live', count: 20, from: 20 });
    // It looks at a quiet target now and then, and did so between the two if it says that it is gone.
    assert.match(await haltCodeOf(copier!), /^target-(recreated|deleted)$/);
    assert.deepEqual(await readTopic(target, 'a.replaced-live'), []);
    await assertStillCopies(flow);
  });

  it('halts as well where the broker knows no topic ids in appends, whatever has landed', async () => {
    const older = await startKafka({ name: 'topics-older', version: KAFKA_OLDER });
    const toOlder = new FlowBench({ source, target: older });
    try {
      const topics = ['by-name', 'by-name-too'];
      await createTopics(
        source,
        topics.map((topic) => ({ topic })),
      );
      await createTopics(
        older,
        topics.map((topic) => ({ topic: `a.${topic}` })),
      );
      for (const topic of topics) await writeUnique(source, { topic, count: 20 });
      const flow = toOlder.start();
      const named = await toOlder.producer('mirror.older');
      const copy = (topic: string) => ({ topic, targetTopic: `a.${topic}`, producer: named });
      const [copier] = await flow.copy(copy('by-name'));
      const [other] = await flow.copy(copy('by-name-too'));
      await caughtUp([copier!, other!], 20n);
      await deleteTopic(older, 'a.by-name');
      await createTopics(older, [{ topic: 'a.by-name' }]);
      for (const topic of topics) await writeUnique(source, { topic, count: 20, from: 20 });
      assert.match(await haltCodeOf(copier!), /^target-(recreated|diverged|deleted)$/);
      await caughtUp([other!], 40n);
      await checkMirrored({
        ...{ source, target: older },
        ...{ topic: 'by-name-too', targetTopic: 'a.by-name-too' },
      });
    } finally {
      await toOlder.close();
      await older.stop();
    }
  });

  it('names the range that was deleted beyond its position', async () => {
    await makePair('trimmed', 20);
    const first = bench.start();
    const [old] = await first.copy(copyOf('trimmed'));
    await caughtUp([old!], 20n);
    await first.flow.remove(old!);
    first.saveAll();
    await writeUnique(source, { topic: 'trimmed', count: 40, from: 20 });
    const admin = new AdminClient({ cluster: first.source, clock: systemClock });
    await admin.deleteRecords([{ topic: 'trimmed', partition: 0, beforeOffset: 50n }]);
    await first.close();
    const flow = bench.start();
    const [copier] = await flow.copy(copyOf('trimmed'));
    assert.equal(await haltCodeOf(copier!), 'source-data-lost');
    assert.match(copier!.halt?.message ?? '', /offsets 20 to 49/);
    await assertStillCopies(flow);
  });

  it('names the missing right on one topic, and copies the others', async () => {
    const { READ, WRITE, DESCRIBE } = AclOperationTypes;
    const sourceRights: Record<string, AclOperation[]> = {
      open: [READ, DESCRIBE],
      unreadable: [DESCRIBE],
      invisible: [],
      unwritable: [READ, DESCRIBE],
      unseen: [READ, DESCRIBE],
    };
    const targetRights: Record<string, AclOperation[]> = {
      ...Object.fromEntries(Object.keys(sourceRights).map((each) => [each, [READ, WRITE]])),
      unwritable: [READ, DESCRIBE],
      unseen: [],
    };
    for (const topic of Object.keys(sourceRights)) {
      await makePair(topic);
      const onTarget = targetRights[topic] ?? [];
      if (sourceRights[topic]!.length > 0) await grant(source, topic, sourceRights[topic]!);
      if (onTarget.length > 0) await grant(target, `a.${topic}`, onTarget);
    }
    const security = { sasl: { mechanism: 'PLAIN' as const, ...USER } };
    const flow = bench.start({
      source: { bootstrapServers: source.bootstrapServersOf('SASL') },
      target: { bootstrapServers: target.bootstrapServersOf('SASL') },
      security: { source: security, target: security },
    });
    const ids = bench.start();
    const names = Object.keys(sourceRights);
    await ids.source.metadata(names);
    await ids.target.metadata(names.map((name) => `a.${name}`));
    const copiers = new Map(
      names.map((topic) => [
        topic,
        flow.flow.add({
          ...copyOf(topic),
          ...producer,
          partition: 0,
          sourceTopicId: ids.source.topicIdOf(topic)!,
          targetTopicId: ids.target.topicIdOf(`a.${topic}`)!,
          sequenceBase: 0n,
          mapTail: [],
          accept: '',
        }),
      ]),
    );
    flow.copiers.push(...copiers.values());
    await caughtUp([copiers.get('open')!], 20n);
    for (const [topic, words] of [
      ['unreadable', /READ on topic unreadable/],
      ['invisible', /DESCRIBE and READ on topic invisible/],
      ['unwritable', /WRITE on topic a\.unwritable/],
      ['unseen', /DESCRIBE, READ and WRITE on topic a\.unseen/],
    ] as const) {
      const copier = copiers.get(topic)!;
      assert.equal(await haltCodeOf(copier), 'not-authorized', topic);
      assert.match(copier.halt?.message ?? '', words);
    }
    await checkMirrored({ source, target, topic: 'open', targetTopic: 'a.open' });
  });
});
