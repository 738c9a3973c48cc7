/** Every bound of the lease store, in one place. */

/** How long one call to the store may take; also for the first answer of a stream. */
export const CALL_TIMEOUT_MS = 3_000;

/** How often a call is tried whose repeat is safe. */
export const CALL_ATTEMPTS_MAX = 4;

/** Pause before the second try; doubles. In all 0.7 s: about an election among etcd's members. */
export const RETRY_PAUSE_MIN_MS = 100;

/** Grant and release transactions in flight at a time. */
export const TRANSACTIONS_IN_FLIGHT_MAX = 8;

/** How often a watch is taken down and everything listed: watches have lost events. */
export const RELIST_INTERVAL_MS = 60_000;

/** Wait before a broken watch is set up again: doubles from the first to the last. */
export const WATCH_BACKOFF_MIN_MS = 100;
export const WATCH_BACKOFF_MAX_MS = 2_000;

/** Wait of a candidate that was beaten to a vacant seat, or met an outage, before it looks again. */
export const CAMPAIGN_RETRY_MS = 250;

/** The leader renews when this part of its time to live is over: two renewals may fail. */
export const RENEWAL_FRACTION = 1 / 3;

/** A failed renewal is tried again after this part of the time to live. */
export const RENEWAL_RETRY_FRACTION = 1 / 12;

/**
 * How much of its time to live the leader does not use: room for clocks of different speed and for
 * what it had begun when the deadline passed.
 */
export const LEADER_MARGIN_FRACTION = 1 / 10;

/** The largest document. etcd's own limit is 1.5 MiB a request. */
export const DOCUMENT_BYTES_MAX = 256 * 1024;

/** The longest key part a caller may choose: a flow's and a topic's name, escaped, with room. */
export const NAME_BYTES_MAX = 4 * 1024;

/** Entries in one page of a list. Sessions and leases are small; documents may be large. */
export const SMALL_PAGE_ENTRIES_MAX = 2_000;
export const DOCUMENT_PAGE_ENTRIES_MAX = 100;

/** The largest answer accepted: above any page, and above what etcd puts into a watch answer. */
export const ANSWER_BYTES_MAX = 48 * 1024 * 1024;
