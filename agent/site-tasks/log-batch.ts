import {
  baseTimestamp,
  codec,
  isDense,
  lastOffset,
  baseOffset,
  payload,
  recordCount,
  timestampType,
} from '../../kafka/records/batch-header.js';
import { readBatch, type ReadRecord } from '../../kafka/records/build-batch.js';
import type { SourceRun } from '../replication/prepared-batch.js';

/** Bytes that one batch may decompress to. */
const PLAIN_BYTES_MAX = 64 * 1024 * 1024;

/** A record at its offset in the log; a re-encoded batch does not know it by itself. */
export interface LogRecord {
  readonly offset: bigint;
  readonly record: ReadRecord;
  /** The broker stamped it: its timestamp says nothing about what was sent. */
  readonly stamped: boolean;
}

/** A batch as one side's log holds it, decoded only if it must be. */
export class LogBatch {
  readonly firstOffset: bigint;
  readonly lastOffset: bigint;
  readonly bytes: Buffer;
  /** Undefined: the batch's own offsets. */
  readonly #runs: readonly SourceRun[] | undefined;

  constructor(bytes: Buffer, runs?: readonly SourceRun[]) {
    this.bytes = bytes;
    this.#runs = runs;
    const last = runs?.at(-1);
    this.firstOffset = runs?.[0]?.sourceStart ?? baseOffset(bytes);
    this.lastOffset =
      last === undefined ? lastOffset(bytes) : last.sourceStart + BigInt(last.count) - 1n;
  }

  get count(): number {
    return recordCount(this.bytes);
  }

  /** One record at each of its offsets. */
  get dense(): boolean {
    return this.#runs === undefined ? isDense(this.bytes) : this.#runs.length === 1;
  }

  /** Whether two dense batches hold the same, as far as can be seen without decoding: no false yes. */
  sameBytes(other: LogBatch): boolean {
    return (
      this.count === other.count &&
      codec(this.bytes) === codec(other.bytes) &&
      timestampType(this.bytes) === 'CreateTime' &&
      timestampType(other.bytes) === 'CreateTime' &&
      baseTimestamp(this.bytes) === baseTimestamp(other.bytes) &&
      payload(this.bytes).equals(payload(other.bytes))
    );
  }

  records(): LogRecord[] {
    const stamped = timestampType(this.bytes) === 'LogAppendTime';
    const records = readBatch(this.bytes, PLAIN_BYTES_MAX);
    if (this.#runs === undefined)
      return records.map((record) => ({ offset: record.offset, record, stamped }));
    const offsets = this.#runs.flatMap(({ sourceStart, count }) =>
      Array.from({ length: count }, (_, index) => sourceStart + BigInt(index)),
    );
    return records.map((record, index) => ({ offset: offsets[index]!, record, stamped }));
  }
}
