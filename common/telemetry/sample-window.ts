/** As Kafka's own statistics: two samples of this length, of which the older ends with its age. */
export const SAMPLE_MS = 30_000;

interface Sample {
  startedAtMs: number;
  count: number;
  sum: number;
  min: number;
  max: number;
  /** Weights added up, for rates: records, and bytes. */
  records: number;
  bytes: number;
}

/** One measured event: a latency, and what it stands for. */
export interface Measured {
  readonly value: number;
  readonly records: number;
  readonly bytes: number;
}

export interface WindowStatistics {
  /** The value measured last, however long ago. */
  readonly last: number;

  /** Over the window; undefined when nothing was measured in it. */
  readonly range: { readonly min: number; readonly max: number; readonly avg: number } | undefined;

  /** Per second, over the window. */
  readonly recordRate: number;
  readonly byteRate: number;
}

/**
 * Latest value, least, greatest and mean of the last half minute to minute, in constant space (Kafka's
 * SampledStat with its defaults). Adding is a few operations on numbers: it may be done per batch.
 */
export class SampleWindow {
  #last: number | undefined;
  #current: Sample | undefined;
  #earlier: Sample | undefined;

  add(nowMs: number, { value, records, bytes }: Measured): void {
    this.#last = value;
    let sample = this.#current;
    if (sample === undefined || nowMs - sample.startedAtMs >= SAMPLE_MS) {
      this.#earlier = sample;
      sample = {
        startedAtMs: nowMs,
        count: 0,
        sum: 0,
        min: value,
        max: value,
        records: 0,
        bytes: 0,
      };
      this.#current = sample;
    }
    sample.count += 1;
    sample.sum += value;
    sample.records += records;
    sample.bytes += bytes;
    if (value < sample.min) sample.min = value;
    if (value > sample.max) sample.max = value;
  }

  /** Undefined until something was measured. */
  read(nowMs: number): WindowStatistics | undefined {
    if (this.#last === undefined) return undefined;
    const samples = [this.#earlier, this.#current].filter(
      (sample) => sample !== undefined && nowMs - sample.startedAtMs < 2 * SAMPLE_MS,
    ) as Sample[];
    const [oldest] = samples;
    if (oldest === undefined)
      return { last: this.#last, range: undefined, recordRate: 0, byteRate: 0 };
    const sum = (of: (sample: Sample) => number): number =>
      samples.reduce((total, sample) => total + of(sample), 0);
    // As Kafka's Rate: a window that has just begun counts as one whole sample.
    const seconds = Math.max(nowMs - oldest.startedAtMs, SAMPLE_MS) / 1_000;
    return {
      last: this.#last,
      range: {
        min: Math.min(...samples.map(({ min }) => min)),
        max: Math.max(...samples.map(({ max }) => max)),
        avg: sum((sample) => sample.sum) / sum((sample) => sample.count),
      },
      recordRate: sum(({ records }) => records) / seconds,
      byteRate: sum(({ bytes }) => bytes) / seconds,
    };
  }
}
