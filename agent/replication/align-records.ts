import type { ReadRecord } from '../../kafka/records/build-batch.js';
import { digestOf } from './record-content.js';
import type { Position, Run } from './run-tail.js';
import { SourceChunk, type Matched } from './source-chunk.js';

export interface TargetRecords {
  records: readonly ReadRecord[];
  /** The target stamped them itself: their timestamps say nothing. */
  stamped: boolean;
}

/** Both logs, in order and in pieces, and whoever is to know what came out. */
export interface AlignmentLogs {
  /** What a consumer of the source would read from an offset on, up to the end. */
  source: (fromOffset: bigint) => AsyncIterable<readonly ReadRecord[]>;
  /** Records of the target from an offset up to another. */
  target: (from: bigint, to: bigint) => AsyncIterable<TargetRecords>;
  /** Runs that follow what was known, and where they end; may wait until there is room for more. */
  found: (runs: readonly Run[], position: Position) => Promise<void>;
}

export interface AlignRecordsOptions {
  /** The last exactly known position. */
  from: Position;
  /** Exclusive. */
  targetEnd: bigint;
  /** Records of the source that are looked for at a time. */
  chunkRecords: number;
}

/** What was met on the target while the records of one chunk were looked for. */
interface TargetLook {
  /** Exclusive. */
  to: bigint;
  /** False if there was no room for all that equals a record of the chunk. */
  isWhole: boolean;
  records: bigint;
  lastRecord: bigint;
  stamped: boolean;
}

/**
 * Which source records are on the target behind a known position, by their contents: both logs have
 * them in the same order, and compaction has removed some from either. Goes along the source chunk by
 * chunk; of the target, each chunk reads what it may lie in: from the last match on, and no further
 * than as many offsets as the source has gone on. So memory is that of one chunk, however long the
 * logs are, and each log is read about once. Returns the position behind the last match.
 */
export async function alignRecords(
  { from, targetEnd, chunkRecords }: AlignRecordsOptions,
  logs: AlignmentLogs,
): Promise<Position> {
  const chunk = new SourceChunk(chunkRecords);
  let position = from;
  let readFrom = from.sourceNext;
  /** Records of the source between these two: none of them is on the target. */
  let unmatched = 0;
  let limit = chunkRecords;
  let withTime = true;
  while (position.targetNext < targetEnd) {
    chunk.begin(position, limit);
    await fill(chunk, logs.source(readFrom), withTime);
    if (chunk.count === 0) break;
    const look = await lookAtTarget(chunk, { position, targetEnd, withTime }, logs);
    if (look.stamped && withTime) {
      withTime = false;
      continue;
    }
    const matched = chunk.match(look.isWhole ? undefined : look.to);
    // So many equal ones that not even the first can be told: that one alone needs no room.
    limit = matched.decided === 0 ? 1 : chunkRecords;
    if (matched.decided === 0) continue;
    readFrom = chunk.nextAfter(matched.decided - 1);
    unmatched = matched.runs.length > 0 ? matched.unmatched : unmatched + matched.decided;
    const missing = look.to - position.targetNext - look.records;
    // Each of them, had it been copied, would be missing on the target.
    if (matched.runs.length === 0 && BigInt(unmatched) > missing) break;
    position = await tell(matched, logs);
    if (look.to === targetEnd && look.lastRecord < position.targetNext) break;
  }
  return position;
}

async function tell({ runs, position }: Matched, logs: AlignmentLogs): Promise<Position> {
  if (runs.length > 0) await logs.found(runs, position);
  return position;
}

async function fill(
  chunk: SourceChunk,
  source: AsyncIterable<readonly ReadRecord[]>,
  withTime: boolean,
): Promise<void> {
  for await (const records of source) {
    for (const record of records) {
      chunk.add(record.offset, digestOf(record, withTime));
      if (chunk.full) return;
    }
  }
}

async function lookAtTarget(
  chunk: SourceChunk,
  at: { position: Position; targetEnd: bigint; withTime: boolean },
  logs: AlignmentLogs,
): Promise<TargetLook> {
  const to = chunk.targetTo < at.targetEnd ? chunk.targetTo : at.targetEnd;
  const look = { to, isWhole: true, records: 0n, lastRecord: -1n, stamped: false };
  for await (const { records, stamped } of logs.target(at.position.targetNext, to)) {
    look.stamped ||= stamped;
    if (stamped && at.withTime) return look;
    for (const record of records) {
      if (!chunk.offer(record.offset, digestOf(record, at.withTime)))
        return { ...look, to: record.offset, isWhole: false };
      look.records += 1n;
      look.lastRecord = record.offset;
    }
  }
  return look;
}
