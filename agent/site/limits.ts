/** Every bound of watching a source's topics and groups, in one place. */

/** Bytes of one answer with commits, unless its first batch alone is larger. */
export const OFFSETS_FETCH_BYTES_MAX = 4 * 1024 * 1024;
export const OFFSETS_PARTITION_BYTES_MAX = 1024 * 1024;

/** How long a broker may hold a fetch while no group commits. */
export const OFFSETS_FETCH_WAIT_MS = 500;

/** A partition that no answer was about for this long is not read; an idle one has answers of nothing. */
export const OFFSETS_UNREAD_MS = 10 * OFFSETS_FETCH_WAIT_MS;

/** How long commits are gathered before the next look, so that many cost no more than a few. */
export const OFFSETS_GATHER_MS = 5;

/** Between attempts to follow the commits of a broker that is away. */
export const OFFSETS_RETRY_MIN_MS = 50;
export const OFFSETS_RETRY_MAX_MS = 2_000;

/** Committed offsets are looked at this often where they cannot be followed. */
export const GROUPS_POLL_INTERVAL_MS = 500;

/** After this long without it, it is tried whether commits can be followed now. */
export const GROUPS_RIGHTS_RETRY_MS = 60_000;

/** Groups that are not followed for this long are a trouble: a broker that restarts takes less. */
export const GROUPS_TROUBLE_AFTER_MS = 15_000;

/** While the source has no groups at all, it is looked for the first one this often. */
export const GROUPS_ABSENT_INTERVAL_MS = 500;

/** Offsets in one report: with the longest names and metadata still below what gRPC takes. */
export const OFFSETS_PER_REPORT_MAX = 2_000;

/** Between attempts to send reports that the coordinator did not take yet. */
export const REPORT_RETRY_MS = 20;

/** Names of groups whose selection is remembered. */
export const GROUP_NAMES_KEPT_MAX = 10_000;

/** Between a commit that could not be kept or read and the listing that makes up for it. */
export const GROUPS_RELIST_MS = 1_000;
