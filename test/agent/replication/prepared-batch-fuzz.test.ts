import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';

import { prepareFetched, type Prepared } from '../../../agent/replication/prepared-batch.js';
import { MirrorError } from '../../../common/errors.js';
import {
  BASE_OFFSET_OFFSET,
  CONTROL_FLAG,
  lastOffset,
  LOG_APPEND_TIME_FLAG,
  payload,
  recordCount,
  baseOffset,
  TRANSACTIONAL_FLAG,
} from '../../../kafka/records/batch-header.js';
import { splitBatches } from '../../../kafka/records/batch-splitter.js';
import { buildBatch, readBatch, type NewRecord } from '../../../kafka/records/build-batch.js';
import { coalesceBatches, isCoalescible } from '../../../kafka/records/coalesce.js';
import { Codec, compress, decompress, initCodecs } from '../../../kafka/records/compression.js';
import { controlType } from '../../../kafka/records/control-record.js';
import { computeBatchCrc } from '../../../kafka/records/crc32c.js';
import { CRC_OFFSET } from '../../../kafka/records/batch-header.js';
import type { FetchedRecords } from '../../../kafka/records/fetched-batches.js';
import { decodeRecords } from '../../../kafka/records/record-codec.js';
import { reencodeBatch } from '../../../kafka/records/reencode.js';
import { Seeded, seedFor } from '../../kit/seeded-random.js';
import { cpuTimeMs } from '../../kit/cpu-time.js';

const MUTATIONS = 6_000;
const LIMIT_BYTES = 4 * 1024 * 1024;
const ONE_MS_MAX = 500;
const ABORTED = [{ producerId: -1n, firstOffset: 100n }];
const GROWTH_BYTES_MAX = 256 * 1024 * 1024;

/** Batches of every codec and shape that a source may hold. */
function realBatches(random: Seeded): Buffer[] {
  const batches: Buffer[] = [];
  for (const codec of Object.values(Codec)) {
    for (const flags of [0, LOG_APPEND_TIME_FLAG, TRANSACTIONAL_FLAG]) {
      for (const gap of [1, 3]) {
        const records: NewRecord[] = Array.from({ length: 1 + random.below(20) }, (_, index) => ({
          key: random.chance(0.3) ? null : Buffer.from(`key-${index}`),
          value: random.chance(0.1) ? null : Buffer.alloc(random.below(200), 97 + (index % 20)),
          timestamp: 1_700_000_000_000n + BigInt(index),
          headers: random.chance(0.3) ? [{ key: Buffer.from('h'), value: null }] : [],
          offsetDelta: index * gap,
        }));
        batches.push(buildBatch({ records, codec, flags, baseOffset: 100n }));
      }
    }
  }
  const key = Buffer.from([0, 0, 0, 0]);
  const marker = [{ key, value: Buffer.alloc(6), timestamp: 1n }];
  batches.push(buildBatch({ records: marker, flags: TRANSACTIONAL_FLAG | CONTROL_FLAG }));
  return batches;
}

/** An answer of one to four batches, most of which follow each other as they should. */
function answerOf(random: Seeded, batches: readonly Buffer[]): Buffer {
  let next = 100n;
  const parts = Array.from({ length: 1 + random.below(4) }, () => {
    const batch = Buffer.from(random.pick(batches));
    if (random.chance(0.9)) batch.writeBigInt64BE(next, BASE_OFFSET_OFFSET); // outside the CRC
    next = lastOffset(batch) + 1n;
    return random.chance(0.5) ? mutate(random, batch) : batch;
  });
  return Buffer.concat(parts);
}

/** What was taken of an answer lies in it, in order and once, and there is some of it. */
function ensureInPlace(fetched: FetchedRecords, { batches, sourceNext }: Prepared): void {
  const { records, fetchOffset, endOffset } = fetched;
  let next = fetchOffset;
  for (const prepared of batches) {
    let count = 0;
    for (const run of prepared.runs) {
      assert.ok(run.sourceStart >= next && run.count > 0, `${run.sourceStart} before ${next}`);
      next = run.sourceStart + BigInt(run.count);
      count += run.count;
    }
    assert.equal(count, prepared.count);
    assert.ok(prepared.sourceNext >= next);
    next = prepared.sourceNext;
  }
  assert.ok(sourceNext >= next && sourceNext <= endOffset, `${sourceNext} behind ${endOffset}`);
  if (records!.length > 0) assert.ok(sourceNext > fetchOffset, 'the same would be asked again');
}

function mutate(random: Seeded, batch: Buffer): Buffer {
  const changed = Buffer.from(batch);
  for (let edits = 1 + random.below(4); edits > 0; edits -= 1) {
    const at = random.below(changed.length);
    const kind = random.below(4);
    if (kind === 0) changed[at]! ^= 1 << random.below(8);
    else if (kind === 1) changed[at] = random.pick([0, 1, 0x7f, 0x80, 0xff]);
    else if (kind === 2 && at + 4 <= changed.length) {
      changed.writeInt32BE(random.pick([-1, 0, 1, 2 ** 31 - 1, -(2 ** 31)]), at);
    } else changed.copy(changed, random.below(changed.length), at, at + random.below(16));
  }
  // With a CRC that fits, the damage gets as deep as an attacker's would.
  if (random.chance(0.6)) changed.writeUInt32BE(computeBatchCrc(changed), CRC_OFFSET);
  return random.chance(0.1) ? changed.subarray(0, random.below(changed.length)) : changed;
}

function onlyTypedErrors(act: () => void): void {
  const startMs = cpuTimeMs();
  try {
    act();
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
  }
  const ms = cpuTimeMs() - startMs;
  assert.ok(ms < ONE_MS_MAX, `took ${ms} ms`);
}

describe('record batches under fuzz', () => {
  const seed = seedFor('fuzz of record batches');

  before(() => initCodecs());

  it(`throws only typed errors for ${MUTATIONS} damaged batches, in bounded time and memory`, () => {
    const random = new Seeded(seed);
    const batches = realBatches(random);
    const before = process.memoryUsage().rss;
    for (let index = 0; index < MUTATIONS; index += 1) {
      const records = answerOf(random, batches);
      const fetchOffset = BigInt(95 + random.below(20));
      const endOffset = fetchOffset + BigInt(random.below(80));
      onlyTypedErrors(() => {
        const fetched = { records: Buffer.from(records), fetchOffset, endOffset };
        ensureInPlace(fetched, prepareFetched({ ...fetched, abortedTransactions: ABORTED }));
      });
      onlyTypedErrors(() => {
        const split = splitBatches(records);
        if (split.legacyCount > 0) return;
        for (const batch of split.batches) {
          onlyTypedErrors(() => readBatch(batch, LIMIT_BYTES));
          onlyTypedErrors(() => reencodeBatch(batch, { plainBytesMax: LIMIT_BYTES }));
          onlyTypedErrors(() => controlType(payload(batch), baseOffset(batch)));
          onlyTypedErrors(() => [
            ...decodeRecords(payload(batch), recordCount(batch), baseOffset(batch)),
          ]);
          onlyTypedErrors(() => {
            if (isCoalescible(batch)) coalesceBatches([batch, batch], LIMIT_BYTES);
          });
        }
      });
    }
    const grown = process.memoryUsage().rss - before;
    assert.ok(grown < GROWTH_BYTES_MAX, `${grown} bytes more`);
  });

  it('does not decompress a bomb beyond its limit, whatever the codec', () => {
    const plain = Buffer.alloc(64 * 1024 * 1024);
    for (const codec of [Codec.gzip, Codec.snappy, Codec.lz4, Codec.zstd]) {
      const bomb = compress(codec, plain);
      assert.throws(() => decompress(codec, bomb, LIMIT_BYTES), MirrorError);
    }
  });
});
