import type { AdminClient } from '../../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { UnknownGroupError } from './errors.js';
import { reverse, translateGroup, type MappedPosition } from './flow-positions.js';
import type { GroupPositions } from './group-positions.js';
import type { GroupSync, SyncOutcome } from './group-sync.js';
import type { OffsetMapStore } from './offset-map-store.js';

/** One position of a group on both sides. */
export interface TranslatedPosition {
  topic: string;
  targetTopic: string;
  partition: number;
  /** Undefined where the map cannot say. */
  sourceOffset: bigint | undefined;
  targetOffset: bigint | undefined;
  /** The translation is at most so many records before the true position; undefined if unknown. */
  earlierByMax: bigint | undefined;
  /** Records on the target from the position to the end; undefined if either is unknown. */
  targetLag: bigint | undefined;
  /** What there is to say besides; empty if nothing. */
  note: string;
  /** Set if the source offset is ahead of the map: the first source offset that is not in it. */
  mappedTo?: bigint | undefined;
}

export interface GroupOnBothSides {
  group: string;
  /** On the target, in the broker's words; 'Absent' if it was never there. */
  targetState: string;
  /** Of the last attempt to commit on the target; undefined if it is not done. */
  sync: SyncOutcome | undefined;
  positions: TranslatedPosition[];
}

export interface GroupLookupOptions {
  admin: AdminClient;
  cluster: KafkaCluster;
  maps: OffsetMapStore;
  groups: GroupPositions;
  sync: GroupSync | undefined;
  flow: string;
  mapped: () => readonly MappedPosition[];
}

const NOT_MAPPED = 'the offset map knows nothing of this partition';

/** Answers people's questions about groups. Changes nothing. */
export class GroupLookup {
  readonly #options: GroupLookupOptions;

  constructor(options: GroupLookupOptions) {
    this.#options = options;
  }

  /** Every group that the source has told of. */
  async list(signal: AbortSignal): Promise<GroupOnBothSides[]> {
    const { admin, groups, sync } = this.#options;
    const ends = await this.#targetEnds(signal);
    const states = new Map<string, string>();
    for (const { groupId, state } of await admin.listGroups({ signal })) states.set(groupId, state);
    const found = new Map<string, GroupOnBothSides>();
    for (const { group } of groups.rows) {
      if (found.has(group)) continue;
      const targetState = states.get(group) ?? 'Absent';
      found.set(group, { group, targetState, sync: sync?.outcomeOf(group), positions: [] });
    }
    for (const row of groups.rows) found.get(row.group)!.positions.push(this.#forward(row, ends));
    return [...found.values()];
  }

  /** What the group has committed on the source, and where that is on the target. */
  async toTarget(group: string, signal: AbortSignal): Promise<TranslatedPosition[]> {
    const { groups, flow } = this.#options;
    const rows = [...groups.rows].filter((row) => row.group === group);
    if (rows.length === 0) {
      const known = new Set([...groups.rows].map((row) => row.group));
      const message = `flow ${flow} knows no offsets of group ${group}`;
      throw new UnknownGroupError(message, group, [...known]);
    }
    const ends = await this.#targetEnds(signal);
    return rows.map((row) => this.#forward(row, ends));
  }

  /** What the group has committed on the target, and where that is on the source. */
  async toSource(group: string, signal: AbortSignal): Promise<TranslatedPosition[]> {
    const { admin, maps, flow, mapped } = this.#options;
    const ours = new Map(mapped().map((each) => [`${each.targetTopic}:${each.partition}`, each]));
    const committed = (await admin.groupOffsets([group], { signal })).get(group) ?? [];
    const ends = await this.#targetEnds(signal);
    const positions: TranslatedPosition[] = [];
    for (const { topic: targetTopic, partition, offset: targetOffset } of committed) {
      const position = ours.get(`${targetTopic}:${partition}`);
      if (position === undefined) continue;
      const { topic, fenceMarkers } = position;
      const found = reverse(maps, { topic, partition, targetOffset, fenceMarkers });
      const targetLag = lagOf(ends.get(`${targetTopic}:${partition}`), targetOffset);
      positions.push({
        ...{ topic, targetTopic, partition, targetOffset, targetLag },
        sourceOffset: found?.sourceOffset,
        earlierByMax: found?.earlierByMax,
        note: found === undefined ? NOT_MAPPED : found.note,
      });
    }
    if (positions.length === 0) {
      const message = `group ${group} has committed nothing on the target in topics of flow ${flow}`;
      throw new UnknownGroupError(message, group, []);
    }
    return positions;
  }

  #forward(
    row: Parameters<typeof translateGroup>[1],
    ends: ReadonlyMap<string, bigint>,
  ): TranslatedPosition {
    const { maps } = this.#options;
    const { topic, targetTopic, partition, sourceOffset } = row;
    const { kind, targetOffset, rereadMax } = translateGroup(maps, row);
    const position = { topic, targetTopic, partition, sourceOffset, targetOffset };
    if (targetOffset === undefined) {
      return { ...position, earlierByMax: undefined, targetLag: undefined, note: NOT_MAPPED };
    }
    const targetLag = lagOf(ends.get(`${targetTopic}:${partition}`), targetOffset);
    const end = maps.find(topic, partition)?.map.end;
    const mappedTo = kind === 'beyond' ? end?.sourceNext : undefined;
    return { ...position, earlierByMax: rereadMax, targetLag, note: '', mappedTo };
  }

  /** A partition that cannot be looked at is left out: its lag is unknown, not zero. */
  async #targetEnds(signal: AbortSignal): Promise<Map<string, bigint>> {
    const { cluster, mapped } = this.#options;
    const places = mapped().map(({ targetTopic: topic, partition }) => ({ topic, partition }));
    const found = await cluster.listOffsets(places, TIMESTAMP_LATEST, { signal });
    const ends = new Map<string, bigint>();
    for (const [key, { errorCode, offset }] of found) {
      if (errorCode === ErrorCode.NONE) ends.set(key, offset);
    }
    return ends;
  }
}

function lagOf(end: bigint | undefined, offset: bigint): bigint | undefined {
  if (end === undefined) return undefined;
  return end > offset ? end - offset : 0n;
}
