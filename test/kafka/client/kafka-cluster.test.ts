import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { KafkaCluster, type KafkaClusterOptions } from '../../../kafka/client/index.js';
import { findCoordinator } from '../../../kafka/messages/find-coordinator.js';
import { initProducerId } from '../../../kafka/messages/init-producer-id.js';
import { listOffsets } from '../../../kafka/messages/list-offsets.js';
import { metadata } from '../../../kafka/messages/metadata.js';
import { produce } from '../../../kafka/messages/produce.js';
import { Writer } from '../../../kafka/wire/index.js';
import { metadataBody, TOPIC_ID } from './metadata-body.js';
import { ScriptedBroker, answer, type ReceivedRequest } from './scripted-broker.js';

let broker: ScriptedBroker;
let other: ScriptedBroker;
const made: KafkaCluster[] = [];

function cluster(options: Partial<KafkaClusterOptions> = {}): KafkaCluster {
  const kafka = new KafkaCluster({
    alias: 'source',
    bootstrapServers: [`127.0.0.1:${broker.port}`],
    clientId: 'test',
    clock: systemClock,
    log: silentLogger,
    random: () => 0,
    ...options,
  });
  made.push(kafka);
  return kafka;
}

/** Two brokers; topic t has one partition, led by `leaderId`. */
function twoBrokers(leaderId: number, leaderEpoch: number): Buffer {
  const topics = [{ name: 't', leaders: [leaderId], leaderEpoch }];
  return metadataBody({ ports: [broker.port, other.port], topics });
}

function offsetsBody(errorCode: number, offset: bigint): Buffer {
  return new Writer()
    .writeInt32(0)
    .writeCompactArray(['t'], (writer, name) =>
      writer
        .writeCompactString(name)
        .writeCompactArray([0], (out, partitionIndex) =>
          out
            .writeInt32(partitionIndex)
            .writeInt16(errorCode)
            .writeInt64(-1n)
            .writeInt64(offset)
            .writeInt32(0)
            .writeNoTaggedFields(),
        )
        .writeNoTaggedFields(),
    )
    .writeNoTaggedFields()
    .toBuffer();
}

function coordinatorBody(nodeId: number, port: number, errorCode = 0): Buffer {
  return new Writer()
    .writeInt32(0)
    .writeCompactArray(['mirror.a'], (writer, key) =>
      writer
        .writeCompactString(key)
        .writeInt32(nodeId)
        .writeCompactString('127.0.0.1')
        .writeInt32(port)
        .writeInt16(errorCode)
        .writeCompactNullableString(null)
        .writeNoTaggedFields(),
    )
    .writeNoTaggedFields()
    .toBuffer();
}

function producerIdBody(errorCode: number): Buffer {
  const writer = new Writer().writeInt32(0).writeInt16(errorCode).writeInt64(9n).writeInt16(0);
  return writer.writeNoTaggedFields().toBuffer();
}

async function expect(from: ScriptedBroker, apiKey: number): Promise<ReceivedRequest> {
  const request = await from.next();
  assert.equal(request.apiKey, apiKey);
  return request;
}

const asked = {
  transactionalId: 'mirror.a',
  transactionTimeoutMs: 1,
  producerId: -1n,
  producerEpoch: -1,
};

describe('KafkaCluster', () => {
  beforeEach(async () => {
    broker = await ScriptedBroker.listen();
    other = await ScriptedBroker.listen();
  });

  afterEach(async () => {
    const closings = made.splice(0).map((one) => one.close());
    await Promise.all([broker.close(), other.close(), ...closings]);
  });

  it('joins equal metadata questions, and one caller who leaves does not stop the others', async () => {
    const kafka = cluster();
    const abort = new AbortController();
    const reason = new Error('lost interest');
    const left = assert.rejects(kafka.metadata(['t'], { signal: abort.signal }), reason);
    const stayed = kafka.metadata(['t']);
    const request = await expect(broker, metadata.key);
    abort.abort(reason);
    await left;
    answer(request, twoBrokers(2, 4));
    assert.equal((await stayed).topics.get('t')?.topicId, TOPIC_ID);
    assert.deepEqual(kafka.leaderOf('t', 0), { nodeId: 2, leaderEpoch: 4 });
    assert.equal(kafka.topicIdOf('t'), TOPIC_ID);
    assert.equal(kafka.topicNameOf(TOPIC_ID), 't');
  });

  it('asks the next server when one is not there', async () => {
    const gone = await ScriptedBroker.listen();
    const servers = [`127.0.0.1:${gone.port}`, `127.0.0.1:${broker.port}`];
    await gone.close();
    const asking = cluster({ bootstrapServers: servers }).metadata(null);
    answer(await expect(broker, metadata.key), twoBrokers(1, 0));
    assert.equal((await asking).clusterId, 'cluster-id');
  });

  it('asks the next server when one hangs up on the question', async () => {
    const servers = [`127.0.0.1:${other.port}`, `127.0.0.1:${broker.port}`];
    const asking = cluster({ bootstrapServers: servers }).metadata(null);
    (await expect(other, metadata.key)).socket.destroy();
    answer(await expect(broker, metadata.key), twoBrokers(1, 0));
    await asking;
  });

  it('lists what every server answered when none does', async () => {
    const gone = await ScriptedBroker.listen();
    const address = `127.0.0.1:${gone.port}`;
    await gone.close();
    const asking = cluster({ bootstrapServers: [address] }).metadata(null);
    await assert.rejects(asking, (error: Error & { attempts?: { address: string }[] }) => {
      assert.equal(error.attempts?.[0]?.address, address);
      assert.match(error.message, /cluster source: .*ECONNREFUSED/);
      return true;
    });
  });

  it('has one socket per node and lane, and opens another when it is broken', async () => {
    const kafka = cluster();
    const asking = kafka.metadata(['t']);
    answer(await expect(broker, metadata.key), twoBrokers(2, 0));
    await asking;
    const [first, joined, lane] = await Promise.all([
      kafka.connection(2, 'fetch'),
      kafka.connection(2, 'fetch'),
      kafka.connection(2, 'produce'),
    ]);
    assert.equal(first, joined);
    assert.notEqual(first, lane);
    assert.equal(other.accepted, 2);
    first.destroy(new Error('test'));
    const again = await kafka.connection(2, 'fetch');
    assert.notEqual(again, first);
    assert.equal(other.accepted, 3);
  });

  it('waits longer and longer for a broker that drops every connection', async () => {
    const kafka = cluster();
    const asking = kafka.metadata(['t']);
    answer(await expect(broker, metadata.key), twoBrokers(2, 0));
    await asking;
    other.onSocket = (socket) => socket.destroy();
    const startMs = performance.now();
    for (let attempt = 0; attempt < 4; attempt += 1) {
      await assert.rejects(kafka.connection(2, 'fetch'), { code: 'MIRROR_CONNECTION' });
    }
    // After the first three failures: 40, 80 and 160 ms with the jitter at its lowest.
    assert(performance.now() - startMs >= 40 + 80 + 160 - 3);
    assert.equal(other.accepted, 4);
  });

  it('finds the coordinator again when it is not the one', async () => {
    const kafka = cluster();
    const request = kafka.request({ transactionalId: 'mirror.a' }, initProducerId, asked);
    // Not there yet, as on a fresh cluster; then broker 1; which sends us to broker 2.
    answer(await expect(broker, findCoordinator.key), coordinatorBody(-1, -1, 15));
    answer(await expect(broker, findCoordinator.key), coordinatorBody(1, broker.port));
    answer(await expect(broker, initProducerId.key), producerIdBody(16));
    answer(await expect(broker, findCoordinator.key), coordinatorBody(2, other.port));
    answer(await expect(other, initProducerId.key), producerIdBody(14));
    answer(await expect(other, initProducerId.key), producerIdBody(0));
    assert.equal((await request).producerId, 9n);
  });

  it('does not send again what may have been carried out', async () => {
    const kafka = cluster();
    const request = kafka.request({ transactionalId: 'mirror.a' }, initProducerId, asked);
    const fails = assert.rejects(request, { code: 'MIRROR_CONNECTION', sent: true });
    answer(await expect(broker, findCoordinator.key), coordinatorBody(2, other.port));
    (await expect(other, initProducerId.key)).socket.destroy();
    await fails;
    const again = kafka.request({ transactionalId: 'mirror.a' }, initProducerId, asked);
    // And looks for the coordinator anew, as the old one may be gone.
    answer(await expect(broker, findCoordinator.key), coordinatorBody(1, broker.port));
    answer(await expect(broker, initProducerId.key), producerIdBody(0));
    await again;
  });

  it('follows a leader that has moved while it looks up offsets', async () => {
    const kafka = cluster();
    const lookup = kafka.listOffsets([{ topic: 't', partition: 0 }], -1n);
    answer(await expect(broker, metadata.key), twoBrokers(1, 3));
    answer(await expect(broker, listOffsets.key), offsetsBody(6, -1n));
    answer(await expect(broker, metadata.key), twoBrokers(2, 4));
    answer(await expect(other, listOffsets.key), offsetsBody(0, 77n));
    assert.equal((await lookup).get('t:0')?.offset, 77n);
  });

  it('reports a node that the cluster does not list', async () => {
    const kafka = cluster();
    const connection = kafka.connection(9, 'fetch');
    const fails = assert.rejects(connection, { code: 'MIRROR_CONNECTION', sent: false });
    answer(await expect(broker, metadata.key), twoBrokers(1, 0));
    await fails;
  });

  it('refuses requests once it is closed', async () => {
    const kafka = cluster();
    await kafka.close();
    const request = { transactionalId: null, acks: -1, timeoutMs: 1, topics: [] } as const;
    const refused = kafka.request('any', produce, { ...request, topics: [] });
    await assert.rejects(refused, { code: 'MIRROR_CLOSED' });
    await assert.rejects(kafka.metadata(null), { code: 'MIRROR_CLOSED' });
  });
});
