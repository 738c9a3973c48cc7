import fc from 'fast-check';
import { Codec } from '../../../kafka/records/compression.js';
import type { NewRecord, ReadRecord } from '../../../kafka/records/build-batch.js';

/** The seed of every property here. Run again with SEED=n to see a failure again. */
export const seed = Number(process.env['SEED'] ?? Date.now() % 0x7fffffff);
console.log(`# properties of kafka/records: SEED=${seed}`);

/** Checks a property with the printed seed. */
export function check<Values>(property: fc.IProperty<Values>, numRuns = 100): void {
  fc.assert(property, { seed, numRuns });
}

export const codecs: fc.Arbitrary<number> = fc.constantFrom(...Object.values(Codec));

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const nullableBytes = fc.option(bytes, { nil: null, freq: 4 });

/** Repeated header keys included: they are drawn from few. */
const headers = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', '').map((key) => Buffer.from(key)),
    value: nullableBytes,
  }),
  { maxLength: 4 },
);

/** Timestamps as applications write them, the -1 that means none among them. */
export const timestamps: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 1_600_000_000_000n, max: 1_900_000_000_000n }),
  fc.constant(-1n),
  fc.constant(0n),
);

/** Any timestamp that the format can hold as base plus delta without overflow. */
export const wideTimestamps: fc.Arbitrary<bigint> = fc.oneof(
  timestamps,
  fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }),
);

export function records(
  stamps: fc.Arbitrary<bigint> = timestamps,
  maxLength = 20,
): fc.Arbitrary<NewRecord[]> {
  const one = fc.record({ key: nullableBytes, value: nullableBytes, timestamp: stamps, headers });
  return fc.array(one, { minLength: 1, maxLength });
}

/** What must survive any rewriting, in a form that deepEqual compares. */
export function contents(list: readonly (NewRecord | ReadRecord)[]): unknown[] {
  return list.map(({ key, value, headers: pairs = [], timestamp }) => ({
    key: key?.toString('hex'),
    value: value?.toString('hex'),
    headers: pairs.map((pair) => [pair.key.toString('hex'), pair.value?.toString('hex')]),
    timestamp,
  }));
}

/** Makes gaps: offset deltas that ascend with random steps. */
export function withGaps(list: NewRecord[], steps: readonly number[]): NewRecord[] {
  let delta = -1;
  return list.map((record, index) => {
    delta += 1 + (steps[index % steps.length] ?? 0);
    return { ...record, offsetDelta: delta };
  });
}
