import { MirrorError } from '../../common/errors.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import type { ReadRecord } from '../../kafka/records/build-batch.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import type { MappedPosition } from '../target/flow-positions.js';
import type { MapRun } from '../target/partition-map.js';
import {
  alignUnmapped,
  isSameRecord,
  type FailbackBlocker,
  type Uncrossed,
} from './failback-plan.js';
import { readLog, type LogPlace } from './log-reader.js';
import type { SeamPartition } from './seam.js';

export interface SeamPlace {
  readonly flow: FlowConfig;
  /** The old primary. */
  readonly source: KafkaCluster;
  readonly target: KafkaCluster;
  readonly sleep: (ms: number) => Promise<void>;
}

export interface SeamAt {
  readonly position: MappedPosition;
  readonly ends: {
    /** Of what is committed; undefined for a partition that is not there. */
    readonly sourceEnd: bigint | undefined;
    readonly targetEnd: bigint | undefined;
    /** The flow's own, on the target. */
    readonly producerId: bigint;
  };
}

export interface SeamFound {
  readonly seam: SeamPartition;
  readonly uncrossed: Uncrossed;
  /** Mirrored, and not in the map until they are put there. */
  readonly unmapped: readonly MapRun[];
}

/** One partition cannot be failed back, for a reason that people must look at. */
export class SeamProblem extends MirrorError {
  readonly code = 'MIRROR_SEAM';
  readonly retriable = false;
  readonly blocker: FailbackBlocker;

  constructor(code: FailbackBlocker['code'], message: string) {
    super(message);
    this.blocker = { code, message };
  }
}

/** Where what the flow copied ends on both sides, and what never crossed. Throws SeamProblem. */
export async function lookAtSeam(
  place: SeamPlace,
  at: SeamAt,
  signal: AbortSignal,
): Promise<SeamFound> {
  const found = await findSeam(place, at, signal);
  const uncrossed = await count(place, { ...found, to: at.ends.sourceEnd! }, signal);
  return { ...found, uncrossed };
}

/** The same without what never crossed. */
export async function findSeam(
  place: SeamPlace,
  { position, ends }: SeamAt,
  signal: AbortSignal,
): Promise<Pick<SeamFound, 'seam' | 'unmapped'>> {
  const { flow } = place;
  const { topic, targetTopic, partition, fenceEnd } = position;
  const { sourceEnd, targetEnd } = ends;
  if (sourceEnd === undefined || targetEnd === undefined || fenceEnd === undefined) {
    const where = sourceEnd === undefined ? flow.source : flow.target;
    throw new SeamProblem('topic-missing', `partition ${partition} of ${topic} is not on ${where}`);
  }
  if (position.corrupt !== undefined)
    throw new SeamProblem('map-corrupt', `${topic}-${partition}: ${position.corrupt}`);
  const end = position.end ?? { sourceNext: 0n, targetNext: 0n };
  const behind = await behindMap(
    logOf(place, 'target', { position, from: end.targetNext, to: fenceEnd }),
    ends.producerId,
    signal,
  );
  const unmapped = await align(place, { position, behind: behind.unmapped, sourceEnd }, signal);
  const last = unmapped.at(-1);
  const crossed =
    last === undefined
      ? end
      : { sourceNext: last.sourceStart + last.length, targetNext: last.targetStart + last.length };
  if (sourceEnd < crossed.sourceNext) {
    throw new SeamProblem(
      'source-truncated',
      `${topic}-${partition} on ${flow.source} ends at offset ${sourceEnd}, and records up to ` +
        `${crossed.sourceNext} had crossed: it lost its tail, and cannot be appended to`,
    );
  }
  await compareLast(place, { position, crossed }, signal);
  const seam: SeamPartition = {
    ...{ sourceTopic: topic, targetTopic, partition, crossed },
    sourceTopicId: position.sourceTopicId,
    targetTopicId: position.targetTopicId,
    fenceEnd: behind.foreignFrom ?? fenceEnd,
  };
  return { seam, unmapped };
}

/** The records of the old primary that never crossed, in order. */
export async function* uncrossedRecords(
  place: SeamPlace,
  { seam, uncrossed }: Pick<SeamFound, 'seam' | 'uncrossed'>,
  signal: AbortSignal,
): AsyncGenerator<ReadRecord> {
  const { from, to } = uncrossed;
  const log: LogPlace = {
    ...{ cluster: place.source, topic: seam.sourceTopic, partition: seam.partition },
    ...{ from, to, sleep: place.sleep },
  };
  for await (const batch of readLog(log, signal)) yield* batch.records();
}

async function count(
  place: SeamPlace,
  { seam, to }: { seam: SeamPartition; to: bigint },
  signal: AbortSignal,
): Promise<Uncrossed> {
  let records = 0n;
  let firstTimestampMs = -1n;
  let lastTimestampMs = -1n;
  const from = seam.crossed.sourceNext;
  const range = { from, to, records, firstTimestampMs, lastTimestampMs };
  for await (const { timestamp } of uncrossedRecords(place, { seam, uncrossed: range }, signal)) {
    records += 1n;
    if (firstTimestampMs < 0n || timestamp < firstTimestampMs) firstTimestampMs = timestamp;
    if (timestamp > lastTimestampMs) lastTimestampMs = timestamp;
  }
  return { from, to, records, firstTimestampMs, lastTimestampMs };
}

/** What lies between the end of the map and the fence: late batches of ours, or early ones of others. */
async function behindMap(
  log: LogPlace,
  producerId: bigint,
  signal: AbortSignal,
): Promise<{ unmapped: ReadRecord[]; foreignFrom: bigint | undefined }> {
  const unmapped: ReadRecord[] = [];
  for await (const batch of readLog(log, signal)) {
    if (batch.producerId === producerId) unmapped.push(...batch.records());
    else if (!batch.hidden) return { unmapped, foreignFrom: batch.firstOffset };
  }
  return { unmapped, foreignFrom: undefined };
}

async function align(
  place: SeamPlace,
  at: { position: MappedPosition; behind: readonly ReadRecord[]; sourceEnd: bigint },
  signal: AbortSignal,
): Promise<MapRun[]> {
  const { position, behind, sourceEnd } = at;
  if (behind.length === 0) return [];
  const from = position.end?.sourceNext ?? 0n;
  const source: ReadRecord[] = [];
  const log = logOf(place, 'source', { position, from, to: sourceEnd });
  for await (const batch of readLog(log, signal)) {
    source.push(...batch.records());
    if (source.length >= behind.length) break;
  }
  const runs = alignUnmapped(source, behind);
  if (runs !== undefined) return runs;
  const { topic, targetTopic, partition } = position;
  throw new SeamProblem(
    'source-differs',
    `${targetTopic}-${partition} holds ${behind.length} mirrored records that ${topic} on ` +
      `${place.flow.source} does not have from offset ${from} on: it lost its tail, or compacted it`,
  );
}

/** A source that lost its tail may have grown again: the last record that crossed tells. */
async function compareLast(
  place: SeamPlace,
  { position, crossed }: { position: MappedPosition; crossed: SeamPartition['crossed'] },
  signal: AbortSignal,
): Promise<void> {
  const lastOf = async (
    side: 'source' | 'target',
    next: bigint,
  ): Promise<ReadRecord | undefined> => {
    const log = logOf(place, side, { position, from: next - 1n, to: next });
    for await (const batch of readLog(log, signal)) {
      const [record] = batch.records();
      if (record !== undefined) return record;
    }
    return undefined;
  };
  if (crossed.sourceNext === 0n || crossed.targetNext === 0n) return;
  const there = await lastOf('target', crossed.targetNext);
  const here = await lastOf('source', crossed.sourceNext);
  // Compaction and retention take records on either side: only what is there can differ.
  if (there === undefined || here === undefined || isSameRecord(here, there)) return;
  const { topic, partition } = position;
  throw new SeamProblem(
    'source-differs',
    `${topic}-${partition} on ${place.flow.source} holds another record at offset ${here.offset} ` +
      `than the one that crossed: it lost its tail and was written again`,
  );
}

function logOf(
  { source, target, sleep }: SeamPlace,
  side: 'source' | 'target',
  at: { position: MappedPosition; from: bigint; to: bigint },
): LogPlace {
  const { position, from, to } = at;
  const { partition } = position;
  return side === 'source'
    ? { cluster: source, topic: position.topic, partition, from, to, sleep }
    : { cluster: target, topic: position.targetTopic, partition, from, to, sleep };
}
