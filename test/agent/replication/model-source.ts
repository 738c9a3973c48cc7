import { prepareFetched, type Prepared } from '../../../agent/replication/prepared-batch.js';
import type { AbortedTransaction } from '../../../kafka/records/aborted-transactions.js';
import {
  baseOffset,
  CONTROL_FLAG,
  lastOffset,
  TRANSACTIONAL_FLAG,
} from '../../../kafka/records/batch-header.js';
import { buildBatch, type NewRecord } from '../../../kafka/records/build-batch.js';
import type { Seeded } from '../../kit/seeded-random.js';

const ABORTED_PRODUCER = 77n;
const COMMITTED_PRODUCER = 78n;

/** A source partition as a broker would answer from it: plain, gapped, aborted and control batches. */
export class ModelSource {
  /** What a read_committed consumer sees: the source offset of each record, which is its value. */
  readonly visible: bigint[] = [];
  readonly #batches: Buffer[] = [];
  readonly #aborted: AbortedTransaction[] = [];
  readonly #random: Seeded;
  #end: bigint;

  constructor(random: Seeded, start: bigint) {
    this.#random = random;
    this.#end = start;
  }

  get end(): bigint {
    return this.#end;
  }

  grow(): void {
    const kind = this.#random.below(6);
    if (kind === 0) this.#add(1 + this.#random.below(3), { gapped: true });
    else if (kind === 1) this.#transaction('abort');
    else if (kind === 2) this.#transaction('commit');
    else this.#add(1 + this.#random.below(5), {});
  }

  /** What a fetch at `offset` gives: whole batches from the one that contains it. */
  fetch(offset: bigint, batchesMax: number): Prepared {
    const first = this.#batches.findIndex((batch) => lastOffset(batch) >= offset);
    const found = first < 0 ? [] : this.#batches.slice(first, first + batchesMax);
    return prepareFetched({
      records: Buffer.concat(found), // a copy, as every answer is
      abortedTransactions: this.#aborted,
      fetchOffset: offset,
      endOffset: this.#end,
    });
  }

  #transaction(outcome: 'abort' | 'commit'): void {
    const producerId = outcome === 'abort' ? ABORTED_PRODUCER : COMMITTED_PRODUCER;
    if (outcome === 'abort') this.#aborted.push({ producerId, firstOffset: this.#end });
    this.#add(1 + this.#random.below(3), {
      flags: TRANSACTIONAL_FLAG,
      producerId,
      hidden: outcome === 'abort',
    });
    const key = Buffer.from([0, 0, 0, outcome === 'abort' ? 0 : 1]);
    const marker = { key, value: Buffer.alloc(6), timestamp: 1n };
    const flags = TRANSACTIONAL_FLAG | CONTROL_FLAG;
    this.#push(buildBatch({ records: [marker], baseOffset: this.#end, flags, producerId }));
  }

  #add(
    count: number,
    shape: { gapped?: boolean; hidden?: boolean; flags?: number; producerId?: bigint },
  ): void {
    const records: NewRecord[] = [];
    let offsetDelta = shape.gapped === true ? this.#random.below(3) : 0;
    for (let index = 0; index < count; index += 1) {
      const offset = this.#end + BigInt(offsetDelta);
      records.push({ key: null, value: Buffer.from(`${offset}`), timestamp: 1n, offsetDelta });
      if (shape.hidden !== true) this.visible.push(offset);
      offsetDelta += shape.gapped === true ? 1 + this.#random.below(3) : 1;
    }
    const { flags = 0, producerId = -1n } = shape;
    const batch = buildBatch({ records, baseOffset: this.#end, flags, producerId });
    this.#push(batch);
  }

  #push(batch: Buffer): void {
    if (baseOffset(batch) !== this.#end) throw new Error('the log has a hole');
    this.#batches.push(batch);
    this.#end = lastOffset(batch) + 1n;
  }
}
