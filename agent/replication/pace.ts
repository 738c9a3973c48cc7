/** How much of one partition is under way at once, and in how many pieces. */
export interface Pace {
  /** Bytes of one fetch answer. */
  readonly fetchBytes: number;
  /** Bytes one partition may get in one fetch. A larger single batch is still delivered whole. */
  readonly partitionFetchBytes: number;
  /** Bytes of a partition fetched and not yet appended, above which the next fetch leaves it out. */
  readonly windowBytes: number;
  /** Batches of one partition in flight to the target. */
  readonly appendsInflightMax: number;
  /** Produce requests in flight on one connection. */
  readonly requestsInflightMax: number;
  /** Requests in flight from which on the next one waits until it is worth its while. */
  readonly lingerFromRequests: number;
}

const MIB = 1024 * 1024;

/** At most this far, more under way would only be memory: the broker is busy all the time. */
const NEAR_MS = 10;

export const NEAR: Pace = {
  fetchBytes: 16 * MIB,
  partitionFetchBytes: MIB,
  windowBytes: 4 * MIB,
  appendsInflightMax: 5,
  requestsInflightMax: 5,
  lingerFromRequests: 1,
};

/** From here on everything is at its bound. */
const FAR_MS = 100;

export const FAR: Pace = {
  fetchBytes: 32 * MIB,
  partitionFetchBytes: 8 * MIB,
  windowBytes: 24 * MIB,
  appendsInflightMax: 64,
  requestsInflightMax: 64,
  lingerFromRequests: 16,
};

/**
 * What keeps a link of this round trip full. That a broker remembers five batches of a producer
 * (KIP-98) is no bound here: it finds repeats by them, and nothing is sent twice.
 *
 * The memory budget is the bound of all partitions together, however far.
 */
export function paceOf(roundTripMs: number): Pace {
  if (roundTripMs <= NEAR_MS) return NEAR;
  if (roundTripMs >= FAR_MS) return FAR;
  const share = (roundTripMs - NEAR_MS) / (FAR_MS - NEAR_MS);
  const between = (key: keyof Pace): number =>
    Math.round(NEAR[key] + (FAR[key] - NEAR[key]) * share);
  return {
    fetchBytes: between('fetchBytes'),
    partitionFetchBytes: between('partitionFetchBytes'),
    windowBytes: between('windowBytes'),
    appendsInflightMax: between('appendsInflightMax'),
    requestsInflightMax: between('requestsInflightMax'),
    lingerFromRequests: between('lingerFromRequests'),
  };
}
