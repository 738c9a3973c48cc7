import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { KafkaCluster } from '../../../kafka/client/index.js';
import { addPartitionsToTxn } from '../../../kafka/messages/add-partitions-to-txn.js';
import { describeGroups } from '../../../kafka/messages/describe-groups.js';
import { describeProducers } from '../../../kafka/messages/describe-producers.js';
import { endTxn } from '../../../kafka/messages/end-txn.js';
import { fetch } from '../../../kafka/messages/fetch.js';
import { initProducerId } from '../../../kafka/messages/init-producer-id.js';
import { listGroups } from '../../../kafka/messages/list-groups.js';
import { TIMESTAMP_LATEST } from '../../../kafka/messages/list-offsets.js';
import { offsetCommit } from '../../../kafka/messages/offset-commit.js';
import { offsetFetch } from '../../../kafka/messages/offset-fetch.js';
import { offsetForLeaderEpoch } from '../../../kafka/messages/offset-for-leader-epoch.js';
import {
  KAFKA_CURRENT,
  KAFKA_OLDER,
  startKafka,
  type KafkaServers,
} from '../../kit/start-kafka.js';

/** The offsets topic, which every broker makes by itself when a group is first asked about. */
const TOPIC = '__consumer_offsets';

const GROUP = 'readers';
const TRANSACTIONAL_ID = 'mirror.a';

for (const version of [KAFKA_CURRENT, KAFKA_OLDER]) {
  describe(`KafkaCluster on Kafka ${version}`, () => {
    let servers: KafkaServers;
    let kafka: KafkaCluster;

    before(async () => {
      servers = await startKafka({ name: `client-${version}`, version });
      kafka = new KafkaCluster({
        alias: 'source',
        bootstrapServers: servers.bootstrapServers.split(','),
        clientId: 'test',
        clock: systemClock,
        log: silentLogger,
      });
    });

    after(async () => {
      await kafka.close();
      await servers.stop();
    });

    it('commits and fetches offsets through a coordinator that must first be made', async () => {
      const partition = { partitionIndex: 0, committedLeaderEpoch: -1, committedMetadata: 'm' };
      const topics = [{ name: TOPIC, partitions: [{ ...partition, committedOffset: 3n }] }];
      const outside = { generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null };
      const commit = { groupId: GROUP, ...outside, topics };
      // The topic must be known to the broker for the commit to be taken.
      await kafka.request({ group: GROUP }, describeGroups, { groups: [GROUP] });
      const committed = await kafka.request({ group: GROUP }, offsetCommit, commit);
      assert.equal(committed.topics[0]?.partitions[0]?.errorCode, 0);

      const question = { groups: [{ groupId: GROUP, topics: null }], requireStable: true };
      const { groups } = await kafka.request({ group: GROUP }, offsetFetch, question);
      assert.equal(groups[0]?.topics[0]?.partitions[0]?.committedOffset, 3n);
      const listed = await kafka.request('any', listGroups, { statesFilter: ['Empty'] });
      assert.deepEqual(
        listed.groups.map(({ groupId }) => groupId),
        [GROUP],
      );
      const described = await kafka.request({ group: GROUP }, describeGroups, { groups: [GROUP] });
      assert.equal(described.groups[0]?.groupState, 'Empty');
    });

    it('finds leaders, end offsets, epochs and batches', async () => {
      const topic = (await kafka.metadata([TOPIC])).topics.get(TOPIC);
      assert(topic !== undefined);
      const items = topic.partitions.map(({ partitionIndex }) => ({
        topic: TOPIC,
        partition: partitionIndex,
      }));
      const ends = await kafka.listOffsets(items, TIMESTAMP_LATEST);
      const written = items.find(
        (item) => (ends.get(`${TOPIC}:${item.partition}`)?.offset ?? 0n) > 0n,
      );
      assert(written !== undefined);
      const { partition } = written;
      const { nodeId, leaderEpoch } = kafka.leaderOf(TOPIC, partition) ?? assert.fail();

      const wanted = { partition, currentLeaderEpoch: leaderEpoch, leaderEpoch };
      const epochs = { topics: [{ topic: TOPIC, partitions: [wanted] }] };
      const { topics } = await kafka.request({ nodeId }, offsetForLeaderEpoch, epochs);
      const end = ends.get(`${TOPIC}:${partition}`)?.offset;
      assert.equal(topics[0]?.partitions[0]?.endOffset, end);

      const from = { fetchOffset: 0n, lastFetchedEpoch: -1, partitionMaxBytes: 1 << 20 };
      const part = { partition, currentLeaderEpoch: leaderEpoch, ...from };
      const session = { sessionId: 0, sessionEpoch: 0, forgottenTopics: [], rackId: '' };
      const limits = { maxWaitMs: 100, minBytes: 1, maxBytes: 1 << 20, isolationLevel: 1 };
      const fetched = await kafka.request({ nodeId }, fetch, {
        ...limits,
        ...session,
        topics: [{ topicId: topic.topicId, partitions: [part] }],
      });
      assert(fetched.sessionId > 0);
      const answered = fetched.responses[0]?.partitions[0];
      assert.equal(answered?.highWatermark, end);
      assert((answered?.records?.length ?? 0) > 61);
    });

    it('bumps a producer epoch and ends an empty transaction', async () => {
      const to = { transactionalId: TRANSACTIONAL_ID };
      const ask = { ...to, transactionTimeoutMs: 60_000, producerId: -1n, producerEpoch: -1 };
      const first = await kafka.request(to, initProducerId, ask);
      const { producerId, producerEpoch, errorCode } = await kafka.request(to, initProducerId, ask);
      assert.equal(errorCode, 0);
      assert.deepEqual([producerId, producerEpoch], [first.producerId, first.producerEpoch + 1]);

      const us = { ...to, producerId, producerEpoch };
      // Internal topics take no transactions: that it is refused for that reason shows the way.
      const topics = [{ name: 'absent', partitions: [0] }];
      const added = await kafka.request(to, addPartitionsToTxn, { ...us, topics });
      assert.equal(added.results[0]?.partitions[0]?.errorCode, 3);
      const ended = await kafka.request(to, endTxn, { ...us, committed: false });
      assert.equal(ended.errorCode, 48); // nothing was begun
      const described = await kafka.request('any', describeProducers, {
        topics: [{ name: TOPIC, partitionIndexes: [0] }],
      });
      assert.equal(described.topics[0]?.partitions[0]?.errorCode, 0);
    });

    it('comes back after its broker was killed and started again', async () => {
      const broker = servers.brokers[0] ?? assert.fail();
      await broker.kill();
      await assert.rejects(kafka.metadata([]), { code: 'MIRROR_CLUSTER_UNREACHABLE' });
      await broker.start();
      assert.equal((await kafka.metadata([])).brokers.length, 1);
    });
  });
}
