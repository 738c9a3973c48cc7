import { pairRecords, valueIdentity, type HistoryRecord } from './history-checker.js';

/**
 * What became of the groups' offsets, judged from histories: `S` and `T` as for the mirror itself, what was
 * translated, and the checkpoints in the order of their topic.
 */

/** One claim: a group that goes on at `targetOffset` meets what it would meet at `sourceOffset`. */
export interface TranslatedCommit {
  readonly group: string;
  readonly partition: number;
  readonly sourceOffset: bigint;
  readonly targetOffset: bigint;
  /** Records that may be read again, at most: 0 where the map is exact. */
  readonly rereadMax: bigint;
}

/** Point 7: every unread record lies at or after the translation; at most `rereadMax` read ones do. */
export function checkTranslations(
  source: readonly HistoryRecord[],
  target: readonly HistoryRecord[],
  commits: readonly TranslatedCommit[],
): string[] {
  const pairs = pairRecords(source, target, valueIdentity);
  const wrong: string[] = [];
  for (const commit of commits) {
    const { group, partition, sourceOffset, targetOffset, rereadMax } = commit;
    let skipped = 0;
    let reread = 0n;
    for (const pair of pairs.get(partition) ?? []) {
      const isUnread = pair.source.offset >= sourceOffset;
      const isAhead = pair.target.offset >= targetOffset;
      if (isUnread && !isAhead) skipped += 1;
      if (!isUnread && isAhead) reread += 1n;
    }
    const place = `group ${group}, partition ${partition}: ${sourceOffset} became ${targetOffset}`;
    if (skipped > 0) wrong.push(`${place}, which skips ${skipped} records`);
    if (reread > rereadMax)
      wrong.push(`${place}, which repeats ${reread} records, not ${rereadMax}`);
  }
  return wrong;
}

export interface SeenCheckpoint {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly upstreamOffset: bigint;
  readonly downstreamOffset: bigint;
}

export interface LogBounds {
  readonly start: bigint;
  readonly end: bigint;
}

/** Point 8: they rise while the source's commits rise, and lie within the target's log. */
export function checkCheckpoints(
  checkpoints: readonly SeenCheckpoint[],
  boundsOf: (topic: string, partition: number) => LogBounds,
): string[] {
  const last = new Map<string, SeenCheckpoint>();
  const wrong: string[] = [];
  for (const checkpoint of checkpoints) {
    const { group, topic, partition, upstreamOffset, downstreamOffset } = checkpoint;
    const place = `group ${group}, ${topic}-${partition}`;
    const key = JSON.stringify([group, topic, partition]);
    const before = last.get(key);
    last.set(key, checkpoint);
    const rises = before !== undefined && upstreamOffset >= before.upstreamOffset;
    if (rises && downstreamOffset < before.downstreamOffset) {
      const from = `${before.upstreamOffset}/${before.downstreamOffset}`;
      wrong.push(`${place} fell from ${from} to ${upstreamOffset}/${downstreamOffset}`);
    }
    const { start, end } = boundsOf(topic, partition);
    if (downstreamOffset < start || downstreamOffset > end) {
      wrong.push(`${place} points to ${downstreamOffset}, outside of ${start} to ${end}`);
    }
  }
  return wrong;
}
