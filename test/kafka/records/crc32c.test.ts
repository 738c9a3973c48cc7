import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PAYLOAD_OFFSET, ATTRIBUTES_OFFSET, crc } from '../../../kafka/records/batch-header.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import {
  combine,
  crc32c,
  ensureBatchCrc,
  patchedCrc,
  payloadCrc,
  shift,
  verifyBatchCrc,
} from '../../../kafka/records/crc32c.js';
import { CorruptBatchError } from '../../../kafka/records/errors.js';
import { patchBatch } from '../../../kafka/records/rewrite-header.js';
import { check, records } from './arbitraries.js';

const anyBytes = fc.uint8Array({ maxLength: 5_000 });

describe('crc32c', () => {
  it('is the Castagnoli CRC of RFC 3720', () => {
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
  });

  it('of a concatenation follows from both parts', () => {
    check(
      fc.property(anyBytes, anyBytes, (a, b) => {
        assert.equal(combine(crc32c(a), crc32c(b), b.length), crc32c(Buffer.concat([a, b])));
      }),
    );
  });

  it('shifts by a sum of lengths as by one length after the other', () => {
    const length = fc.nat({ max: 2 ** 30 - 1 });
    check(
      fc.property(fc.nat({ max: 0xffffffff }), length, length, (register, a, b) => {
        assert.equal(shift(register, a + b), shift(shift(register, a), b));
      }),
    );
  });

  it('after a header change equals a full recomputation, payload unread', () => {
    const header = fc.uint8Array({ minLength: 40, maxLength: 40 });
    check(
      fc.property(header, header, anyBytes, (oldHeader, newHeader, payload) => {
        const oldCrc = crc32c(Buffer.concat([oldHeader, payload]));
        const patched = patchedCrc(oldCrc, { oldHeader, newHeader }, payload.length);
        assert.equal(patched, crc32c(Buffer.concat([newHeader, payload])));
      }),
    );
  });
});

describe('batch CRC', () => {
  const patch = { producerId: 4_000n, producerEpoch: 3, baseSequence: 2_147_483_647 };

  it('yields the payload CRC, the same before and after the header is patched', () => {
    check(
      fc.property(records(), (list) => {
        const batch = buildBatch({ records: list });
        const expected = crc32c(batch.subarray(PAYLOAD_OFFSET));
        assert.equal(payloadCrc(batch), expected);
        patchBatch(batch, patch);
        assert.equal(payloadCrc(batch), expected);
      }),
    );
  });

  it('is wrong after any one covered bit flips, and stays wrong through a patch', () => {
    check(
      fc.property(records(), fc.nat(), fc.nat({ max: 7 }), (list, place, bit) => {
        const batch = buildBatch({ records: list, baseOffset: 77n });
        const index = ATTRIBUTES_OFFSET + (place % (batch.length - ATTRIBUTES_OFFSET));
        batch[index]! ^= 1 << bit;
        assert.equal(verifyBatchCrc(batch), false);
        assert.throws(
          () => ensureBatchCrc(batch),
          (error: unknown) => error instanceof CorruptBatchError && error.baseOffset === 77n,
        );
        // A flip in a field that the patch replaces is gone, and yet the CRC still tells of it.
        patchBatch(batch, patch);
        assert.equal(verifyBatchCrc(batch), false);
      }),
    );
  });

  it('is stored unsigned', () => {
    const batch = buildBatch({ records: [{ key: null, value: null, timestamp: 0n }] });
    assert.ok(crc(batch) >= 0);
  });
});
