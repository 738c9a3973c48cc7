import { baseOffset, lastOffset, payload, producerId, recordCount } from './batch-header.js';
import { controlType } from './control-record.js';

export interface AbortedTransaction {
  producerId: bigint;
  firstOffset: bigint;
}

/**
 * Which batches of one fetch answer belong to aborted transactions. The broker lists each aborted
 * transaction that overlaps the answer with its producer and first offset; it lasts until that
 * producer's abort marker. The same rule as CompletedFetch of Kafka's consumer.
 */
export class AbortedTransactions {
  /** Ascending by first offset; those before `#next` have begun. */
  readonly #listed: readonly AbortedTransaction[];
  #next = 0;
  readonly #open = new Set<bigint>();

  constructor(listed: readonly AbortedTransaction[]) {
    this.#listed = [...listed].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  }

  /** Whether a transactional batch was aborted. Ask in log order. */
  covers(producer: bigint, lastOffsetOfBatch: bigint): boolean {
    this.#begin(lastOffsetOfBatch);
    return this.#open.has(producer);
  }

  /** Tells of a control batch; an abort marker ends its producer's transaction. */
  passMarker(batch: Buffer): void {
    this.#begin(lastOffset(batch));
    // Compaction may have removed the record; then it removed what the marker spoke of before.
    if (recordCount(batch) === 0) return;
    if (controlType(payload(batch), baseOffset(batch)) === 'abort')
      this.#open.delete(producerId(batch));
  }

  #begin(upTo: bigint): void {
    for (let next = this.#listed[this.#next]; next; next = this.#listed[++this.#next]) {
      if (next.firstOffset > upTo) return;
      this.#open.add(next.producerId);
    }
  }
}
