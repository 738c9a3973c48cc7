import { CopyMeter } from './copy-meter.js';
import { MeterColumns } from './meter-columns.js';

/** The meters of one topic's partitions that were ever reported to this leader. */
export class TopicMeters {
  readonly #columns = new MeterColumns();
  readonly #rows = new Map<number, number>();

  partitions(): Iterable<number> {
    return this.#rows.keys();
  }

  get(partition: number): CopyMeter | undefined {
    const row = this.#rows.get(partition);
    return row === undefined ? undefined : new CopyMeter(this.#columns, row);
  }

  /** Made if it is not there. */
  of(partition: number): CopyMeter {
    let row = this.#rows.get(partition);
    if (row === undefined) this.#rows.set(partition, (row = this.#columns.addRow()));
    return new CopyMeter(this.#columns, row);
  }
}
