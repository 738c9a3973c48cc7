import type { ReadRecord } from '../../../kafka/records/build-batch.js';

const TIME = 1_500_000_000_000n;

/** What golden/LegacyBytes.java wrote, unless the broker stamped it. */
export function legacyRecords(
  version: number,
  { first, step }: { first: bigint; step: bigint },
): ReadRecord[] {
  const pairs: [string | null, string | null][] = [
    ['key', `value ${first}`],
    [null, `no key ${first}`],
    [`gone ${first}`, null],
    ['', ''],
    [null, null],
    ['long', 'abcdefgh'.repeat(40) + String(first)],
  ];
  return pairs.map(([key, value], index) => ({
    offset: first + BigInt(index) * step,
    timestamp: version === 0 ? -1n : TIME + BigInt((index * 7) % 5),
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: [],
  }));
}
