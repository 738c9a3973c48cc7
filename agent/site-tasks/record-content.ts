import { createHash, type Hash } from 'node:crypto';
import type { ReadRecord } from '../../kafka/records/build-batch.js';

/** Characters of a value that a message shows. */
const SHOWN_CHARACTERS_MAX = 40;

export type ContentPart = 'key' | 'value' | 'headers' | 'timestamp';

/** The first part in which two records differ; undefined if they are alike. */
export function contentDifference(
  source: ReadRecord,
  target: ReadRecord,
  withTime: boolean,
): ContentPart | undefined {
  if (!same(source.key, target.key)) return 'key';
  if (!same(source.value, target.value)) return 'value';
  if (!sameHeaders(source, target)) return 'headers';
  if (withTime && source.timestamp !== target.timestamp) return 'timestamp';
  return undefined;
}

/** Both values of a part, shortened, for people. */
export function describePart(part: ContentPart, source: ReadRecord, target: ReadRecord): string {
  return `the ${part} is ${shown(source, part)} on the source, ${shown(target, part)} on the target`;
}

/** A checksum of records one after the other, independent of how they lie in batches. */
export class ContentChecksum {
  readonly #hash: Hash = createHash('sha256');

  addRecord(record: ReadRecord, withTime: boolean): void {
    this.#add(record.key);
    this.#add(record.value);
    for (const { key, value } of record.headers) {
      this.#add(key);
      this.#add(value);
    }
    this.#hash.update(withTime ? `@${record.timestamp};` : ';');
  }

  /** Bytes that are the same on both sides and stand for their records. */
  addBytes(bytes: Buffer): void {
    this.#add(bytes);
  }

  digest(): string {
    return this.#hash.digest('hex');
  }

  #add(field: Buffer | null): void {
    this.#hash.update(`${field?.length ?? -1}:`);
    if (field !== null) this.#hash.update(field);
  }
}

function same(left: Buffer | null, right: Buffer | null): boolean {
  return left === null || right === null ? left === right : left.equals(right);
}

function sameHeaders(source: ReadRecord, target: ReadRecord): boolean {
  if (source.headers.length !== target.headers.length) return false;
  return source.headers.every((header, index) => {
    const other = target.headers[index]!;
    return header.key.equals(other.key) && same(header.value, other.value);
  });
}

function shown(record: ReadRecord, part: ContentPart): string {
  switch (part) {
    case 'key':
      return quoted(record.key);
    case 'value':
      return quoted(record.value);
    case 'timestamp':
      return String(record.timestamp);
    case 'headers':
      return quoted(
        Buffer.from(
          record.headers
            .map(
              ({ key, value }) => `${key.toString()}=${value === null ? 'null' : value.toString()}`,
            )
            .join(', '),
        ),
      );
  }
}

function quoted(bytes: Buffer | null): string {
  if (bytes === null) return 'null';
  const text = bytes.toString('utf8').replace(/[^\x20-\x7e]/g, '.');
  const cut = text.length > SHOWN_CHARACTERS_MAX;
  return `'${cut ? text.slice(0, SHOWN_CHARACTERS_MAX) : text}${cut ? '…' : ''}' (${bytes.length} bytes)`;
}
