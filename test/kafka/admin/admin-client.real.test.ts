import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { systemClock } from '../../../common/clock.js';
import {
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
  type AclBinding,
} from '../../../kafka/admin/acl-admin.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import { FenceMissedError, KafkaApiError } from '../../../kafka/admin/errors.js';
import type { KafkaCluster } from '../../../kafka/client/index.js';
import type { Api } from '../../../kafka/messages/api.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import { eventually } from '../../kit/eventually.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { clusterOf, knownEverywhere, produceBatch } from '../records/on-broker.js';

let kafka: KafkaServers;
let cluster: KafkaCluster;
let admin: AdminClient;

before(async () => {
  const config = {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'group.initial.rebalance.delay.ms': '0',
  };
  kafka = await startKafka({ name: 'admin', brokers: 2, config });
  cluster = clusterOf(kafka.bootstrapServers);
  admin = new AdminClient({ cluster, clock: systemClock });
});

after(async () => {
  await cluster?.close();
  await kafka?.stop();
});

async function newTopic(name: string, partitionCount = 1): Promise<void> {
  await admin.createTopic({ name, partitionCount, replicationFactor: 1 });
  await knownEverywhere(cluster, name, partitionCount);
}

function isApiError(errorName: string, part = ''): (error: unknown) => boolean {
  return (error) =>
    error instanceof KafkaApiError && error.errorName === errorName && error.message.includes(part);
}

function batchOf(
  count: number,
  producer: { producerId?: bigint; producerEpoch?: number; baseSequence?: number } = {},
): Buffer {
  const timestamp = BigInt(Date.now());
  const record = { key: null, value: Buffer.from('value'), timestamp };
  return buildBatch({ records: new Array<typeof record>(count).fill(record), ...producer });
}

describe('AdminClient topics', () => {
  it('creates one, and says when it exists', async () => {
    const topic = { name: 'made', partitionCount: 2, replicationFactor: 1 };
    assert.equal(
      await admin.createTopic({ ...topic, configs: { 'retention.ms': '7' } }),
      'created',
    );
    assert.equal(await admin.createTopic(topic), 'exists');
    await knownEverywhere(cluster, 'made', 2);
    const { topics } = await cluster.metadata(['made']);
    assert.equal(topics.get('made')?.partitions.length, 2);
  });

  it('says how many brokers there are when the replication factor asks for more', async () => {
    const topic = { name: 'wide', partitionCount: 1, replicationFactor: 3 };
    const expected = 'replication factor 3 asked of a cluster of 2 brokers';
    await assert.rejects(
      admin.createTopic(topic),
      isApiError('INVALID_REPLICATION_FACTOR', expected),
    );
  });

  it('names the topic and the broker’s reason for any other refusal', async () => {
    const topic = { name: 'not a name', partitionCount: 1, replicationFactor: 1 };
    await assert.rejects(
      admin.createTopic(topic),
      isApiError('INVALID_TOPIC_EXCEPTION', 'topic not a name'),
    );
    const configs = { 'no.such.config': '1' };
    await assert.rejects(
      admin.createTopic({ ...topic, name: 'odd', configs }),
      isApiError('INVALID_CONFIG', 'no.such.config'),
    );
  });

  it('adds partitions, and never takes any away', async () => {
    await newTopic('grows', 2);
    assert.equal(await admin.growPartitions('grows', 5), 'grown');
    await knownEverywhere(cluster, 'grows', 5);
    assert.equal(await admin.growPartitions('grows', 5), 'unchanged');
    assert.equal(await admin.growPartitions('grows', 3), 'unchanged');
    await assert.rejects(
      admin.growPartitions('absent', 3),
      isApiError('UNKNOWN_TOPIC_OR_PARTITION'),
    );
  });

  it('deletes one, and says when there is none', async () => {
    await newTopic('goes');
    assert.equal(await admin.deleteTopic('goes'), 'deleted');
    assert.equal(await admin.deleteTopic('goes'), 'absent');
  });

  it('changes only the named entries of a configuration', async () => {
    await newTopic('tuned');
    await admin.alterTopicConfigs('tuned', { 'retention.ms': '1000', 'cleanup.policy': 'compact' });
    await admin.alterTopicConfigs('tuned', { 'retention.ms': null, 'segment.bytes': '2000000' });
    let entries: Awaited<ReturnType<AdminClient['describeTopicConfigs']>> = [];
    const overrides = (): string[] =>
      entries
        .filter((entry) => entry.isOverride)
        .map(({ name, value }) => `${name}=${value}`)
        .sort();
    // What the controller has decided comes to the broker that is asked a moment later.
    await eventually(
      async () => {
        entries = await admin.describeTopicConfigs('tuned');
        return overrides().includes('segment.bytes=2000000');
      },
      () => overrides(),
    );
    assert.deepEqual(overrides(), ['cleanup.policy=compact', 'segment.bytes=2000000']);
    assert.ok(entries.some(({ name, isOverride }) => name === 'retention.ms' && !isOverride));
    await assert.rejects(
      admin.alterTopicConfigs('tuned', { 'retention.ms': 'much' }),
      isApiError('INVALID_CONFIG'),
    );
  });

  it('describes many configurations at once, and names the fault of each it cannot', async () => {
    const names = ['tuned', 'made'];
    const found = await admin.describeConfigsOfTopics(names);
    assert.deepEqual([...found.keys()].sort(), [...names].sort());
    const mixed = await admin.describeConfigsOfTopics([...names, 'absent']);
    assert.ok(isApiError('UNKNOWN_TOPIC_OR_PARTITION', 'absent')(mixed.get('absent')));
    assert.ok(Array.isArray(mixed.get('tuned')));
  });

  it('deletes records up to an offset', async () => {
    await newTopic('trimmed');
    const { errorCode } = await produceBatch(
      { cluster, topic: 'trimmed', partition: 0 },
      batchOf(10),
    );
    assert.equal(errorCode, 0);
    const cut = { topic: 'trimmed', partition: 0, beforeOffset: 4n };
    assert.deepEqual(await admin.deleteRecords([cut]), new Map([['trimmed-0', 4n]]));
    await assert.rejects(
      admin.deleteRecords([{ ...cut, beforeOffset: 11n }]),
      isApiError('OFFSET_OUT_OF_RANGE', 'trimmed-0'),
    );
  });
});

describe('AdminClient groups', () => {
  it('commits for a group without members, which then is listed as empty', async () => {
    await newTopic('read', 3);
    const offsets = [
      { topic: 'read', partition: 0, offset: 5n, metadata: 'note' },
      { topic: 'read', partition: 2, offset: 0n },
    ];
    assert.deepEqual(await admin.commitGroupOffsets('readers', offsets), []);
    const found = await admin.groupOffsets(['readers', 'nobody']);
    assert.deepEqual(found.get('nobody'), []);
    const read = found.get('readers')!.sort((a, b) => a.partition - b.partition);
    assert.deepEqual(read, [
      { topic: 'read', partition: 0, offset: 5n, leaderEpoch: -1, metadata: 'note' },
      { topic: 'read', partition: 2, offset: 0n, leaderEpoch: -1, metadata: '' },
    ]);
    const listed = (await admin.listGroups()).find(({ groupId }) => groupId === 'readers');
    assert.equal(listed?.state, 'Empty');
    const described = await admin.describeGroup('readers');
    assert.deepEqual([described.state, described.memberCount], ['Empty', 0]);
  });

  it('calls a group dead that no protocol knows', async () => {
    assert.equal((await admin.describeGroup('nobody')).state, 'Dead');
  });

  it('tells each partition that a commit failed for', async () => {
    const failures = await admin.commitGroupOffsets('readers', [
      { topic: 'read', partition: 1, offset: 1n },
      { topic: 'absent', partition: 0, offset: 1n },
    ]);
    assert.deepEqual(
      failures.map(({ topic, partition, errorName }) => `${topic}-${partition} ${errorName}`),
      ['absent-0 UNKNOWN_TOPIC_OR_PARTITION'],
    );
  });

  it('does not commit under the hands of a consumer', async () => {
    await newTopic('live');
    const brokers = kafka.bootstrapServers.split(',');
    const client = new Kafka({ brokers, logLevel: logLevel.NOTHING });
    const consumer = client.consumer({ groupId: 'live-group' });
    const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve));
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: ['live'] });
      await consumer.run({ eachMessage: () => Promise.resolve() });
      await joined;
      const described = await admin.describeGroup('live-group');
      assert.deepEqual([described.state, described.memberCount], ['Stable', 1]);
      const offset = { topic: 'live', partition: 0, offset: 0n };
      const [failure] = await admin.commitGroupOffsets('live-group', [offset]);
      assert.equal(failure?.errorName, 'UNKNOWN_MEMBER_ID');
    } finally {
      await consumer.disconnect();
    }
  });

  // KIP-848: DescribeGroups answers 'Dead' for such a group, which must not pass for empty.
  it('sees the members of a group of the new protocol', async () => {
    await newTopic('modern');
    const group = 'modern-group';
    const joined = await cluster.request({ group }, joinNewGroup, { group, topic: 'modern' });
    assert.equal(joined, ErrorCode.NONE);
    const described = await admin.describeGroup(group);
    assert.deepEqual([described.protocolType, described.memberCount], ['consumer', 1]);
    assert.ok(!['Dead', 'Empty'].includes(described.state), described.state);
    const listed = (await admin.listGroups()).find(({ groupId }) => groupId === group);
    assert.equal(listed?.protocolType, 'consumer');
    assert.notEqual(listed?.state, 'Empty');
    const offset = { topic: 'modern', partition: 0, offset: 0n };
    const [failure] = await admin.commitGroupOffsets(group, [offset]);
    assert.equal(failure?.errorName, 'UNKNOWN_MEMBER_ID');
  });
});

/** The first heartbeat of a member, ConsumerGroupHeartbeat v0: no client of ours speaks it. */
const joinNewGroup: Api<{ group: string; topic: string }, number> = {
  key: 68,
  version: 0,
  flexible: true,
  name: 'ConsumerGroupHeartbeat',

  encodeRequest(writer, { group, topic }): void {
    writer
      .writeCompactString(group)
      .writeCompactString('') // the coordinator chooses the member id
      .writeInt32(0) // member epoch: joins
      .writeCompactNullableString(null) // instance id
      .writeCompactNullableString(null) // rack id
      .writeInt32(60_000) // rebalance timeout
      .writeCompactArray([topic], (out, name) => out.writeCompactString(name))
      .writeCompactNullableString(null) // assignor
      .writeCompactArray([], () => {}) // owns no partitions
      .writeNoTaggedFields();
  },

  decodeResponse(reader): number {
    reader.readInt32(); // throttle time
    const errorCode = reader.readInt16();
    reader.readRemainingView();
    return errorCode;
  },

  coordinatorError: (errorCode) => errorCode,
};

describe('AdminClient producers', () => {
  const transactionalId = 'mirror.a->b';

  it('bumps the epoch each time and keeps the id', async () => {
    const first = await admin.obtainProducer('mirror.epochs');
    const second = await admin.obtainProducer('mirror.epochs');
    assert.equal(second.producerId, first.producerId);
    assert.equal(second.producerEpoch, first.producerEpoch + 1);
  });

  it('fences older epochs out of every partition by the time it resolves', async () => {
    await newTopic('fenced', 3);
    const old = await admin.obtainProducer(transactionalId);
    const places = [0, 1, 2].map((partition) => ({ cluster, topic: 'fenced', partition }));
    for (const place of places.slice(0, 2)) {
      const { errorCode } = await produceBatch(place, batchOf(4, { ...old, baseSequence: 9 }));
      assert.equal(errorCode, ErrorCode.NONE);
    }
    const partitions = places.map(({ topic, partition }) => ({ topic, partition }));
    const producerEpoch = await admin.fencePartitions({ transactionalId, ...old, partitions });
    assert.equal(producerEpoch, old.producerEpoch + 1);
    for (const place of places) {
      const late = await produceBatch(place, batchOf(1, { ...old, baseSequence: 13 }));
      assert.equal(late.errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);
      const { producerId } = old;
      const fresh = batchOf(1, { producerId, producerEpoch, baseSequence: 0 });
      const { errorCode, baseOffset } = await produceBatch(place, fresh);
      assert.equal(errorCode, ErrorCode.NONE);
      assert.equal(baseOffset, place.partition < 2 ? 5n : 1n); // the marker took one offset
    }
  });

  it('may be repeated at once', async () => {
    const partitions = [{ topic: 'fenced', partition: 0 }];
    let current = await admin.obtainProducer(transactionalId);
    for (let round = 0; round < 3; round++) {
      const fence = { transactionalId, ...current, partitions };
      const producerEpoch = await admin.fencePartitions(fence);
      assert.equal(producerEpoch, current.producerEpoch + 1);
      current = { ...current, producerEpoch };
    }
  });

  it('says so when the transactional id has come to mean another producer', async () => {
    const known = await admin.obtainProducer(transactionalId);
    const partitions = [{ topic: 'fenced', partition: 0 }];
    const stale = { ...known, producerId: known.producerId + 1_000n };
    await assert.rejects(
      admin.fencePartitions({ transactionalId, ...stale, partitions }),
      FenceMissedError,
    );
    const ahead = { ...known, producerEpoch: known.producerEpoch + 100 };
    await assert.rejects(
      admin.fencePartitions({ transactionalId, ...ahead, partitions }),
      FenceMissedError,
    );
  });

  it('names the partition that cannot be fenced', async () => {
    const known = await admin.obtainProducer(transactionalId);
    const partitions = [
      { topic: 'fenced', partition: 0 },
      { topic: 'absent', partition: 7 },
    ];
    await assert.rejects(
      admin.fencePartitions({ transactionalId, ...known, partitions }),
      isApiError('UNKNOWN_TOPIC_OR_PARTITION', 'absent-7'),
    );
  });
});

describe('AdminClient ACLs', () => {
  it('adds and lists those on topics', async () => {
    const binding = {
      resourceType: AclResourceType.topic,
      resourceName: 'orders',
      patternType: AclPatternType.prefixed,
      principal: 'User:alice',
      host: '*',
      operation: AclOperation.read,
      permission: AclPermission.allow,
    };
    const other = { ...binding, resourceName: 'others' };
    const byName = (a: AclBinding, b: AclBinding): number =>
      a.resourceName < b.resourceName ? -1 : 1;
    // A broker that is asked hears of the controller's changes a moment later, in their order.
    const lists = (expected: AclBinding[]): Promise<void> => {
      let listed: AclBinding[] = [];
      return eventually(
        async () => isDeepStrictEqual((listed = (await admin.listAcls()).sort(byName)), expected),
        () => listed,
      );
    };
    await admin.addAcls([binding]);
    await admin.addAcls([binding]);
    await lists([binding]);
    await admin.deleteAcls([{ ...binding, principal: 'User:bob' }]);
    await admin.addAcls([other]);
    await lists([binding, other].sort(byName));
    await admin.deleteAcls([binding, other]);
    await lists([]);
  });
});
