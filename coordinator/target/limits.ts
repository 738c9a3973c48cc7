/** Every bound of what the coordinator keeps about a target cluster, in one place. */

/** A batch on an internal topic: well below the broker's default limit of a million bytes. */
export const INTERNAL_BATCH_BYTES_MAX = 512 * 1024;

/** One Fetch of an internal topic while it is read to its end. */
export const INTERNAL_FETCH_BYTES_MAX = 4 * 1024 * 1024;

/** How long a broker may wait for data that is there already, according to its own end offset. */
export const INTERNAL_FETCH_WAIT_MS = 500;

/** How long the broker waits for the in-sync replicas before it answers a produce request. */
export const INTERNAL_PRODUCE_TIMEOUT_MS = 30_000;

/** Between repeats of a request that failed; doubles up to the second. */
export const RETRY_MIN_MS = 50;
export const RETRY_MAX_MS = 2_000;

/** How long opening an internal topic may go on failing before the whole flow is tried again. */
export const INTERNAL_OPEN_MS_MAX = 60_000;

/** How often what changed in the offset maps is written: the most that a crash makes agents repeat. */
export const MAP_FLUSH_INTERVAL_MS = 200;

/** Between two writes of checkpoints: commits of a few milliseconds go together. */
export const CHECKPOINT_GAP_MS = 10;

/** Groups of the target that are looked at and committed to at a time. */
export const SYNC_GROUPS_MAX = 16;

/**
 * Between the look at a group's offsets on the target and the commit that rests on it: a process that
 * was frozen in between must look again.
 */
export const SYNC_LOOK_MS_MAX = 2_000;

/**
 * Without an answer for so long a commit is given up, and its socket reset. With the look's age this
 * is less than the lease of a leader, unless that is set shorter: whoever waits for that comes after.
 */
export const SYNC_COMMIT_MS_MAX = 5_000;

/** Commits of one group's offset on the target that are remembered as ours: see `decideSync`. */
export const SYNC_ATTEMPTS_MAX = 4;

/** The first commit to the target comes this soon, however long the interval is. */
export const SYNC_FIRST_MS = 5_000;

/** Runs in one partition's map, 64 chunks; beyond it old ones are merged conservatively. */
export const MAP_RUNS_MAX = 32_768;

/** Runs at the end of what is durable of a map that a grant carries. */
export const MAP_TAIL_RUNS_MAX = 64;

/** And of what is not durable yet, as long as the map's topic has no leader: its holder counts the rest. */
export const MAP_NEWS_RUNS_MAX = 1_000;

/** How long closing waits for the last flush; what it cannot write, agents report again. */
export const CLOSE_FLUSH_MS_MAX = 5_000;

/** Partitions that one flush takes; the others are the next one's, which follows at once. */
export const FLUSH_PARTITIONS_MAX = 5_000;

/** Group positions that one write of checkpoints takes. */
export const CHECKPOINTS_PER_WRITE_MAX = 20_000;

/** How often the broker is reminded of our transactional ids, which it forgets after a week. */
export const PRODUCER_REFRESH_INTERVAL_MS = 12 * 60 * 60 * 1_000;

/** A coordinator that writes a flow's map shows at least this often that it is there. */
export const LIFE_SIGN_INTERVAL_MS = 3_000;
