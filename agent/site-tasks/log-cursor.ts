import type { LogBatch, LogRecord } from './log-batch.js';

/** One read of one side's log. */
export interface LogRead {
  readonly batches: readonly LogBatch[];
  /** Where to read on; the offset that was asked for, if there is nothing behind it. */
  readonly next: bigint;
  /** The first offset that the log still has. */
  readonly logStart: bigint;
}

export type ReadLog = (fetchOffset: bigint) => Promise<LogRead>;

/**
 * A place in one side's log, with at most one read ahead in memory. Batches are decoded only when
 * their records are asked for.
 */
export class LogCursor {
  /** The first offset that the log still has, as of the last read. */
  logStart = 0n;
  readonly #read: ReadLog;
  #next: bigint;
  /** Where the next read begins. */
  #fetchOffset: bigint;
  #batches: readonly LogBatch[] = [];
  #batch = 0;
  #records: readonly LogRecord[] = [];
  #record = 0;

  constructor(read: ReadLog, from: bigint) {
    this.#read = read;
    this.#next = from;
    this.#fetchOffset = from;
  }

  /** Everything before it was taken. */
  get next(): bigint {
    return this.#next;
  }

  /** The next record, decoded; undefined if it is not read yet. */
  get record(): LogRecord | undefined {
    while (this.#record >= this.#records.length) {
      const batch = this.#batches[this.#batch];
      if (batch === undefined) return undefined;
      this.#batch += 1;
      this.#records = batch.records();
      this.#record = 0;
      while ((this.#records[this.#record]?.offset ?? this.#next) < this.#next) this.#record += 1;
    }
    return this.#records[this.#record];
  }

  /** The next batch if none of it was taken; undefined otherwise. */
  get wholeBatch(): LogBatch | undefined {
    if (this.#record < this.#records.length) return undefined;
    const batch = this.#batches[this.#batch];
    return batch !== undefined && batch.firstOffset >= this.#next ? batch : undefined;
  }

  /** Whether there is a record before `to`; reads on if that is not known. */
  async has(to: bigint): Promise<boolean> {
    for (;;) {
      const known = this.#hasKnown(to);
      if (known !== undefined) return known;
      const { batches, next, logStart } = await this.#read(this.#fetchOffset);
      this.logStart = logStart;
      if (next === this.#fetchOffset) return false;
      this.#fetchOffset = next;
      this.#batches = batches.filter((batch) => batch.lastOffset >= this.#next);
      this.#batch = 0;
    }
  }

  takeRecord(): void {
    this.#next = this.#records[this.#record]!.offset + 1n;
    this.#record += 1;
  }

  takeBatch(): void {
    this.#next = this.#batches[this.#batch]!.lastOffset + 1n;
    this.#batch += 1;
  }

  /** Goes forward, past what is of no interest. */
  skipTo(offset: bigint): void {
    if (offset <= this.#next) return;
    this.#next = offset;
    while ((this.#records[this.#record]?.offset ?? offset) < offset) this.#record += 1;
    while ((this.#batches[this.#batch]?.lastOffset ?? offset) < offset) this.#batch += 1;
    if (this.#fetchOffset < offset) this.#fetchOffset = offset;
  }

  #hasKnown(to: bigint): boolean | undefined {
    if (this.#record < this.#records.length) return this.#records[this.#record]!.offset < to;
    const batch = this.#batches[this.#batch];
    if (batch !== undefined) {
      if (batch.firstOffset >= to) return false;
      if (batch.dense && batch.firstOffset >= this.#next) return true;
      const { record } = this; // a batch that begins before may have no record in between
      return record === undefined ? this.#hasKnown(to) : record.offset < to;
    }
    return this.#fetchOffset >= to ? false : undefined;
  }
}
