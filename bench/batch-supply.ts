import { Codec } from '../kafka/records/compression.js';
import { buildBatch, type NewRecord } from '../kafka/records/build-batch.js';
import { jsonText } from './json-text.js';
import { randomInteger, seededRandom } from '../test/kit/seeded-random.js';
import type { Workload } from './workloads.js';

/** Distinct batches are made up to this much, then used again: no codec sees two of them at once. */
const POOL_BYTES_MAX = 64 * 1024 * 1024;

const DISTINCT_VALUES = 4096;

/** A topic whose records of one partition have this share of distinct keys keeps about half. */
const KEYS_PER_RECORD = 0.7;

/** The batches of one partition, by index, each the same whenever it is asked for. */
export interface BatchSupply {
  readonly batchCount: number;
  readonly recordsPerBatch: number;
  batch(partition: number, index: number): Buffer;
}

export interface SupplyOptions {
  readonly workload: Workload;
  readonly recordsPerPartition: number;
  readonly startMs: number;
  /** Attribute bits other than the codec. */
  readonly flags?: number;
}

function makeValues(workload: Workload, random: () => number): Buffer[] {
  return Array.from({ length: DISTINCT_VALUES }, () => jsonText(random, workload.valueBytes));
}

/** Keys come from a fixed set, or a number each when `keys` is 0. */
function makeBatch(
  options: SupplyOptions,
  source: { random: () => number; values: readonly Buffer[]; keys: number },
): Buffer {
  const { workload, startMs } = options;
  const { random, values, keys } = source;
  const records: NewRecord[] = [];
  for (let index = 0; index < workload.recordsPerBatch; index++) {
    const id = randomInteger(random, keys > 0 ? keys : 0x7fff_ffff);
    records.push({
      key: Buffer.from(`key-${id}`),
      value: values[randomInteger(random, values.length)] ?? null,
      timestamp: BigInt(startMs + index),
    });
  }
  return buildBatch({
    records,
    codec: Codec[workload.codec],
    ...(options.flags === undefined ? {} : { flags: options.flags }),
  });
}

/** A pool of batches, used round robin: building each would take longer than copying it. */
export function pooledSupply(options: SupplyOptions): BatchSupply {
  const { workload, recordsPerPartition } = options;
  const { recordsPerBatch } = workload;
  const batchCount = Math.ceil(recordsPerPartition / recordsPerBatch);
  const random = seededRandom(1);
  const source = { random, values: makeValues(workload, random), keys: 0 };
  const plainBytes = recordsPerBatch * workload.valueBytes;
  const size = Math.min(
    batchCount * workload.activePartitions.length,
    Math.ceil(POOL_BYTES_MAX / plainBytes),
  );
  const pool = Array.from({ length: size }, () => makeBatch(options, source));
  // Partitions begin at different places, so that neighbours in a request differ.
  const batch = (partition: number, index: number): Buffer =>
    pool[(index + partition * 61) % size] as Buffer;
  return { batchCount, recordsPerBatch, batch };
}

/** Every batch is its own, with keys that repeat all over the partition: for compaction. */
export function keyedSupply(options: SupplyOptions): BatchSupply {
  const { workload, recordsPerPartition } = options;
  const { recordsPerBatch } = workload;
  const batchCount = Math.ceil(recordsPerPartition / recordsPerBatch);
  const values = makeValues(workload, seededRandom(1));
  const keys = Math.ceil(recordsPerPartition * KEYS_PER_RECORD);
  const batch = (partition: number, index: number): Buffer =>
    makeBatch(options, { random: seededRandom(partition * batchCount + index), values, keys });
  return { batchCount, recordsPerBatch, batch };
}
