import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { badBytesOutcome } from '../../../agent/replication/fetch-outcome.js';
import { PLAIN_BYTES_MAX } from '../../../agent/replication/limits.js';
import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import { prepareFetched } from '../../../agent/replication/prepared-batch.js';
import {
  BASE_OFFSET_OFFSET,
  BATCH_LENGTH_OFFSET,
  LAST_OFFSET_DELTA_OFFSET,
  LOG_APPEND_TIME_FLAG,
  MAGIC_OFFSET,
} from '../../../kafka/records/batch-header.js';
import { buildBatch, type NewBatch } from '../../../kafka/records/build-batch.js';
import { Codec, initCodecs } from '../../../kafka/records/compression.js';
import { CorruptBatchError } from '../../../kafka/records/errors.js';
import { quietCopier } from './quiet-copier.js';

/** Where the log of these tests ends. */
const END = 30n;

/** Stamped by the broker, so that it must be read before it can be copied. */
function batchAt(offset: bigint, count: number, options: Partial<NewBatch> = {}): Buffer {
  const records = Array.from({ length: count }, () => ({
    key: null,
    value: Buffer.from('value'),
    timestamp: 1n,
  }));
  return buildBatch({ records, baseOffset: offset, flags: LOG_APPEND_TIME_FLAG, ...options });
}

function corrupt(batch: Buffer): Buffer {
  batch[batch.length - 1]! ^= 1;
  return batch;
}

function running(accept: string): PartitionCopier {
  const copier = quietCopier({
    accept,
    mapTail: [{ sourceStart: 20n, targetStart: 0n, length: 0n }],
  });
  copier.resumeAt({ sourceNext: 20n, targetNext: 0n });
  return copier;
}

/** As often as bytes are read again before they are believed to be as they are. */
function readThrice(copier: PartitionCopier, bytes: Buffer): void {
  for (let read = 0; read < 3; read += 1) {
    copier.resumeAt({ sourceNext: 20n, targetNext: 0n });
    const records = Buffer.from(bytes);
    const { fetchOffset } = copier;
    try {
      prepareFetched({ records, abortedTransactions: null, fetchOffset, endOffset: END });
      assert.fail('it was taken');
    } catch (error) {
      const outcome = badBytesOutcome(copier, { records, lastStableOffset: END }, error);
      assert.equal(outcome.kind, 'damaged');
      copier.damaged(outcome.error);
    }
  }
}

describe('a batch on the source that cannot be read', () => {
  it('halts its partition, and is left out once an operator accepts that', () => {
    const bytes = Buffer.concat([corrupt(batchAt(20n, 5)), batchAt(25n, 5)]);
    const halted = running('');
    readThrice(halted, bytes);
    assert.match(halted.halt!.message, /offset 20 is corrupt: .*; behind it, offset 25 comes next/);
    const accepted = running('corrupt-batch');
    readThrice(accepted, bytes);
    assert.equal(accepted.halt, undefined);
    assert.deepEqual(accepted.wayOut, { kind: 'go-on', sourceNext: 25n });
  });

  it('is left out up to where the next one begins, whatever its own header says', () => {
    const bad = corrupt(batchAt(20n, 5));
    bad.writeInt32BE(5_000, LAST_OFFSET_DELTA_OFFSET);
    const copier = running('corrupt-batch');
    readThrice(copier, Buffer.concat([bad, batchAt(25n, 5)]));
    assert.deepEqual(copier.wayOut, { kind: 'go-on', sourceNext: 25n });
  });

  for (const [length, magic] of [
    [0, 2],
    [-12, 2],
    [-500, 2],
    [4, 0],
    [0x7fffffff, 2],
  ] as const) {
    it(`halts its partition alone where it says that it has ${length} bytes, of format ${magic}`, () => {
      const bad = batchAt(20n, 5);
      bad.writeInt32BE(length, BATCH_LENGTH_OFFSET);
      bad.writeInt8(magic, MAGIC_OFFSET);
      const copier = running('');
      readThrice(copier, Buffer.concat([bad, batchAt(25n, 5)]));
      assert.equal(copier.halt?.haltCode, 'corrupt-batch');
      assert.equal(copier.halt.wayOut, undefined);
    });
  }

  it('is one whose offset cannot be: beyond it the log goes on where the next one begins', () => {
    const bad = batchAt(20n, 5);
    bad.writeBigInt64BE(20n + 1024n, BASE_OFFSET_OFFSET);
    const copier = running('corrupt-batch');
    readThrice(copier, Buffer.concat([bad, batchAt(25n, 5)]));
    assert.deepEqual(copier.wayOut, { kind: 'go-on', sourceNext: 25n });
    const last = running('');
    readThrice(last, bad);
    assert.match(last.halt!.message, /offset 1044 is corrupt: it reaches over the log's end, 30/);
    assert.equal(last.halt!.wayOut, undefined); // nothing says where it ends
  });

  it('is counted by itself: reads of another one say nothing about it', () => {
    const copier = running('');
    const damaged = (at: bigint): void => {
      copier.resumeAt({ sourceNext: at, targetNext: 0n });
      const error = new CorruptBatchError(at, 'it changed on the way');
      const answer = { records: batchAt(at, 1), lastStableOffset: END };
      const outcome = badBytesOutcome(copier, answer, error);
      assert.ok(outcome.kind === 'damaged');
      copier.damaged(outcome.error);
    };
    for (const at of [20n, 21n, 22n, 22n]) damaged(at);
    assert.equal(copier.halt, undefined);
    assert.match(copier.trouble, /offset 22 is corrupt: it changed on the way/);
    damaged(22n);
    assert.equal(copier.halt!.haltCode, 'corrupt-batch');
  });

  it('is one that decompresses to too much as well, and what lies before it is copied', async () => {
    await initCodecs();
    const value = Buffer.alloc(PLAIN_BYTES_MAX + 1);
    const records = [{ key: null, value, timestamp: 1n }];
    const bomb = batchAt(25n, 1, { records, codec: Codec.gzip });
    const before = prepareFetched({
      records: Buffer.concat([batchAt(20n, 5), bomb]),
      abortedTransactions: [],
      fetchOffset: 20n,
      endOffset: END,
    });
    assert.equal(before.sourceNext, 25n);
    const copier = running('corrupt-batch');
    readThrice(copier, batchAt(20n, 1, { records, codec: Codec.gzip }));
    assert.deepEqual(copier.wayOut, { kind: 'go-on', sourceNext: 21n });
  });
});
