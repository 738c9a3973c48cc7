/** Records at the target's end that are compared: more than one start of the copy repeats. */
export const TARGET_WINDOW_RECORDS = 4_096n;

/** Source records before MirrorMaker 2's own position that are looked at. */
export const SOURCE_BEFORE_RECORDS = 4_096n;

/** Source records looked at in all: what MirrorMaker 2 copies in a minute between two commits. */
export const SOURCE_RECORDS_MAX = 500_000;

/** Source records looked at beyond the first place that fits, for another one. */
export const SOURCE_BEYOND_RECORDS = 20_000;

/** Different records in a row that are alike on both sides, after which no other place is sought. */
export const CONVINCING_RECORDS = 64;

/** Records at the very end of the target that may be gone from the source. */
export const END_SKIPPED_MAX = 64;

/** Starts of the copy that are told apart at the target's end. */
export const PASSES_MAX = 64;

/** Offset syncs kept of one partition while they are read, and those of them that go into the map. */
export const SYNCS_KEPT_MAX = 1_024;
export const HISTORY_RUNS_MAX = 256;

/** What was read of MirrorMaker 2's topics serves all partitions that ask so soon after. */
export const LEFTOVERS_AGE_MS_MAX = 5_000;

/** Batches sent twice in a row that are seen through. */
export const RESENDS_MAX = 4;

/** Places tried for the record before such a batch. */
export const RESEND_PLACES_MAX = 4;

/** Different records that a place needs to stand out, and how many times more than any other place. */
export const OUTSTANDING_RECORDS = 8;
export const OUTSTANDING_TIMES = 4;
