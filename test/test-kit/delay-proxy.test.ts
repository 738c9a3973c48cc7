import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { DelayProxy } from '../kit/delay-proxy.js';

const ROUND_TRIP_MS = 60;

/** Timers of Node may fire within the millisecond before. */
const TIMER_MS = 2;

describe('DelayProxy', () => {
  let echo: Server;
  let proxy: DelayProxy;

  before(async () => {
    echo = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    await once(echo.listen(0, '127.0.0.1'), 'listening');
  });

  after(() => {
    echo.close();
  });

  afterEach(() => proxy.close());

  async function link(): Promise<Socket> {
    proxy = await DelayProxy.start({ roundTripMs: ROUND_TRIP_MS });
    proxy.leadTo((echo.address() as AddressInfo).port);
    const client = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    client.on('error', () => undefined);
    await once(client, 'connect');
    return client;
  }

  async function readAll(client: Socket, length: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of client.iterator({ destroyOnReturn: false })) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes >= length) break;
    }
    return Buffer.concat(chunks);
  }

  it('answers no sooner than one round trip later', async () => {
    const client = await link();
    const startedMs = performance.now();
    client.write('ping');
    assert.equal((await readAll(client, 4)).toString(), 'ping');
    assert.ok(performance.now() - startedMs >= ROUND_TRIP_MS - TIMER_MS);
  });

  it('keeps every byte and their order, with many chunks on the way at once', async () => {
    const client = await link();
    const sent = Buffer.alloc(8 * 1024 * 1024);
    for (let index = 0; index < sent.length; index += 4) sent.writeUInt32LE(index, index);
    const received = readAll(client, sent.length);
    for (let start = 0; start < sent.length; start += 65_536) {
      client.write(sent.subarray(start, start + 65_536));
    }
    assert.ok(sent.equals(await received));
  });

  it('passes an end of stream on behind what was sent before it', async () => {
    const client = await link();
    client.end('last words');
    assert.equal((await readAll(client, Infinity)).toString(), 'last words');
  });

  it('holds what it has, and loses nothing of it', async () => {
    const client = await link();
    proxy.hold();
    client.write('held');
    const answer = readAll(client, 4);
    proxy.release();
    assert.equal((await answer).toString(), 'held');
  });

  it('cuts the link after the byte that it was told', async () => {
    const client = await link();
    proxy.cutAfter('down', 3);
    client.write('abcdef');
    const received: Buffer[] = [];
    client.on('data', (chunk) => received.push(chunk));
    await once(client, 'end');
    assert.equal(Buffer.concat(received).toString(), 'abc');
  });

  it('flips one bit of the byte that it was told', async () => {
    const client = await link();
    proxy.flipBitAfter('up', 2);
    client.write('abcdef');
    assert.equal((await readAll(client, 6)).toString(), 'abbdef');
  });
});
