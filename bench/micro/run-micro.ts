import { COALESCE_BELOW_BYTES } from '../../agent/replication/limits.js';
import { prepareFetched } from '../../agent/replication/prepared-batch.js';
import { BASE_OFFSET_OFFSET, PAYLOAD_OFFSET } from '../../kafka/records/batch-header.js';
import { coalesceBatches } from '../../kafka/records/coalesce.js';
import { Codec } from '../../kafka/records/compression.js';
import { combine, computeBatchCrc } from '../../kafka/records/crc32c.js';
import { buildBatch } from '../../kafka/records/build-batch.js';
import { patchBatch } from '../../kafka/records/rewrite-header.js';
import { jsonText } from '../json-text.js';
import { seededRandom } from '../../test/kit/seeded-random.js';
import { timesPerSecond } from './time-loop.js';

interface BatchShape {
  readonly batches: number;
  readonly records: number;
  readonly valueBytes: number;
  readonly codec: number;
}

/** As they lie one after the other in a fetch. */
function makeBatches(shape: BatchShape): Buffer[] {
  const random = seededRandom(1);
  return Array.from({ length: shape.batches }, (_, index) => {
    const records = Array.from({ length: shape.records }, () => ({
      key: null,
      value: jsonText(random, shape.valueBytes),
      timestamp: 1_700_000_000_000n,
    }));
    const batch = buildBatch({ records, codec: shape.codec });
    // A broker's offset, which no producer may set; it lies outside the CRC.
    batch.writeBigInt64BE(BigInt(index * shape.records), BASE_OFFSET_OFFSET);
    return batch;
  });
}

const ONE_RECORD = { batches: 2000, records: 1, valueBytes: 200, codec: Codec.none };
const SMALL_LZ4 = { batches: 300, records: 10, valueBytes: 200, codec: Codec.lz4 };
const LARGE = { batches: 8, records: 135, valueBytes: 950, codec: Codec.none };

function coalesce(name: string, shape: BatchShape, quick: boolean): string {
  const batches = makeBatches(shape);
  const perSecond = timesPerSecond(() => coalesceBatches(batches).length, quick);
  return rate(`coalesce ${name}`, perSecond * shape.batches, 'batches');
}

/** Both change the fetch in place, which is measured with what puts it back: little beside the rest. */
function prepareAndPatch(name: string, shape: BatchShape, quick: boolean): string {
  const batches = makeBatches(shape);
  const fetched = Buffer.concat(batches);
  const records = Buffer.from(fetched);
  // Of large batches only the headers change; small ones are joined where they lie.
  const isSmall = batches[0]!.length < COALESCE_BELOW_BYTES;
  const changed = isSmall ? fetched.length : PAYLOAD_OFFSET;
  const step = isSmall ? fetched.length : batches[0]!.length;
  const range = { fetchOffset: 0n, endOffset: BigInt(shape.batches * shape.records) };
  const once = (): number => {
    for (let at = 0; at < fetched.length; at += step) fetched.copy(records, at, at, at + changed);
    const { batches } = prepareFetched({ records, abortedTransactions: null, ...range });
    for (const { batch } of batches) {
      patchBatch(batch, { producerId: 7n, producerEpoch: 1, baseSequence: 42 });
    }
    return batches.length;
  };
  return rate(`prepare and patch ${name}`, timesPerSecond(once, quick) * shape.batches, 'batches');
}

function crcs(quick: boolean): string[] {
  const batch = makeBatches({ ...LARGE, batches: 1 })[0] as Buffer;
  let crc = 0x1234_5678;
  const combined = timesPerSecond(() => (crc = combine(crc, 0x9abc_def0, batch.length)), quick);
  const read = timesPerSecond(() => computeBatchCrc(batch), quick);
  return [
    rate('CRC of a large batch, combined', combined, 'batches'),
    rate('CRC of a large batch, read', read, 'batches'),
  ];
}

function rate(name: string, perSecond: number, what: string): string {
  const figure = Math.round(perSecond).toLocaleString('en-US');
  return `${name.padEnd(44)}${figure.padStart(14)} ${what}/s`;
}

/** The inner loops by themselves, one line each; codecs must have been loaded. */
export function* runMicro(quick: boolean): Generator<string> {
  yield coalesce('one-record batches', ONE_RECORD, quick);
  yield coalesce('small lz4 batches', SMALL_LZ4, quick);
  yield prepareAndPatch('one-record batches', ONE_RECORD, quick);
  yield prepareAndPatch('large batches', LARGE, quick);
  yield* crcs(quick);
}
