import type { Leadership, LeaseRecord } from '../../../coordinator/store/lease-store.js';

/** All leases that are held now: what a watch tells first. */
export async function listLeases(leadership: Leadership): Promise<LeaseRecord[]> {
  const leases: LeaseRecord[] = [];
  const listed = new AbortController();
  await new Promise<void>((resolve) => {
    leadership.watchLeases((event) => {
      if (event.kind !== 'listed') return;
      if (event.first) leases.length = 0;
      leases.push(...event.leases);
      if (!event.more) resolve();
    }, listed.signal);
  });
  listed.abort();
  return leases;
}
