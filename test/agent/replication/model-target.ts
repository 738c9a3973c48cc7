import assert from 'node:assert/strict';

import { baseSequence, producerEpoch, recordCount } from '../../../kafka/records/batch-header.js';
import { readBatch } from '../../../kafka/records/build-batch.js';

const SEQUENCES = 2 ** 31;

/** A broker remembers this many batches of a producer, to answer a repeat with its first offset. */
const BATCHES_REMEMBERED = 5;

interface Entry {
  readonly base: number;
  readonly values: readonly string[];
  readonly sequence: number;
}

export type AppendAnswer =
  { kind: 'appended'; baseOffset: bigint } | { kind: 'conflict' } | { kind: 'fenced' };

/** A target partition with a broker's rules for idempotent producers (KIP-98), measured on 4.3.0. */
export class ModelTarget {
  #log: Entry[] = [];
  epoch = 0;

  get end(): number {
    const last = this.#log.at(-1);
    return last === undefined ? 0 : last.base + last.values.length;
  }

  get values(): string[] {
    return this.#log.flatMap(({ values }) => values);
  }

  append(batch: Buffer): AppendAnswer {
    if (producerEpoch(batch) < this.epoch) return { kind: 'fenced' };
    const sequence = baseSequence(batch);
    const count = recordCount(batch);
    const values = readBatch(batch).map(({ value }) => value?.toString() ?? '');
    const repeated = this.#log
      .slice(-BATCHES_REMEMBERED)
      .find((entry) => entry.sequence === sequence && entry.values.length === count);
    if (repeated !== undefined) {
      assert.deepEqual(values, repeated.values, 'a repeat with the same numbers has other records');
      return { kind: 'appended', baseOffset: BigInt(repeated.base) };
    }
    const last = this.#log.at(-1);
    if (last !== undefined && (last.sequence + last.values.length) % SEQUENCES !== sequence) {
      return { kind: 'conflict' };
    }
    const base = this.end;
    this.#log.push({ base, values, sequence });
    return { kind: 'appended', baseOffset: BigInt(base) };
  }

  /**
   * An unclean election: whole batches at the end are gone, and the producer's state with them. The
   * first one stays: a log that lost everything takes any sequence, and a copier with a batch on its
   * way can then only halt, because the batch landed elsewhere than meant.
   */
  loseBatches(count: number): void {
    this.#log = this.#log.slice(0, Math.max(1, this.#log.length - count));
  }
}
