import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeOffsetMapKey } from '../../../mirror/records/offset-map-key.js';
import {
  decodeOffsetMapRecord,
  encodeOffsetMapRecord,
  type OffsetMapRecord,
} from '../../../mirror/records/offset-map-record.js';
import { RecordFormatError } from '../../../mirror/records/record-format-error.js';

const RUN = { sourceStart: 1n, targetStart: 0n, records: 2n, sourceGaps: 0n, targetGaps: 0n };

/** Each kind with its bytes, written by hand from the layout in the codec's head. */
const GOLDEN: readonly { record: OffsetMapRecord; key: string; value: string }[] = [
  {
    record: {
      kind: 'chunk',
      topic: 'ab',
      partition: 1,
      chunkIndex: 2,
      value: { generation: 0, runs: [RUN] },
    },
    key: '0001' + '01' + '00026162' + '00000001' + '00000002',
    value: '01' + '00' + '01' + '01' + '00' + '04',
  },
  {
    record: {
      kind: 'flow',
      flow: 'a->b',
      value: { producerId: 4000n, producerEpoch: 7, promotedAtMs: 256n, completedAtMs: -1n },
    },
    key: '0001' + '02' + '0004612d3e62',
    value: '0001' + '0000000000000fa0' + '0007' + '0000000000000100' + 'ffffffffffffffff',
  },
  {
    record: {
      kind: 'base',
      topic: 'ab',
      partition: 1,
      value: {
        producerEpoch: 7,
        sequenceBase: 258n,
        sourceTopicId: '00112233-4455-6677-8899-aabbccddeeff',
        targetTopicId: 'ffeeddcc-bbaa-9988-7766-554433221100',
      },
    },
    key: '0001' + '03' + '00026162' + '00000001',
    value:
      '0001' +
      '0007' +
      '0000000000000102' +
      '00112233445566778899aabbccddeeff' +
      'ffeeddccbbaa99887766554433221100',
  },
  {
    record: {
      kind: 'acl',
      binding: {
        ...{ resourceType: 2, patternType: 3, resourceName: 'ab', principal: 'User:c' },
        ...{ host: '*', operation: 8, permission: 3 },
      },
      value: {},
    },
    key: '0001' + '10' + '02' + '03' + '00026162' + '0006557365723a63' + '00012a' + '08' + '03',
    value: '0001',
  },
  {
    record: { kind: 'gone', topic: 'ab', value: { sinceMs: 256n } },
    key: '0001' + '11' + '00026162',
    value: '0001' + '0000000000000100',
  },
  {
    record: { kind: 'epoch', topic: 'ab', partition: 1, value: { offset: 500n, epoch: 7 } },
    key: '0001' + '08' + '00026162' + '00000001',
    value: '0001' + '00000000000001f4' + '00000007',
  },
  {
    record: { kind: 'wider', topic: 'ab', value: {} },
    key: '0001' + '12' + '00026162',
    value: '0001',
  },
  {
    record: {
      ...{ kind: 'synced', group: 'g', topic: 'ab', partition: 1 },
      value: [{ sourceOffset: 7n, targetOffset: 5n, targetTopicId: 'id', metadata: 'm' }],
    },
    key: '0001' + '13' + '000167' + '00026162' + '00000001',
    value: '0001' + '00000001' + '0000000000000007' + '0000000000000005' + '00026964' + '00016d',
  },
  {
    record: { kind: 'writer', value: { term: 513n } },
    key: '0001' + '04',
    value: '0001' + '0000000000000201',
  },
  {
    record: {
      kind: 'start',
      topic: 'ab',
      partition: 1,
      value: { sourceOffset: 500n, targetOffset: 1n },
    },
    key: '0001' + '05' + '00026162' + '00000001',
    value: '0001' + '00000000000001f4' + '0000000000000001',
  },
];

function bytes(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

describe('offset map record', () => {
  for (const { record, key, value } of GOLDEN) {
    it(`of kind ${record.kind} has its bytes`, () => {
      const encoded = encodeOffsetMapRecord(record);

      assert.equal(encoded.key.toString('hex'), key);
      assert.equal(encoded.value?.toString('hex'), value);
      assert.deepEqual(decodeOffsetMapRecord(bytes(key), bytes(value)), record);
    });

    it(`of kind ${record.kind} without a value is a deletion`, () => {
      const deletion = { ...record, value: undefined };

      assert.deepEqual(encodeOffsetMapRecord(deletion), { key: bytes(key), value: null });
      assert.deepEqual(decodeOffsetMapRecord(bytes(key), null), deletion);
    });

    it(`of kind ${record.kind} and any other length is refused`, () => {
      for (let end = 0; end < key.length; end += 2) {
        assert.throws(() => decodeOffsetMapKey(bytes(key.slice(0, end))), RecordFormatError);
      }
      for (let end = 0; end < value.length; end += 2) {
        const short = bytes(value.slice(0, end));
        assert.throws(() => decodeOffsetMapRecord(bytes(key), short), RecordFormatError);
      }
      const long = bytes(value + '00');
      assert.throws(() => decodeOffsetMapRecord(bytes(key), long), RecordFormatError);
      assert.throws(() => decodeOffsetMapKey(bytes(key + '00')), RecordFormatError);
    });
  }

  for (const [why, key] of [
    ['another version', '000204'],
    ['an unknown kind', '000109'],
    ['a negative partition', '0001' + '03' + '00026162' + 'ffffffff'],
    ['a negative chunk index', '0001' + '01' + '00026162' + '00000001' + '80000000'],
  ] as const) {
    it(`with ${why} in its key is refused`, () => {
      assert.throws(() => decodeOffsetMapKey(bytes(key)), RecordFormatError);
    });
  }

  it('with another version in its value is refused', () => {
    assert.throws(() => decodeOffsetMapRecord(bytes('000104'), bytes('0002' + '00'.repeat(8))), {
      code: 'MIRROR_RECORD_FORMAT',
    });
  });
});
