import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../../../kafka/client/index.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import {
  PAYLOAD_OFFSET,
  codec,
  isControl,
  recordCount,
  timestampType,
} from '../../../kafka/records/batch-header.js';
import { buildBatch, readBatch, type NewRecord } from '../../../kafka/records/build-batch.js';
import { coalesceBatches } from '../../../kafka/records/coalesce.js';
import { Codec, initCodecs, type CodecName } from '../../../kafka/records/compression.js';
import { controlType } from '../../../kafka/records/control-record.js';
import { payloadCrc, verifyBatchCrc } from '../../../kafka/records/crc32c.js';
import { reencodeBatch } from '../../../kafka/records/reencode.js';
import { patchBatch } from '../../../kafka/records/rewrite-header.js';
import { eventually } from '../../kit/eventually.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { contents } from './arbitraries.js';
import { clusterOf, fetchBatches, leaderOf, produceBatch, type Place } from './on-broker.js';

const NAMES = Object.keys(Codec) as CodecName[];
const NOW = BigInt(Date.now());

/** Some 3 MB in all: more than one block of every codec, and more than zstd's first guess. */
function sampleRecords(count: number, valueBytes: number): NewRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    key: index % 3 === 0 ? null : Buffer.from(`key-${index}`),
    value: index % 7 === 0 ? null : Buffer.alloc(valueBytes, `value ${index} `),
    timestamp: NOW - BigInt((index * 37) % 1_000),
    headers: [
      { key: Buffer.from('trace'), value: Buffer.from(String(index)) },
      { key: Buffer.from('trace'), value: null },
    ],
  }));
}

describe('batches on a real broker', () => {
  let kafka: KafkaServers;
  let cluster: KafkaCluster;
  let admin: AdminClient;

  before(async () => {
    await initCodecs();
    kafka = await startKafka({ name: 'records' });
    cluster = clusterOf(kafka.bootstrapServers);
    admin = new AdminClient({ cluster, clock: systemClock });
  });

  after(async () => {
    await cluster?.close();
    await kafka?.stop();
  });

  async function newTopic(name: string, configs: Record<string, string> = {}): Promise<Place> {
    const limits = { 'max.message.bytes': '10000000', ...configs };
    await admin.createTopic({ name, partitionCount: 1, replicationFactor: 1, configs: limits });
    const place = { cluster, topic: name, partition: 0 };
    await leaderOf(place);
    return place;
  }

  async function mustProduce(place: Place, batch: Buffer): Promise<bigint> {
    const { errorCode, errorMessage, baseOffset } = await produceBatch(place, batch);
    assert.equal(errorCode, ErrorCode.NONE, errorMessage ?? '');
    return baseOffset;
  }

  for (const name of NAMES) {
    // A topic of another codec makes the broker decompress ours and compress with Java's.
    it(`are read by the broker's own ${name}, and its ${name} by us`, async () => {
      const list = sampleRecords(500, 6_000);
      const plain = await newTopic(`plain-${name}`, { 'compression.type': 'uncompressed' });
      await mustProduce(plain, buildBatch({ records: list, codec: Codec[name] }));
      const [stored] = await fetchBatches(plain);
      assert.equal(codec(stored!), Codec.none);
      assert.deepEqual(contents(readBatch(stored!)), contents(list));

      const type = name === 'none' ? 'producer' : name;
      const packed = await newTopic(`packed-${name}`, { 'compression.type': type });
      await mustProduce(packed, buildBatch({ records: list }));
      const [theirs] = await fetchBatches(packed);
      assert.equal(codec(theirs!), Codec[name]);
      assert.deepEqual(contents(readBatch(theirs!)), contents(list));
    });

    it(`are accepted when patched, coalesced and re-encoded in ${name}`, async () => {
      const source = await newTopic(`source-${name}`);
      const list = sampleRecords(60, 500);
      for (let start = 0; start < list.length; start += 20) {
        const part = list.slice(start, start + 20);
        await mustProduce(source, buildBatch({ records: part, codec: Codec[name] }));
      }
      const fetched = await fetchBatches(source);
      assert.equal(fetched.length, 3);
      const target = await newTopic(`target-${name}`);
      const { producerId, producerEpoch } = await admin.obtainProducer(`mirror.${name}`);
      const payload = payloadCrc(fetched[0]!);
      const gapless = reencodeBatch(fetched[0]!, { fromOffset: 5n })!.batch;
      const joined = coalesceBatches([fetched[1]!, fetched[2]!]);
      let baseSequence = 0;
      for (const batch of [fetched[0]!, gapless, joined]) {
        patchBatch(batch, { producerId, producerEpoch, baseSequence });
        assert.equal(await mustProduce(target, batch), BigInt(baseSequence));
        baseSequence += recordCount(batch);
      }
      const copied = await fetchBatches(target);
      assert.equal(payloadCrc(copied[0]!), payload);
      assert.ok(copied.every(verifyBatchCrc));
      const expected = [...list.slice(0, 20), ...list.slice(5, 20), ...list.slice(20)];
      assert.deepEqual(contents(copied.flatMap((batch) => readBatch(batch))), contents(expected));
    });
  }

  it('are refused with a flipped payload bit, patched or not', async () => {
    const place = await newTopic('flipped');
    const batch = buildBatch({ records: sampleRecords(3, 100) });
    batch[PAYLOAD_OFFSET + 50]! ^= 1;
    patchBatch(batch, { producerId: -1n, producerEpoch: -1, baseSequence: -1 });
    const { errorCode } = await produceBatch(place, batch);
    assert.equal(errorCode, ErrorCode.CORRUPT_MESSAGE);
  });

  it('keep the timestamps that a LogAppendTime broker gave them', async () => {
    const stamped = await newTopic('stamped', { 'message.timestamp.type': 'LogAppendTime' });
    await mustProduce(stamped, buildBatch({ records: sampleRecords(9, 50), codec: Codec.lz4 }));
    const [source] = await fetchBatches(stamped);
    assert.equal(timestampType(source!), 'LogAppendTime');
    const target = await newTopic('unstamped');
    const { batch } = reencodeBatch(source!)!;
    patchBatch(batch, { producerId: -1n, producerEpoch: -1, baseSequence: -1 });
    await mustProduce(target, batch);
    const [copied] = await fetchBatches(target);
    assert.equal(timestampType(copied!), 'CreateTime');
    assert.deepEqual(contents(readBatch(copied!)), contents(readBatch(source!)));
  });

  it('tell an abort marker by its control record', async () => {
    const place = await newTopic('marked');
    const fenced = await admin.obtainProducer('marker');
    const { topic, partition } = place;
    const transactionalId = 'marker';
    await admin.fencePartitions({ transactionalId, ...fenced, partitions: [{ topic, partition }] });
    // It is in the log before it can be read.
    let marker: Buffer | undefined;
    await eventually(async () => ([marker] = await fetchBatches(place)).length > 0);
    assert.ok(isControl(marker!));
    assert.equal(controlType(marker!.subarray(PAYLOAD_OFFSET)), 'abort');
  });
});
