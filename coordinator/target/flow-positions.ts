import type { TargetTranslation } from '../../mirror/offset-map.js';
import type { UnprovenPartition } from '../verification/unproven.js';
import type { VerifiablePartition } from '../verification/verification.js';
import type { GroupRow } from './group-positions.js';
import type { OffsetMapStore } from './offset-map-store.js';
import type { MapEnd } from './partition-map.js';
import type { SyncAttempt } from '../../mirror/records/offset-map-record.js';

/** One partition that was ever made on the target for a flow. */
export interface MappedPosition {
  topic: string;
  targetTopic: string;
  /** Another one on the target means that the topic was deleted and created again. */
  targetTopicId: string;
  partition: number;
  end: MapEnd | undefined;
  /** The last that was handed out for it, or that it was fenced with. */
  producerEpoch: number;
  /** Why its map cannot be trusted; undefined if it can. */
  corrupt: string | undefined;
  /** As on the source when the partition was first mapped. */
  sourceTopicId: string;
  /** One after a fence, whose marker lies behind everything mapped. */
  fenceMarkers: bigint;
  /** Where the target's log ended right after the fence; undefined before it. */
  fenceEnd: bigint | undefined;
}

export interface TranslatedGroupOffset {
  group: string;
  topic: string;
  targetTopic: string;
  partition: number;
  sourceOffset: bigint;
  targetOffset: bigint | undefined;
  kind: TargetTranslation['kind'];
  /** Mirrored records between the translation and the true position: zero where it is exact. */
  rereadMax: bigint;
  metadata: string;
  /** The source itself said so since this coordinator leads. */
  live: boolean;
  /** What the flow committed on the target, or may have. */
  attempts: readonly SyncAttempt[];
}

/** Which one is meant, on both sides. */
export interface PartitionPlace {
  topic: string;
  targetTopic: string;
  partition: number;
}

const NOTHING_KNOWN: TargetTranslation = { kind: 'unknown', targetOffset: undefined };

/** A map that cannot be trusted translates nothing. */
export function translate(
  maps: OffsetMapStore,
  position: { topic: string; partition: number; sourceOffset: bigint },
): TargetTranslation {
  const entry = maps.find(position.topic, position.partition);
  if (entry === undefined || entry.corrupt !== undefined) return NOTHING_KNOWN;
  return entry.map.toTarget(position.sourceOffset);
}

export function translateGroup(
  maps: OffsetMapStore,
  row: GroupRow,
  attempts: readonly SyncAttempt[] = [],
): TranslatedGroupOffset {
  const { group, topic, targetTopic, partition, sourceOffset, metadata, live } = row;
  const { kind, targetOffset } = translate(maps, row);
  const rereadMax = maps.find(topic, partition)?.map.rereadMax(sourceOffset) ?? 0n;
  const position = { group, topic, targetTopic, partition, sourceOffset, metadata };
  return { ...position, targetOffset, kind, rereadMax, live, attempts };
}

export interface ReversedOffset {
  sourceOffset: bigint;
  /** Offsets, and so at most records, between the translation and the true position. */
  earlierByMax: bigint;
  /** Empty if there is nothing to say. */
  note: string;
}

/** From an offset on the target to the source; undefined where the map cannot say. */
export function reverse(
  maps: OffsetMapStore,
  position: { topic: string; partition: number; targetOffset: bigint; fenceMarkers: bigint },
): ReversedOffset | undefined {
  const { topic, partition, targetOffset, fenceMarkers } = position;
  const entry = maps.find(topic, partition);
  if (entry === undefined || entry.corrupt !== undefined) return undefined;
  const { kind, sourceOffset } = entry.map.toSource(targetOffset);
  if (sourceOffset === undefined) return undefined;
  const end = entry.map.end?.targetNext ?? 0n;
  if (kind === 'beyond') {
    const own = targetOffset - end - fenceMarkers;
    if (own <= 0n) return { sourceOffset, earlierByMax: 0n, note: '' };
    const note = `${own} offsets further on the target than what was copied to it`;
    return { sourceOffset, earlierByMax: own, note };
  }
  if (kind !== 'floor') return { sourceOffset, earlierByMax: 0n, note: '' };
  const back = entry.map.toTarget(sourceOffset).targetOffset ?? targetOffset;
  const earlierByMax = targetOffset > back ? targetOffset - back : 0n;
  return { sourceOffset, earlierByMax, note: '' };
}

/** Partitions of a flow, with all that the map knows of them now; and those that it cannot speak for. */
export function listVerifiable(
  maps: OffsetMapStore,
  targetTopicOf: (topic: string) => string,
): { verifiable: VerifiablePartition[]; corrupt: UnprovenPartition[]; unbegun: PartitionPlace[] } {
  const verifiable: VerifiablePartition[] = [];
  const unproven: UnprovenPartition[] = [];
  const unbegun: PartitionPlace[] = [];
  for (const { topic, partition, map, corrupt, base } of maps.entries) {
    const { end } = map;
    const place = { topic, targetTopic: targetTopicOf(topic), partition };
    if (corrupt !== undefined) {
      const reason = `its offset map cannot be trusted: ${corrupt}`;
      unproven.push({ ...place, reason });
    } else if (base === undefined || end === undefined) unbegun.push(place);
    else {
      const { sourceTopicId, targetTopicId } = base;
      verifiable.push({ ...place, sourceTopicId, targetTopicId, runs: map.runs(), end });
    }
  }
  return { verifiable, corrupt: unproven, unbegun };
}

export function listMapped(
  maps: OffsetMapStore,
  of: {
    readonly targetTopic: (topic: string) => string;
    /** Undefined while the topic is not fenced. */
    readonly fenceEpoch: (topic: string) => number | undefined;
  },
): MappedPosition[] {
  const positions: MappedPosition[] = [];
  for (const { topic, partition, map, corrupt, base } of maps.entries) {
    if (base === undefined) continue;
    const fenceEpoch = of.fenceEpoch(topic);
    positions.push({
      topic,
      targetTopic: of.targetTopic(topic),
      targetTopicId: base.targetTopicId,
      sourceTopicId: base.sourceTopicId,
      partition,
      end: corrupt === undefined ? map.end : undefined,
      producerEpoch: base.producerEpoch,
      corrupt,
      fenceMarkers: fenceEpoch === undefined ? 0n : 1n,
      fenceEnd: base.producerEpoch === fenceEpoch ? base.sequenceBase : undefined,
    });
  }
  return positions;
}

/** Whether a copy of the topic was begun: the first position of a partition is known. */
export function isBegun(maps: OffsetMapStore, topic: string): boolean {
  for (let partition = 0; ; partition += 1) {
    const entry = maps.find(topic, partition);
    if (entry === undefined) return false;
    if (entry.map.end !== undefined) return true;
  }
}
