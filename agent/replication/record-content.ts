import { createHash } from 'node:crypto';
import type { ReadRecord } from '../../kafka/records/build-batch.js';

/** Of all that a consumer sees of a record but for its offset. */
export function digestOf(record: ReadRecord, withTime: boolean): Buffer {
  const hash = createHash('sha1');
  const fields = [
    record.key,
    record.value,
    ...record.headers.flatMap((one) => [one.key, one.value]),
  ];
  for (const field of fields) {
    hash.update(`${field?.length ?? -1}:`);
    if (field !== null) hash.update(field);
  }
  if (withTime) hash.update(`@${record.timestamp}`);
  return hash.digest();
}

/** The same as text, for maps. */
export function contentOf(record: ReadRecord, withTime: boolean): string {
  return digestOf(record, withTime).toString('base64');
}
