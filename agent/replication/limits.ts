import { CHUNK_BYTES_PER_RECORD } from './source-chunk.js';

/**
 * Limits of the copy path. What one agent holds in memory is bounded by its budget
 * (`agent.memory.bytes.max`), whatever the number of partitions. What depends on the length of a link is in
 * `pace.ts`.
 */

/** Bytes that one fetch of a scan may bring. */
export const SCAN_FETCH_BYTES_MAX = 1024 * 1024;

/** How long a broker may hold a fetch when no partition has new records. */
export const FETCH_WAIT_MS = 500;

/** The same while some partition is left out for being full: it must not wait for idle ones. */
export const FETCH_WAIT_BUSY_MS = 5;

/** Bytes of one produce request, unless its first batch alone is larger. */
export const PRODUCE_REQUEST_BYTES_MAX = 4 * 1024 * 1024;

/** With requests in flight already, the next one waits until this much is queued. */
export const PRODUCE_LINGER_BYTES = 64 * 1024;

/** How long the target may take to replicate an append before it answers with a timeout. */
export const PRODUCE_TIMEOUT_MS = 30_000;

/** Neighbours smaller than this are coalesced, if more than one is waiting. */
export const COALESCE_BELOW_BYTES = 16 * 1024;

/** Size that a coalesced batch may reach; below any usual max.message.bytes (1 MiB). */
export const COALESCED_BYTES_MAX = 512 * 1024;

/** Source batches that one coalesced batch may hold: bounds the work done in one turn. */
export const COALESCED_BATCHES_MAX = 4096;

/** Bytes that the payload of one batch, or of several to be coalesced, may decompress to. */
export const PLAIN_BYTES_MAX = 64 * 1024 * 1024;

/** Reads of one batch that come out damaged before the source's own copy is taken to be. */
export const DAMAGED_READS_MAX = 3;

/** Runs that a count holds before they go into the map: some 100 bytes each, for each scan. */
export const COUNTED_RUNS_MAX = 8_192;

/** Records of the source that are looked for at a time, where counting does not come out right. */
export const ALIGNED_CHUNK_RECORDS = 64 * 1024;

/** Of an alignment, besides what the map takes: its chunk, and as many runs, some 100 bytes each. */
export const ALIGNMENT_BYTES = ALIGNED_CHUNK_RECORDS * (CHUNK_BYTES_PER_RECORD + 100);

/** Stretches that compaction removed, kept apart until the next batch of this flow tells whose they were. */
export const HOLES_MAX = 1024;

/** How often partitions are looked at for offset syncs to write. */
export const SYNC_LOOK_INTERVAL_MS = 500;

/** A sync that `offset.lag.max` does not ask for yet is written this late; MirrorMaker 2: 60 s. */
export const SYNC_DELAY_MS_MAX = 5_000;

/** Syncs of one partition and look: MirrorMaker 2 keeps 64 in all, few of them near each other. */
export const SYNCS_PER_LOOK_MAX = 8;

/** Syncs in one batch: some 300 bytes each at most, so well below any usual max.message.bytes. */
export const SYNCS_PER_BATCH_MAX = 1_000;

/** Wait before the first and before any further attempt after a failure, in ms. */
export const RETRY_BACKOFF_MIN_MS = 50;
export const RETRY_BACKOFF_MAX_MS = 5_000;

/** Partitions whose position is derived in one round trip. */
export const RECOVERY_BATCH_MAX = 500;

/** Partitions with the same leaders whose logs are read at the same time to derive a position. */
export const RECOVERY_SCANS_PER_LANE_MAX = 8;

/** All such partitions of a flow, unless there are more pairs of leaders: each has one at least. */
export const RECOVERY_SCANS_MAX = 32;

/** How often the target is asked for the ends of quiet partitions. */
export const TARGET_LOOK_INTERVAL_MS = 30_000;

/**
 * Answers without a record, in a row, that a scan takes though the source's end lies further on; each
 * waits for FETCH_WAIT_MS.
 */
export const SCAN_EMPTY_READS_MAX = 20;

/** Exponential backoff with a cap, for the n-th failure in a row (from 1). */
export function backoffMs(failures: number): number {
  return Math.min(RETRY_BACKOFF_MAX_MS, RETRY_BACKOFF_MIN_MS * 2 ** Math.min(failures - 1, 10));
}

/** The last stable offset may stand still before the high watermark for this long before that is told. */
export const OPEN_TRANSACTION_MS = 60_000;

/** Characters of a reason that is told with each report: a cluster of many addresses has a long one. */
export const TROUBLE_LENGTH_MAX = 500;

/** Failures in a row from which on it is said why a partition does not get on: with the waits, half a second. */
export const TROUBLE_AFTER_FAILURES = 4;
