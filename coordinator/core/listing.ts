import type { LeaseRef } from './events.js';

/** One listing of the store, which may come in several parts. */
export interface Listing {
  /** Of the leases in the parts so far. */
  newestEpoch: bigint;
  /** Epochs of the items that were forgotten since the listing before was complete. */
  readonly forgotten: Map<string, bigint>;
  /** Of those forgotten while the one before was on its way: this one may be as old. */
  readonly forgottenBefore: ReadonlyMap<string, bigint>;
}

export function nextListing(before: Pick<Listing, 'forgotten'>): Listing {
  return { newestEpoch: 0n, forgotten: new Map(), forgottenBefore: before.forgotten };
}

/** Another one, of which nothing has come yet; what was forgotten since the last complete one stays so. */
export function begunAnew(listing: Listing): Listing {
  return { ...listing, newestEpoch: 0n };
}

/**
 * Whether the lease is known to be gone though its item is not known any more. A listing may have
 * been made before it went, and may have waited while the one before was taken in, but no longer.
 */
export function isForgotten(listing: Listing, { item, leaseEpoch }: LeaseRef): boolean {
  const epoch = listing.forgotten.get(item) ?? listing.forgottenBefore.get(item);
  return epoch !== undefined && epoch >= leaseEpoch;
}
