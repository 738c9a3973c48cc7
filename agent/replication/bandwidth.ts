import type { Pace } from './pace.js';
import type { TokenBucket } from './token-bucket.js';

/** A fetch of less is all overhead. */
const LIMITED_FETCH_BYTES_MIN = 64 * 1024;

/** A partition's part of a fetch is not cut below this. */
const LIMITED_PARTITION_BYTES_MIN = 16 * 1024;

/** How much the next fetch may bring. */
export interface FetchAllowance {
  readonly fetchBytesMax: number;
  readonly partitionBytesMax: number;
}

/**
 * The limits that one flow's fetches on one agent are under: the flow's and the agent's. What may
 * come is shared between the partitions: none may take more than its part of a fetch, those with
 * little news take less, and the next fetch follows at once with what is left. So a partition that is
 * hours behind takes what the fresh ones leave, and no more.
 */
export class Bandwidth {
  readonly #buckets: readonly TokenBucket[];

  constructor(buckets: readonly TokenBucket[]) {
    this.#buckets = buckets;
  }

  get isLimited(): boolean {
    return this.#buckets.some((bucket) => bucket.isLimited);
  }

  /** Zero: fetch now. */
  waitMs(nowMs: number): number {
    return Math.max(0, ...this.#buckets.map((bucket) => bucket.waitMs(nowMs)));
  }

  /** `pace` is what the link calls for. */
  allowance(partitions: number, pace: Pace, nowMs: number): FetchAllowance {
    const { fetchBytes, partitionFetchBytes } = pace;
    if (!this.isLimited)
      return { fetchBytesMax: fetchBytes, partitionBytesMax: partitionFetchBytes };
    const available = Math.min(...this.#buckets.map((bucket) => bucket.availableBytes(nowMs)));
    const fetchBytesMax = clamp(available, LIMITED_FETCH_BYTES_MIN, fetchBytes);
    const share = fetchBytesMax / Math.max(1, partitions);
    const partitionBytesMax = clamp(share, LIMITED_PARTITION_BYTES_MIN, partitionFetchBytes);
    return { fetchBytesMax, partitionBytesMax };
  }

  spend(bytes: number, nowMs: number): void {
    for (const bucket of this.#buckets) bucket.spend(bytes, nowMs);
  }
}

/** No limits at all. */
export const UNLIMITED = new Bandwidth([]);

function clamp(value: number, least: number, most: number): number {
  return Math.floor(Math.min(most, Math.max(least, value)));
}
