import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { RelaySocket, type RelayedRequest } from '../../../kafka/client/relay-socket.js';

const FRAME_BYTES_MAX = 1024;
const ADDRESS = { host: 'broker', port: 9092 };

/** A request of API 3, version 12, whose body is `text`. */
function frame(correlationId: number, text: string): Buffer {
  const body = Buffer.from(text);
  const client = Buffer.from('me');
  const header = Buffer.alloc(4 + 2 + 2 + 4 + 2);
  header.writeInt32BE(header.length - 4 + client.length + body.length, 0);
  header.writeInt16BE(3, 4);
  header.writeInt16BE(12, 6);
  header.writeInt32BE(correlationId, 8);
  header.writeInt16BE(client.length, 12);
  return Buffer.concat([header, client, body]);
}

function answer(correlationId: number, text: string): string {
  const header = Buffer.alloc(8);
  header.writeInt32BE(4 + text.length, 0);
  header.writeInt32BE(correlationId, 4);
  return Buffer.concat([header, Buffer.from(text)]).toString('latin1');
}

describe('RelaySocket', () => {
  it('relays what follows the header, one request at a time, and answers in order', async () => {
    const asked: RelayedRequest[] = [];
    let underWay = 0;
    const relay = async (request: RelayedRequest): Promise<Buffer> => {
      underWay += 1;
      assert.equal(underWay, 1);
      asked.push(request);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return Buffer.from(`to ${request.body.toString()}`);
    };
    const socket = new RelaySocket(ADDRESS, relay, FRAME_BYTES_MAX);
    const both = Buffer.concat([frame(7, 'one'), frame(8, 'two')]);
    let read = '';
    const done = new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        read += chunk.toString('latin1');
        if (read.endsWith('to two')) resolve();
      });
    });
    socket.write(both.subarray(0, 10)); // wherever it is cut
    socket.write(both.subarray(10));
    await done;
    assert.equal(read, answer(7, 'to one') + answer(8, 'to two'));
    assert.deepEqual(
      asked.map(({ apiKey, apiVersion, body, address }) => [
        ...[apiKey, apiVersion, body.toString(), address],
      ]),
      ['one', 'two'].map((text) => [3, 12, text, ADDRESS]),
    );
    socket.destroy();
  });

  it('is broken by a request that is not answered, and ends what is under way when it is closed', async () => {
    const lost = new RelaySocket(ADDRESS, () => Promise.reject(new Error('lost')), FRAME_BYTES_MAX);
    const failed = new Promise<Error>((resolve) => lost.once('error', resolve));
    lost.write(frame(1, 'x'));
    assert.equal((await failed).message, 'lost');

    let signal: AbortSignal | undefined;
    const never = (_request: RelayedRequest, ends: AbortSignal): Promise<Buffer> => {
      signal = ends;
      return new Promise(() => {});
    };
    const closed = new RelaySocket(ADDRESS, never, FRAME_BYTES_MAX);
    closed.write(frame(1, 'x'));
    await new Promise((resolve) => setImmediate(resolve));
    closed.destroy();
    assert.equal(signal?.aborted, true);
  });
});
