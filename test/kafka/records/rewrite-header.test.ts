import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  CONTROL_FLAG,
  DELETE_HORIZON_FLAG,
  LOG_APPEND_TIME_FLAG,
  PAYLOAD_OFFSET,
  TRANSACTIONAL_FLAG,
  baseOffset,
  baseSequence,
  codec,
  hasDeleteHorizon,
  isTransactional,
  partitionLeaderEpoch,
  producerEpoch,
  producerId,
} from '../../../kafka/records/batch-header.js';
import { buildBatch, deleteHorizonMs, readBatch } from '../../../kafka/records/build-batch.js';
import { initCodecs } from '../../../kafka/records/compression.js';
import { verifyBatchCrc } from '../../../kafka/records/crc32c.js';
import { isPatchable, patchBatch } from '../../../kafka/records/rewrite-header.js';
import { check, codecs, contents, records } from './arbitraries.js';

await initCodecs();

describe('patchBatch', () => {
  it('leaves the payload and every record as they are, with a right CRC', () => {
    const flags = fc.constantFrom(0, TRANSACTIONAL_FLAG, DELETE_HORIZON_FLAG);
    const ids = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
    check(
      fc.property(records(), codecs, flags, ids, (list, batchCodec, flag, id) => {
        const batch = buildBatch({ records: list, codec: batchCodec, flags: flag, baseOffset: 9n });
        batch.writeInt32BE(42, 12); // the source's leader epoch
        const payload = Buffer.from(batch.subarray(PAYLOAD_OFFSET));
        patchBatch(batch, { producerId: id, producerEpoch: 7, baseSequence: 2_147_483_600 });
        assert.ok(verifyBatchCrc(batch));
        assert.deepEqual(batch.subarray(PAYLOAD_OFFSET), payload);
        assert.deepEqual(contents(readBatch(batch)), contents(list));
        assert.equal(baseOffset(batch), 0n);
        assert.equal(partitionLeaderEpoch(batch), -1);
        assert.equal(producerId(batch), id);
        assert.equal(producerEpoch(batch), 7);
        assert.equal(baseSequence(batch), 2_147_483_600);
        assert.equal(codec(batch), batchCodec);
        assert.equal(isTransactional(batch) || hasDeleteHorizon(batch), false);
      }),
    );
  });

  // KIP-534: with the flag, baseTimestamp is the horizon and the deltas count from there.
  it('keeps the timestamps of a batch whose delete horizon it clears', () => {
    const list = [{ key: Buffer.from('k'), value: null, timestamp: 1_700_000_000_000n }];
    const horizon = 1_700_086_400_000n;
    const batch = buildBatch({ records: list, flags: DELETE_HORIZON_FLAG, baseTimestamp: horizon });
    assert.equal(deleteHorizonMs(batch), horizon);
    patchBatch(batch, { producerId: 1n, producerEpoch: 0, baseSequence: 0 });
    assert.equal(deleteHorizonMs(batch), undefined);
    assert.deepEqual(contents(readBatch(batch)), contents(list));
  });
});

describe('isPatchable', () => {
  const list = [
    { key: null, value: Buffer.from('a'), timestamp: 5n },
    { key: null, value: Buffer.from('b'), timestamp: 6n },
  ];

  it('is false for what a target would refuse or stamp anew', () => {
    assert.ok(isPatchable(buildBatch({ records: list })));
    assert.ok(isPatchable(buildBatch({ records: list, flags: TRANSACTIONAL_FLAG })));
    assert.equal(isPatchable(buildBatch({ records: list, flags: LOG_APPEND_TIME_FLAG })), false);
    assert.equal(isPatchable(buildBatch({ records: list, flags: CONTROL_FLAG })), false);
    assert.equal(isPatchable(buildBatch({ records: list, lastOffsetDelta: 2 })), false);
  });
});
