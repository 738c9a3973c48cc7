import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { systemClock } from '../../common/clock.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { describeProducers } from '../../kafka/messages/describe-producers.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { initProducerId } from '../../kafka/messages/init-producer-id.js';
import { produce } from '../../kafka/messages/produce.js';
import {
  attributes,
  baseOffset,
  BASE_OFFSET_OFFSET,
  CONTROL_FLAG,
  TRANSACTIONAL_FLAG,
} from '../../kafka/records/batch-header.js';
import { buildBatch } from '../../kafka/records/build-batch.js';
import { computeBatchCrc } from '../../kafka/records/crc32c.js';
import { patchBatch } from '../../kafka/records/rewrite-header.js';
import { KAFKA_CURRENT, KAFKA_OLDER, startKafka, type KafkaServers } from '../kit/start-kafka.js';
import {
  clusterOf,
  fetchBatches,
  leaderOf,
  produceBatch,
  type Place,
} from './records/on-broker.js';

const SEQUENCE_MAX = 2_147_483_647;

interface Producer {
  producerId: bigint;
  producerEpoch: number;
}

/** A batch of `count` records as a producer sends it. */
function batchOf(count: number, from: Partial<Producer> & { baseSequence?: number } = {}): Buffer {
  const records = Array.from({ length: count }, (_, index) => ({
    key: null,
    value: Buffer.from(`record ${index}`),
    timestamp: 1_700_000_000_000n,
  }));
  return buildBatch({ records, ...from });
}

// What the design stands on, as measured once by hand: each fact here is one that positioned append,
// the fence or the header patch would be wrong without.
for (const version of [KAFKA_CURRENT, KAFKA_OLDER]) {
  describe(`a Kafka ${version} broker`, () => {
    let servers: KafkaServers;
    let cluster: KafkaCluster;
    let admin: AdminClient;
    let topics = 0;

    before(async () => {
      servers = await startKafka({ name: `facts-${version}`, version });
      cluster = clusterOf(servers.bootstrapServers);
      admin = new AdminClient({ cluster, clock: systemClock });
    });

    after(async () => {
      await cluster.close();
      await servers.stop();
    });

    async function newPlace(): Promise<Place> {
      const name = `facts-${(topics += 1)}`;
      await admin.createTopic({ name, partitionCount: 1, replicationFactor: 1 });
      return { cluster, topic: name, partition: 0 };
    }

    it('does not know a transaction coordinator until one was asked for', async () => {
      const request = { transactionalId: 'first', transactionTimeoutMs: 60_000 };
      const answer = await cluster.request('any', initProducerId, {
        ...request,
        producerId: -1n,
        producerEpoch: -1,
      });
      const notYet: number[] = [
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.NOT_COORDINATOR,
      ];
      assert.ok(notYet.includes(answer.errorCode), `error ${answer.errorCode}`);
      // Asking with retries, as we do, gets there.
      assert.ok((await admin.obtainProducer('first')).producerId >= 0n);
    });

    it('refuses a batch whose base offset is not zero', async () => {
      const place = await newPlace();
      const batch = batchOf(1);
      batch.writeBigInt64BE(7n, BASE_OFFSET_OFFSET);
      assert.equal((await produceBatch(place, batch)).errorCode, ErrorCode.INVALID_RECORD);
      batch.writeBigInt64BE(0n, BASE_OFFSET_OFFSET);
      assert.equal((await produceBatch(place, batch)).errorCode, ErrorCode.NONE);
    });

    it('refuses two batches for one partition in one request', async () => {
      const place = await newPlace();
      const nodeId = await leaderOf(place);
      const answer = await cluster.request({ nodeId }, produce, {
        transactionalId: null,
        acks: -1,
        timeoutMs: 10_000,
        topics: [
          {
            name: place.topic,
            partitions: [{ partitionIndex: 0, records: [batchOf(1), batchOf(1)] }],
          },
        ],
      });
      assert.equal(answer.topics[0]?.partitions[0]?.errorCode, ErrorCode.INVALID_RECORD);
    });

    it('finds a flipped bit of the payload', async () => {
      const place = await newPlace();
      const batch = batchOf(1);
      batch[batch.length - 1]! ^= 1;
      assert.equal((await produceBatch(place, batch)).errorCode, ErrorCode.CORRUPT_MESSAGE);
    });

    it('accepts a header whose CRC was patched without reading the payload', async () => {
      const place = await newPlace();
      const batch = batchOf(3);
      patchBatch(batch, { producerId: 4_242n, producerEpoch: 3, baseSequence: 9 });
      assert.equal(batch.readUInt32BE(17), computeBatchCrc(batch));
      assert.equal((await produceBatch(place, batch)).errorCode, ErrorCode.NONE);
    });

    it('refuses what leaves offsets out, and what claims to be a marker', async () => {
      const place = await newPlace();
      const value = { key: null, value: Buffer.from('x'), timestamp: 1n };
      const gapped = buildBatch({ records: [value, { ...value, offsetDelta: 5 }] });
      const control = buildBatch({ records: [value], flags: CONTROL_FLAG });
      for (const batch of [gapped, control]) {
        assert.notEqual((await produceBatch(place, batch)).errorCode, ErrorCode.NONE);
      }
    });

    it('takes any first sequence of a producer, and then only the next', async () => {
      const place = await newPlace();
      const producer = { producerId: 777n, producerEpoch: 0 };
      const send = (baseSequence: number): ReturnType<typeof produceBatch> =>
        produceBatch(place, batchOf(5, { ...producer, baseSequence }));
      assert.deepEqual([(await send(55_555)).errorCode, (await send(55_560)).errorCode], [0, 0]);
      // Five too high, and overlapping by three.
      assert.equal((await send(55_570)).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
      assert.equal((await send(55_562)).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
      // An exact repeat is answered with where it was put the first time.
      const repeat = await send(55_560);
      assert.deepEqual([repeat.errorCode, repeat.baseOffset], [ErrorCode.NONE, 5n]);
      assert.equal((await send(55_565)).baseOffset, 10n);
    });

    it('goes on at sequence zero after the largest one', async () => {
      const place = await newPlace();
      const producer = { producerId: 778n, producerEpoch: 0 };
      const last = batchOf(5, { ...producer, baseSequence: SEQUENCE_MAX - 4 });
      assert.equal((await produceBatch(place, last)).errorCode, ErrorCode.NONE);
      const next = batchOf(5, { ...producer, baseSequence: 0 });
      assert.deepEqual((await produceBatch(place, next)).baseOffset, 5n);
    });

    it('takes plain batches of a transactional producer, and fences its older epochs', async () => {
      const place = await newPlace();
      const { topic } = place;
      const transactionalId = `mirror.${topic}`;
      const producer = await admin.obtainProducer(transactionalId);
      const plain = batchOf(4, { ...producer, baseSequence: 0 });
      assert.equal((await produceBatch(place, plain)).errorCode, ErrorCode.NONE);

      const partitions = [{ topic, partition: 0 }];
      const epoch = await admin.fencePartitions({ transactionalId, ...producer, partitions });
      assert.equal(await lastSequenceOf(place, producer.producerId), -1);

      const late = batchOf(1, { ...producer, baseSequence: 4 });
      const refused = await produceBatch(place, late);
      assert.equal(refused.errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);

      const renewed = { ...producer, producerEpoch: epoch };
      const first = await produceBatch(place, batchOf(2, { ...renewed, baseSequence: 0 }));
      const second = await produceBatch(place, batchOf(2, { ...renewed, baseSequence: 2 }));
      assert.deepEqual([first.baseOffset, second.baseOffset], [5n, 7n]);
      const marker = (await fetchBatches(place, 4n))[0]!;
      assert.equal(baseOffset(marker), 4n);
      assert.equal(attributes(marker), CONTROL_FLAG | TRANSACTIONAL_FLAG);
      assert.equal(await lastSequenceOf(place, producer.producerId), 3);
    });

    async function lastSequenceOf(place: Place, producerId: bigint): Promise<number | undefined> {
      const nodeId = await leaderOf(place);
      const wanted = { name: place.topic, partitionIndexes: [0] };
      const answer = await cluster.request({ nodeId }, describeProducers, { topics: [wanted] });
      const producers = answer.topics[0]?.partitions[0]?.activeProducers ?? [];
      return producers.find((producer) => producer.producerId === producerId)?.lastSequence;
    }
  });
}
