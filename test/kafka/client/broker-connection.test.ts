import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { BrokerConnection, type BrokerConnectionOptions } from '../../../kafka/client/index.js';
import { WAITING_REQUESTS_MAX } from '../../../kafka/client/request-pipeline.js';
import { describeProducers } from '../../../kafka/messages/describe-producers.js';
import { endTxn } from '../../../kafka/messages/end-txn.js';
import { initProducerId } from '../../../kafka/messages/init-producer-id.js';
import { produce } from '../../../kafka/messages/produce.js';
import { Writer } from '../../../kafka/wire/index.js';
import { DelayProxy } from '../../kit/delay-proxy.js';
import { eventually } from '../../kit/eventually.js';
import { ManualClock } from '../../kit/manual-clock.js';
import { ScriptedBroker, answer } from './scripted-broker.js';

const REQUEST_TIMEOUT_MS = 1_000;

let broker: ScriptedBroker;
let clock: ManualClock;
const opened: BrokerConnection[] = [];

async function open(options: Partial<BrokerConnectionOptions> = {}): Promise<BrokerConnection> {
  const { port } = broker;
  const connection = await BrokerConnection.open({
    host: '127.0.0.1',
    port,
    clientId: 'test',
    clock,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    ...options,
  });
  opened.push(connection);
  return connection;
}

const asked = {
  transactionalId: 'mirror.a',
  transactionTimeoutMs: 1,
  producerId: -1n,
  producerEpoch: -1,
};

function answerBody(producerId: bigint): Buffer {
  const writer = new Writer().writeInt32(0).writeInt16(0).writeInt64(producerId).writeInt16(0);
  return writer.writeNoTaggedFields().toBuffer();
}

describe('BrokerConnection', () => {
  beforeEach(async () => {
    broker = await ScriptedBroker.listen();
    clock = new ManualClock();
  });

  afterEach(async () => {
    for (const connection of opened.splice(0)) connection.destroy(new Error('test is over'));
    await broker.close();
  });

  it('pipelines requests and answers each with its own', async () => {
    const connection = await open();
    const answers = [1n, 2n, 3n].map(() => connection.request(initProducerId, asked));
    for (const producerId of [1n, 2n, 3n]) answer(await broker.next(), answerBody(producerId));
    const producerIds = (await Promise.all(answers)).map((response) => response.producerId);
    assert.deepEqual(producerIds, [1n, 2n, 3n]);
  });

  it('holds back what is above its inflight limit', async () => {
    const connection = await open({ inflightRequestsMax: 1 });
    const first = connection.request(initProducerId, asked);
    const second = connection.request(initProducerId, asked);
    const received = await broker.next();
    assert.equal(connection.inflightRequests, 2);
    assert(connection.bufferedBytes > 0);
    answer(received, answerBody(1n));
    await first;
    answer(await broker.next(), answerBody(2n));
    assert.equal((await second).producerId, 2n);
    assert.equal(connection.bufferedBytes, 0);
  });

  it('refuses more waiting requests than its limit', async () => {
    const connection = await open({ inflightRequestsMax: 1 });
    const ignored: Promise<unknown>[] = [];
    for (let count = 0; count < WAITING_REQUESTS_MAX; count += 1) {
      ignored.push(connection.request(initProducerId, asked).catch(() => {}));
    }
    const code = 'MIRROR_REQUEST_QUEUE_FULL';
    await assert.rejects(connection.request(initProducerId, asked), { code, retriable: true });
    connection.destroy(new Error('enough'));
    await Promise.all(ignored);
  });

  it('gives up the connection with a request that times out, and fails the others', async () => {
    const connection = await open({ inflightRequestsMax: 2 });
    const patient = { timeoutMs: REQUEST_TIMEOUT_MS * 2 };
    const first = connection.request(initProducerId, asked);
    const sent = connection.request(initProducerId, asked, patient);
    const waiting = connection.request(initProducerId, asked, patient);
    const failures = [
      assert.rejects(first, { code: 'MIRROR_TIMEOUT' }),
      assert.rejects(sent, { code: 'MIRROR_CONNECTION', sent: true }),
      assert.rejects(waiting, { code: 'MIRROR_CONNECTION', sent: false }),
    ];
    const received = await broker.next();
    await clock.advance(REQUEST_TIMEOUT_MS);
    await Promise.all(failures);
    assert.equal(connection.usable, false);

    // Its late answer finds nobody, and a new request is refused rather than mixed up with it.
    answer(received, answerBody(1n));
    const refused = connection.request(initProducerId, asked);
    await assert.rejects(refused, { code: 'MIRROR_CONNECTION', sent: false });
  });

  it('takes back a request that times out, as far as the network still has it', async () => {
    await using link = await DelayProxy.start({ roundTripMs: 0 });
    link.leadTo(broker.port);
    let isReset = false;
    broker.onSocket = (socket) => socket.once('close', () => (isReset = true));
    const connection = await open({ port: link.port });
    link.hold();
    const request = connection.request(initProducerId, asked);
    const fails = assert.rejects(request, { code: 'MIRROR_TIMEOUT' });
    await new Promise((resolve) => setImmediate(resolve)); // requests leave at the end of the tick
    await clock.advance(REQUEST_TIMEOUT_MS);
    await fails;
    let isThere = false;
    void broker.next().then(() => (isThere = true));
    // Of a socket that is only closed, the link passes on what it holds, and ends then.
    await eventually(() => isReset);
    link.release();
    assert.equal(isThere, false);
  });

  it('times out a request that still waits without touching those in flight', async () => {
    const connection = await open({ inflightRequestsMax: 1 });
    const first = connection.request(initProducerId, asked);
    const options = { timeoutMs: REQUEST_TIMEOUT_MS / 2 };
    const hurried = connection.request(initProducerId, asked, options);
    const fails = assert.rejects(hurried, { code: 'MIRROR_TIMEOUT' });
    const received = await broker.next();
    await clock.advance(options.timeoutMs);
    await fails;
    answer(received, answerBody(7n));
    assert.equal((await first).producerId, 7n);
  });

  it('drops the answer of an aborted request and keeps the order of the others', async () => {
    const connection = await open();
    const abort = new AbortController();
    const reason = new Error('lost interest');
    const aborted = connection.request(initProducerId, asked, { signal: abort.signal });
    const other = connection.request(initProducerId, asked);
    const [first, second] = [await broker.next(), await broker.next()];
    abort.abort(reason);
    await assert.rejects(aborted, reason);
    answer(first, answerBody(1n));
    answer(second, answerBody(2n));
    assert.equal((await other).producerId, 2n);
    assert.equal(connection.usable, true);
  });

  it('fails what is under way when the broker hangs up', async () => {
    const connection = await open();
    const request = connection.request(initProducerId, asked);
    const fails = assert.rejects(request, {
      code: 'MIRROR_CONNECTION',
      retriable: true,
      sent: true,
      broker: `127.0.0.1:${broker.port}`,
    });
    (await broker.next()).socket.destroy();
    await fails;
    await connection.closed;
  });

  it('drops a broker that answers out of order', async () => {
    const connection = await open();
    const request = connection.request(initProducerId, asked);
    const fails = assert.rejects(request, { code: 'MIRROR_CONNECTION', sent: true });
    const { socket, correlationId } = await broker.next();
    answer({ socket, correlationId: correlationId + 1 }, answerBody(1n));
    await fails;
  });

  it('drops a broker that announces a frame above the limit', async () => {
    const connection = await open({ frameBytesMax: 2048 });
    const fails = assert.rejects(connection.request(initProducerId, asked), {
      code: 'MIRROR_CONNECTION',
    });
    const { socket } = await broker.next();
    socket.write(new Writer().writeInt32(2049).toBuffer());
    await fails;
    assert.equal(connection.usable, false);
  });

  it('drops a broker whose answer cannot be read, and says so', async () => {
    const connection = await open();
    const fails = assert.rejects(connection.request(initProducerId, asked), {
      code: 'MIRROR_WIRE_FORMAT',
    });
    answer(await broker.next(), Buffer.from([0, 0]));
    await fails;
    assert.equal(connection.usable, false);
  });

  it('names broker, API, and both versions when they do not meet', async () => {
    const connection = await open();
    const ended = { transactionalId: 'a', producerId: 1n, producerEpoch: 0, committed: false };
    await assert.rejects(connection.request(endTxn, ended), {
      code: 'MIRROR_UNSUPPORTED_VERSION',
      api: 'EndTxn',
      wantedVersion: 3,
      offered: { minVersion: 0, maxVersion: 2 },
      broker: connection.broker,
    });
    const unknown = connection.request(describeProducers, { topics: [] });
    await assert.rejects(unknown, { code: 'MIRROR_UNSUPPORTED_VERSION', offered: undefined });
  });

  it('sends the bytes of a batch as they are, in the middle of the request', async () => {
    const connection = await open();
    const records = [Buffer.alloc(100, 1), Buffer.alloc(100_000, 2)];
    const topics = [{ name: 't', partitions: [{ partitionIndex: 0, records }] }];
    const request = { transactionalId: null, acks: -1, timeoutMs: 1, topics } as const;
    const fails = assert.rejects(connection.request(produce, { ...request, topics }));
    const { body, socket } = await broker.next();
    const expected = new Writer();
    produce.encodeRequest(expected, { ...request, topics });
    assert.deepEqual(body.readRemainingView(), expected.toBuffer());
    socket.destroy();
    await fails;
  });

  it("carries somebody else's codecs", async () => {
    const connection = await open();
    const flexible = { requestHeaderFlexible: true, responseHeaderFlexible: true };
    const raw = connection.rawRequest({ key: 60, version: 1 }, Buffer.from('ask'), flexible);
    const received = await broker.next();
    assert.equal(received.body.readRemainingView().toString(), 'ask');
    answer(received, Buffer.from('told'));
    assert.equal((await raw).toString(), 'told');
  });

  it('waits for its answers when it is closed, and joins repeated calls', async () => {
    const connection = await open();
    const request = connection.request(initProducerId, asked);
    const received = await broker.next();
    const closing = connection.close();
    assert.equal(connection.close(), closing);
    await assert.rejects(connection.request(initProducerId, asked), { code: 'MIRROR_CLOSED' });
    answer(received, answerBody(5n));
    assert.equal((await request).producerId, 5n);
    await closing;
  });

  it('gives up connecting when it takes longer than its limit', async () => {
    broker.onSocket = (socket) => socket.pause(); // accepted, never served
    const accepted = open({ connectTimeoutMs: 300 });
    const fails = assert.rejects(accepted, { code: 'MIRROR_TIMEOUT' });
    while (clock.sleeps.length < 2) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(300);
    await fails;
  });

  it('gives up connecting when its signal is aborted', async () => {
    broker.onSocket = (socket) => socket.pause();
    const abort = new AbortController();
    const reason = new Error('lost interest');
    const options = { host: '127.0.0.1', port: broker.port, clientId: 'test', clock };
    const fails = assert.rejects(BrokerConnection.open(options, abort.signal), reason);
    abort.abort(reason);
    await fails;
  });

  it('says where nobody listens', async () => {
    const { port } = broker;
    const closed = await ScriptedBroker.listen();
    const nobody = closed.port;
    await closed.close();
    assert.notEqual(nobody, port);
    await assert.rejects(open({ port: nobody }), {
      code: 'MIRROR_CONNECTION',
      broker: `127.0.0.1:${nobody}`,
      sent: false,
    });
  });
});
