import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { coalescePrefix } from '../../../agent/replication/coalesce-prefix.js';
import { PLAIN_BYTES_MAX } from '../../../agent/replication/limits.js';
import type { PreparedBatch } from '../../../agent/replication/prepared-batch.js';
import { PAYLOAD_OFFSET } from '../../../kafka/records/batch-header.js';
import { buildBatch, readBatch } from '../../../kafka/records/build-batch.js';
import { Codec } from '../../../kafka/records/compression.js';

function queued(index: number, valueBytes = 20, kind: number = Codec.none): PreparedBatch {
  const sourceStart = BigInt(index);
  const value = Buffer.alloc(valueBytes, index % 256);
  const records = [{ key: null, value, timestamp: 1_700_000_000_000n + sourceStart }];
  return {
    batch: buildBatch({ records, baseOffset: sourceStart, codec: kind }),
    count: 1,
    runs: [{ sourceStart, count: 1 }],
    sourceNext: sourceStart + 1n,
    maxTimestamp: records[0]!.timestamp,
  };
}

describe('coalescePrefix', () => {
  it('makes one batch of small neighbours, with one run', () => {
    const { prepared, taken } = coalescePrefix(Array.from({ length: 9 }, (_, n) => queued(n)));
    assert.equal(taken, 9);
    assert.deepEqual(prepared.runs, [{ sourceStart: 0n, count: 9 }]);
    assert.equal(prepared.sourceNext, 9n);
    assert.equal(readBatch(prepared.batch).length, 9);
  });

  it('takes what lies before a corrupt batch, and leaves that one to the target to refuse', () => {
    const queue = Array.from({ length: 8 }, (_, n) => queued(n));
    queue[5]!.batch[PAYLOAD_OFFSET + 8]! ^= 1;
    let copied = 0;
    while (queue.length > 3) {
      const { taken, prepared } = coalescePrefix(queue);
      assert.equal(readBatch(prepared.batch).length, taken);
      queue.splice(0, taken);
      copied += taken;
    }
    assert.equal(copied, 5);
    const corrupt = queue[0]!;
    assert.equal(coalescePrefix(queue).prepared, corrupt);
  });

  it('takes fewer when all together would decompress to more than the limit', () => {
    const each = PLAIN_BYTES_MAX / 8;
    const queue = Array.from({ length: 12 }, (_, n) => queued(n, each, Codec.gzip));
    const { taken, prepared } = coalescePrefix(queue);
    assert.ok(taken > 1 && taken < 8, `took ${taken}`);
    assert.equal(prepared.count, taken);
  });

  it('stays well below a limit that the target has named', () => {
    const queue = Array.from({ length: 100 }, (_, n) => queued(n));
    const { taken, prepared } = coalescePrefix(queue, 4_000);
    assert.ok(taken > 1 && taken < 100);
    assert.ok(prepared.batch.length <= 4_000);
  });
});
