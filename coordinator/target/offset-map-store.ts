import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { OffsetMapChunk } from '../../mirror/offset-map-chunk.js';
import type { OffsetRun } from '../../mirror/offset-map-run.js';
import type { OffsetPair } from '../../mirror/offset-map.js';
import { decodeOffsetMapKey, type OffsetMapKey } from '../../mirror/records/offset-map-key.js';
import {
  decodeOffsetMapRecord,
  encodeOffsetMapRecord,
  type FlowProducer,
  type OffsetMapRecord,
  type PromotionMark,
  type EpochMark,
  type SequenceBase,
} from '../../mirror/records/offset-map-record.js';
import type { FailbackState } from '../../mirror/records/failback-state.js';
import { RecordFormatError } from '../../mirror/records/record-format-error.js';
import { isBelonging, type Belongings } from './belongings.js';
import { InternalTopicError } from './errors.js';
import type { StoredRecord } from './internal-topic-reader.js';
import type { InternalRecord, InternalTopic } from './internal-topic.js';
import { FLUSH_PARTITIONS_MAX } from './limits.js';
import { MappedEntries, refuseCorrupt, setEpoch, type MappedEntry } from './mapped-entries.js';
import { PartitionMap, type MapRun, type UnsavedMap } from './partition-map.js';

export interface MapAck {
  topic: string;
  partition: number;
  sourceNext: bigint;
  targetNext: bigint;
}

export interface ProgressUpdate {
  topic: string;
  partition: number;
  runs: readonly MapRun[];
  truncatedTo?: bigint | undefined;
  sourceEpoch?: EpochMark | undefined;
  /** What an accepted halt made different. */
  renewed?: RenewedBase | undefined;
}

export interface RenewedBase {
  readonly sequenceBase: bigint;
  /** The map before the runs is void; these topics count from now on. */
  readonly restarted:
    { readonly sourceTopicId: string; readonly targetTopicId: string } | undefined;
}

/** Where the copy of a partition goes on, and what is known of the records before. */
export interface MapSeed {
  readonly topic: string;
  readonly partition: number;
  readonly base: SequenceBase;
  readonly runs: readonly OffsetRun[];
  readonly start: OffsetPair;
}

export interface OffsetMapStoreOptions {
  flow: string;
  topic: Pick<InternalTopic, 'topic' | 'read' | 'append'>;
  /** Takes what the topic holds besides the maps. */
  belongings: Belongings;
  clock: Clock;
  log: Logger;
}

/** One entry's share of a flush, to be undone if the write fails. */
interface FlushedEntry {
  entry: MappedEntry;
  unsaved: UnsavedMap;
  baseTaken: boolean;
  epochTaken: boolean;
}

/**
 * The offset maps of a flow: in memory, and behind that in a compacted topic on the target.
 *
 * What agents report is taken at once and written by the next flush; only then it is acknowledged.
 * The backlog is a set of changed partitions, so that it cannot outgrow the maps themselves.
 */
export class OffsetMapStore {
  readonly #options: OffsetMapStoreOptions;
  readonly #entries = new MappedEntries();
  /** Changed, or told again by an agent that waits for its acknowledgement. */
  readonly #dirty = new Set<MappedEntry>();
  readonly #promotions = new Map<string, PromotionMark>();
  #flow: FlowProducer | undefined;
  #failback: FailbackState | undefined;
  /** Flushes take turns: what one has taken is durable only when it has succeeded. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Records that could not be read when the topic was loaded. */
  corruptRecords = 0;

  constructor(options: OffsetMapStoreOptions) {
    this.#options = options;
  }

  get flow(): FlowProducer | undefined {
    return this.#flow;
  }

  /** By source topic; the empty name stands for the whole flow. */
  get promotions(): ReadonlyMap<string, PromotionMark> {
    return this.#promotions;
  }

  get failback(): FailbackState | undefined {
    return this.#failback;
  }

  get entries(): Iterable<MappedEntry> {
    return this.#entries.all();
  }

  get dirtyPartitions(): number {
    return this.#dirty.size;
  }

  find(topic: string, partition: number): MappedEntry | undefined {
    return this.#entries.find(topic, partition);
  }

  /** Reads the whole topic, at least up to our own writer record at `untilOffset`. */
  async load(untilOffset: bigint, signal: AbortSignal): Promise<void> {
    // The last record of each key counts, whether or not the broker has compacted the others away.
    const latest = new Map<string, StoredRecord>();
    const onRecord = (record: StoredRecord): void => {
      if (record.key === null) return this.#countCorrupt(record, 'it has no key');
      latest.set(record.key.toString('latin1'), record);
    };
    await this.#options.topic.read(onRecord, signal, untilOffset);
    this.#restore(latest.values());
  }

  /** Durable when it resolves: whatever rests on it may go on. */
  async saveFlow(value: FlowProducer, signal: AbortSignal): Promise<void> {
    const { topic, flow } = this.#options;
    await topic.append([encodeOffsetMapRecord({ kind: 'flow', flow, value })], signal);
    this.#flow = value;
  }

  /** Durable when it resolves; undefined takes a mark away. */
  async savePromotions(
    marks: ReadonlyMap<string, PromotionMark | undefined>,
    signal: AbortSignal,
  ): Promise<void> {
    if (marks.size === 0) return;
    const records = [...marks].map(([topic, value]) =>
      encodeOffsetMapRecord({ kind: 'promotion', topic, value }),
    );
    await this.#options.topic.append(records, signal);
    for (const [topic, mark] of marks) {
      if (mark === undefined) this.#promotions.delete(topic);
      else this.#promotions.set(topic, mark);
    }
  }

  async saveFailback(value: FailbackState, signal: AbortSignal): Promise<void> {
    const { topic, flow } = this.#options;
    await topic.append([encodeOffsetMapRecord({ kind: 'failback', flow, value })], signal);
    this.#failback = value;
  }

  /** Runs of another map, and where to go on; written by the next flush. */
  adopt(seed: MapSeed): void {
    const { topic, partition, base, runs, start } = seed;
    const entry = this.setBase(topic, partition, base);
    refuseCorrupt(entry);
    setEpoch(entry, undefined);
    entry.map.adopt(runs, start);
  }

  /** Written by the next flush. */
  setBase(topic: string, partition: number, base: SequenceBase): MappedEntry {
    const entry = this.#entries.of(topic, partition);
    this.#entries.setBase(entry, base);
    entry.baseUnsaved = true;
    this.#dirty.add(entry);
    return entry;
  }

  /** Nothing that was copied counts any more: the next base begins anew. */
  forgetTopic(topic: string): void {
    for (const entry of this.#entries.ofTopic(topic)) {
      if (entry.base === undefined) continue;
      entry.map.reset();
      setEpoch(entry, undefined);
      entry.base = undefined;
      entry.baseUnsaved = true;
      this.#dirty.add(entry);
    }
  }

  /** As `forgetTopic`, and for good: what the flush writes deletes the records. */
  async remove(topic: string, signal: AbortSignal): Promise<void> {
    this.forgetTopic(topic);
    await this.flush(signal);
    for (const entry of this.#entries.ofTopic(topic)) this.#dirty.delete(entry);
    this.#entries.removeTopic(topic);
  }

  /** Takes a report into memory. Throws OffsetMapConflictError, or TopicProblem for a corrupt map. */
  apply(update: ProgressUpdate): MappedEntry {
    const entry = this.#entries.of(update.topic, update.partition);
    refuseCorrupt(entry);
    if (update.runs.length === 0 && update.truncatedTo === undefined) return entry;
    const { renewed } = update;
    const { base } = entry;
    if (renewed !== undefined && base !== undefined) {
      const next = { ...base, ...renewed.restarted, sequenceBase: renewed.sequenceBase };
      if (renewed.restarted !== undefined) {
        entry.map.reset();
        setEpoch(entry, undefined);
      }
      if (next.sequenceBase !== base.sequenceBase || renewed.restarted !== undefined) {
        this.setBase(update.topic, update.partition, next);
      }
    }
    entry.map.apply(update.runs, update.truncatedTo);
    if (update.truncatedTo !== undefined) setEpoch(entry, undefined);
    if (update.sourceEpoch !== undefined) setEpoch(entry, update.sourceEpoch);
    // Also after a mere repeat: its sender waits for an acknowledgement that got lost.
    this.#dirty.add(entry);
    return entry;
  }

  /**
   * Writes what has changed, in up to FLUSH_PARTITIONS_MAX partitions, and answers with what is
   * durable now. What it cannot write stays in the set of changes, and the error is thrown.
   */
  flush(signal: AbortSignal): Promise<MapAck[]> {
    const result = this.#turn.then(() => this.#flushNow(signal));
    // Not what it answers: that would live until the next.
    this.#turn = result.then(nothing, nothing);
    return result;
  }

  async #flushNow(signal: AbortSignal): Promise<MapAck[]> {
    const flushed: FlushedEntry[] = [];
    const records: InternalRecord[] = [];
    for (const entry of this.#dirty) {
      if (flushed.length === FLUSH_PARTITIONS_MAX) break;
      this.#dirty.delete(entry);
      flushed.push(this.#take(entry, records));
    }
    try {
      if (records.length > 0) await this.#options.topic.append(records, signal);
    } catch (error) {
      for (const each of flushed) this.#putBack(each);
      throw error;
    }
    return flushed.flatMap(({ entry: { topic, partition, map }, unsaved }) => {
      const end = map.saved(unsaved);
      return end === undefined ? [] : [{ topic, partition, ...end }];
    });
  }

  /** A start goes before its chunks: without them it is right or, behind the map's end, ignored. */
  #take(entry: MappedEntry, records: InternalRecord[]): FlushedEntry {
    const { topic, partition, base } = entry;
    const { baseUnsaved: baseTaken, epochUnsaved: epochTaken } = entry;
    const unsaved = entry.map.takeUnsaved();
    const add = (record: OffsetMapRecord): unknown => records.push(encodeOffsetMapRecord(record));
    if (baseTaken) add({ kind: 'base', topic, partition, value: base });
    if (unsaved.start !== undefined) {
      add({ kind: 'start', topic, partition, value: unsaved.start.pair });
    }
    for (const { index, generation, runs } of unsaved.chunks) {
      const value = runs.length === 0 ? undefined : { generation, runs };
      add({ kind: 'chunk', topic, partition, chunkIndex: index, value });
    }
    if (epochTaken) add({ kind: 'epoch', topic, partition, value: entry.epoch });
    entry.baseUnsaved = false;
    entry.epochUnsaved = false;
    return { entry, unsaved, baseTaken, epochTaken };
  }

  #putBack({ entry, unsaved, baseTaken, epochTaken }: FlushedEntry): void {
    entry.map.markUnsaved(unsaved);
    entry.baseUnsaved ||= baseTaken;
    entry.epochUnsaved ||= epochTaken;
    this.#dirty.add(entry);
  }

  #restore(records: Iterable<StoredRecord>): void {
    const chunks = new Map<MappedEntry, Map<number, OffsetMapChunk>>();
    const starts = new Map<MappedEntry, OffsetPair>();
    for (const stored of records) {
      const record = this.#decode(stored);
      if (record?.value === undefined || record.kind === 'writer') continue;
      if (record.kind === 'flow') {
        if (record.flow === this.#options.flow) this.#flow = record.value;
        continue;
      }
      if (record.kind === 'promotion') {
        this.#promotions.set(record.topic, record.value);
        continue;
      }
      if (record.kind === 'failback') {
        if (record.flow === this.#options.flow) this.#failback = record.value;
        continue;
      }
      if (isBelonging(record)) {
        this.#options.belongings.restore(record);
        continue;
      }
      const entry = this.#entries.of(record.topic, record.partition);
      if (record.kind === 'base') this.#entries.setBase(entry, record.value);
      else if (record.kind === 'epoch') entry.epoch = record.value;
      else if (record.kind === 'start') starts.set(entry, record.value);
      else {
        const ofEntry = chunks.get(entry) ?? new Map<number, OffsetMapChunk>();
        chunks.set(entry, ofEntry.set(record.chunkIndex, record.value));
      }
    }
    for (const entry of this.#entries.all()) {
      if (entry.corrupt !== undefined) continue;
      entry.map = PartitionMap.restore(chunks.get(entry) ?? new Map(), starts.get(entry));
    }
  }

  #decode(stored: StoredRecord): OffsetMapRecord | undefined {
    try {
      return decodeOffsetMapRecord(stored.key!, stored.value);
    } catch (error) {
      if (!(error instanceof RecordFormatError)) throw error;
      this.#countCorrupt(stored, describeError(error));
      const key = this.#keyOf(stored);
      if (key === undefined || key.kind === 'writer') return undefined;
      if (key.kind === 'acl' || key.kind === 'gone' || key.kind === 'wider') return undefined;
      const at = `offset ${stored.offset} of ${this.#options.topic.topic}`;
      if (key.kind === 'flow' || key.kind === 'promotion' || key.kind === 'failback') {
        // Without it another producer would be taken, and the old one no longer be fenced; or what
        // was promoted would be copied again.
        const reason = `the record at offset ${stored.offset} cannot be read: ${error.message}`;
        throw new InternalTopicError(this.#options.topic.topic, reason, { cause: error });
      }
      const entry = this.#entries.of(key.topic, key.partition);
      entry.corrupt = `the offset map's record at ${at} cannot be read: ${error.message}`;
      return undefined;
    }
  }

  #keyOf(stored: StoredRecord): OffsetMapKey | undefined {
    try {
      return decodeOffsetMapKey(stored.key!);
    } catch {
      return undefined; // counted and logged; nobody can say whose it was
    }
  }

  #countCorrupt(stored: StoredRecord, reason: string): void {
    const { topic, log } = this.#options;
    this.corruptRecords += 1;
    log.error({ topic: topic.topic, offset: String(stored.offset), reason }, 'corrupt map record');
  }
}

function nothing(): void {}
