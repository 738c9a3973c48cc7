import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fetch } from '../../../kafka/messages/fetch.js';
import { produce } from '../../../kafka/messages/produce.js';
import { Reader, WireFormatError, Writer } from '../../../kafka/wire/index.js';
import { codecCases } from './codec-cases.js';
import { goldenBytes } from './golden-bytes.js';

const golden = new Map<string, string>(Object.entries(goldenBytes));

function goldenOf(name: string): Buffer {
  const hex = golden.get(name);
  assert(hex !== undefined, `no golden bytes for ${name}`);
  return Buffer.from(hex, 'hex');
}

for (const { api, golden: name, request, response } of codecCases) {
  describe(`${api.name} v${api.version}`, () => {
    it('writes the request as Kafka does', () => {
      const writer = new Writer();
      api.encodeRequest(writer, request as never);
      assert.equal(writer.toBuffer().toString('hex'), golden.get(`${name} request`));
    });

    it('reads the response that Kafka writes, to its last byte', () => {
      const reader = new Reader(goldenOf(`${name} response`));
      assert.deepEqual(api.decodeResponse(reader), response);
      assert.equal(reader.remaining, 0);
    });

    it('refuses the response cut short at any byte', () => {
      const whole = goldenOf(`${name} response`);
      for (let length = 0; length < whole.length; length += 1) {
        const cut = new Reader(whole.subarray(0, length));
        assert.throws(() => api.decodeResponse(cut), WireFormatError, `at ${length}`);
      }
    });
  });
}

describe('the golden bytes', () => {
  it('cover every API, and nothing else', () => {
    assert.equal(golden.size, codecCases.length * 2);
  });
});

describe('Fetch', () => {
  it('gives records as a view of the frame', () => {
    const frame = goldenOf('Fetch response');
    const records = fetch.decodeResponse(new Reader(frame)).responses[0]?.partitions[0]?.records;
    assert.equal(records?.buffer, frame.buffer);
  });
});

describe('Produce', () => {
  it('sends the batches from where they lie', () => {
    const records = Buffer.from('a batch');
    const writer = new Writer();
    const topics = [{ name: 't', partitions: [{ partitionIndex: 0, records }] }];
    produce.encodeRequest(writer, { transactionalId: null, acks: -1, timeoutMs: 1, topics });
    assert.equal(writer.toSegments()[1], records);
  });

  it('refuses acks=0, which has no answer', () => {
    const request = { transactionalId: null, acks: 0 as never, timeoutMs: 1, topics: [] };
    assert.throws(() => produce.encodeRequest(new Writer(), request), assert.AssertionError);
  });
});
