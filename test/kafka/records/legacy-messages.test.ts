import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { codec, lastOffset, magic } from '../../../kafka/records/batch-header.js';
import { splitBatches } from '../../../kafka/records/batch-splitter.js';
import { readBatch } from '../../../kafka/records/build-batch.js';
import { Codec, type CodecName } from '../../../kafka/records/compression.js';
import { CorruptBatchError, DecompressionLimitError } from '../../../kafka/records/errors.js';
import { convertLegacyMessages } from '../../../kafka/records/legacy-messages.js';
import { check } from './arbitraries.js';
import { legacyBytes } from './legacy-bytes.js';
import { legacyRecords } from './legacy-records.js';

type Name = keyof typeof legacyBytes;

const APPEND_TIME = 1_600_000_000_000n;

function messagesOf(name: Name): Buffer[] {
  return splitBatches(Buffer.from(legacyBytes[name], 'hex')).batches;
}

describe('convertLegacyMessages', () => {
  for (const version of [0, 1]) {
    for (const name of ['none', 'gzip', 'snappy', 'lz4'] satisfies CodecName[]) {
      for (const [shape, first, step] of [
        ['dense', 0n, 1n],
        ['gapped', 10n, 3n],
      ] as const) {
        it(`reads what Kafka wrote in magic ${version}, ${name}, ${shape}`, () => {
          const messages = messagesOf(`v${version} ${name} ${shape}` as Name);
          const batches = [...convertLegacyMessages(messages)];
          assert.equal(batches.length, 1);
          assert.equal(magic(batches[0]!), 2);
          assert.equal(codec(batches[0]!), Codec[name]);
          const records = legacyRecords(version, { first, step });
          assert.deepEqual(readBatch(batches[0]!), records);
          assert.equal(lastOffset(batches[0]!), records.at(-1)!.offset);
        });
      }
    }
  }

  it("takes the wrapper's timestamp for a set that the broker stamped", () => {
    for (const name of ['v1 none stamped', 'v1 gzip stamped'] as const) {
      const records = [...convertLegacyMessages(messagesOf(name))].flatMap((batch) =>
        readBatch(batch),
      );
      assert.equal(records.length, 6);
      assert.ok(records.every(({ timestamp }) => timestamp === APPEND_TIME));
    }
  });

  it('keeps the order of single messages and compressed sets, and what lies between', () => {
    const [gzip] = messagesOf('v1 gzip gapped'); // 10 to 25
    const messages = [
      ...messagesOf('v0 none dense'), // 0 to 5
      gzip!,
      ...messagesOf('v1 none stamped'), // 40 to 45
    ];
    const batches = [...convertLegacyMessages(messages)];
    const offsets = batches.flatMap((batch) => readBatch(batch)).map(({ offset }) => offset);
    assert.deepEqual(offsets.slice(0, 7), [0n, 1n, 2n, 3n, 4n, 5n, 10n]);
    assert.deepEqual(offsets.slice(-7), [25n, 40n, 41n, 42n, 43n, 44n, 45n]);
    assert.deepEqual(batches.map(codec), [Codec.none, Codec.gzip, Codec.none]);
  });

  it('notices every flipped bit, in a message and in a compressed set', () => {
    const names = Object.keys(legacyBytes) as Name[];
    check(
      fc.property(fc.constantFrom(...names), fc.nat(), fc.nat(7), (name, at, bit) => {
        const message = Buffer.from(messagesOf(name)[0]!);
        // Offset and size lie in front of the CRC.
        message[12 + (at % (message.length - 12))]! ^= 1 << bit;
        assert.throws(() => [...convertLegacyMessages([message])], CorruptBatchError);
      }),
      300,
    );
  });

  it('gives what lies before a corrupt message before it throws', () => {
    const messages = messagesOf('v1 none dense').map((message) => Buffer.from(message));
    messages[3]![20]! ^= 1;
    const batches = convertLegacyMessages(messages);
    const first = batches.next();
    assert.ok(first.done === false);
    assert.equal(readBatch(first.value).length, 3);
    assert.throws(() => batches.next(), /batch at offset 3 is corrupt/);
  });

  it('refuses a compressed set that would decompress to more than the limit', () => {
    for (const name of ['v0 lz4 dense', 'v1 gzip dense', 'v1 snappy dense'] as const) {
      const messages = messagesOf(name);
      assert.throws(() => [...convertLegacyMessages(messages, 200)], DecompressionLimitError);
    }
  });
});
