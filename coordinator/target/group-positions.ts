import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { SampleWindow } from '../../common/telemetry/sample-window.js';
import { Wakeup } from '../../common/wakeup.js';
import type { TargetTranslation } from '../../mirror/offset-map.js';
import type { ReplicationPolicy } from '../../mirror/policy/replication-policy.js';
import {
  decodeCheckpoint,
  encodeCheckpoint,
  type Checkpoint,
} from '../../mirror/records/checkpoint.js';
import { RecordFormatError } from '../../mirror/records/record-format-error.js';
import type { StoredRecord } from './internal-topic-reader.js';
import type { InternalTopic } from './internal-topic.js';
import { CHECKPOINTS_PER_WRITE_MAX } from './limits.js';
import type { ProgressUpdate } from './offset-map-store.js';
import { applicationMetadata } from './sync-decision.js';

/** A group's committed offset on the source: the next record it will read. */
export interface GroupOffset {
  group: string;
  /** As on the source. */
  topic: string;
  partition: number;
  offset: bigint;
  metadata: string;
}

export interface GroupRow {
  readonly group: string;
  readonly topic: string;
  readonly targetTopic: string;
  readonly partition: number;
  sourceOffset: bigint;
  metadata: string;
  /** The source itself said so since this coordinator leads; else it was read from the target. */
  live: boolean;
  /** What the checkpoints topic holds; undefined if nothing. */
  written: { sourceOffset: bigint; targetOffset: bigint; metadata: string } | undefined;
  /** Its target topic is another one, empty, and the map says nothing of that yet. */
  emptied?: boolean;
  /** How long its checkpoints took to be acknowledged; absent until one was. */
  latency?: SampleWindow;
}

export interface GroupPositionsOptions {
  topic: InternalTopic;
  policy: ReplicationPolicy;
  sourceAlias: string;
  /** Whether the flow selects the group: others may be in the topic from earlier times. */
  accepts: (group: string) => boolean;
  clock: Clock;
  /** Gets each row whose checkpoint was written, for metrics. */
  writtenCheckpoints?: Set<GroupRow> | undefined;
  log: Logger;
  /** `unknown` for a partition whose map cannot be trusted. */
  translate: (row: GroupRow) => TargetTranslation;
}

interface DueCheckpoint {
  row: GroupRow;
  written: NonNullable<GroupRow['written']>;
}

/**
 * Where every consumer group stands on the source, kept on the target as MirrorMaker 2's checkpoints,
 * with exact translations. What the map cannot say is not written: a checkpoint is never guessed.
 */
export class GroupPositions {
  readonly #options: GroupPositionsOptions;
  readonly #rows = new Map<string, GroupRow>();
  /** Rows by `topic:partition`, to find those that a truncation of the map concerns. */
  readonly #byPartition = new Map<string, Set<GroupRow>>();
  /** Rows to be translated by the next flush. */
  readonly #due = new Set<GroupRow>();
  /** Likewise by `topic:partition`: ahead of the map, so that they move as it grows. */
  readonly #ahead = new Map<string, Set<GroupRow>>();
  readonly #wakeup = new Wakeup();
  /** Flushes take turns, so that an older translation never follows a newer one. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Checkpoints that could not be read when the topic was loaded. */
  corruptRecords = 0;

  constructor(options: GroupPositionsOptions) {
    this.#options = options;
  }

  get rows(): Iterable<GroupRow> {
    return this.#rows.values();
  }

  async load(signal: AbortSignal): Promise<void> {
    const latest = new Map<string, StoredRecord>();
    await this.#options.topic.read((record) => {
      if (record.key !== null) latest.set(record.key.toString('latin1'), record);
    }, signal);
    for (const record of latest.values()) this.#restore(record);
    if (this.#due.size > 0) this.#wakeup.wake();
  }

  /** Resolves when a flush has something to do, or the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return this.#wakeup.wait(signal);
  }

  record(offsets: readonly GroupOffset[]): void {
    for (const { group, topic, partition, offset, metadata: committed } of offsets) {
      if (offset < 0n) continue; // Kafka's way of saying that nothing is committed
      const metadata = applicationMetadata(committed);
      const { policy, sourceAlias } = this.#options;
      const targetTopic = policy.formatRemoteTopic(sourceAlias, topic);
      const row = this.#rowOf({ group, topic, targetTopic, partition });
      row.live = true;
      if (row.sourceOffset === offset && row.metadata === metadata) continue;
      row.sourceOffset = offset;
      row.metadata = metadata;
      this.#due.add(row);
    }
    if (this.#due.size > 0) this.#wakeup.wake();
  }

  /** Of a topic that is gone. Its checkpoints stay: MirrorMaker 2's clients do not read deletions. */
  forget(topic: string): void {
    for (const [text, row] of this.#rows) {
      if (row.topic !== topic) continue;
      this.#rows.delete(text);
      this.#due.delete(row);
      this.#ahead.delete(`${topic}:${row.partition}`);
      this.#byPartition.delete(`${topic}:${row.partition}`);
    }
  }

  /** What the map has just taken in; `sourceTopicId` is the one that it was about before. */
  mapChanged(update: ProgressUpdate, sourceTopicId: string | undefined): void {
    const { topic, partition, runs, truncatedTo, renewed } = update;
    const restarted = renewed?.restarted;
    if (runs.length > 0) this.#mapGrew(topic, partition);
    if (restarted !== undefined && sourceTopicId !== undefined)
      if (restarted.sourceTopicId !== sourceTopicId) this.#sourceRenewed(topic, partition);
    if (truncatedTo !== undefined || restarted !== undefined) this.#mapTruncated(topic, partition);
  }

  /** The map learned more of the partition: who was ahead of it can be translated better now. */
  #mapGrew(topic: string, partition: number): void {
    const key = `${topic}:${partition}`;
    const rows = this.#ahead.get(key);
    if (rows === undefined) return;
    this.#ahead.delete(key);
    for (const row of rows) this.#due.add(row);
    this.#wakeup.wake();
  }

  /** The map forgot what it knew of the partition's end: translations may go back. */
  #mapTruncated(topic: string, partition: number): void {
    const rows = this.#byPartition.get(`${topic}:${partition}`) ?? [];
    for (const row of rows) this.#due.add(row);
    this.#wakeup.wake();
  }

  /**
   * Another topic has the name, and what groups committed went with the old one: as offsets of the new
   * one they would skip its records. From its start a group may read some again, until it commits there.
   */
  #sourceRenewed(topic: string, partition: number): void {
    for (const row of this.#byPartition.get(`${topic}:${partition}`) ?? []) {
      if (row.sourceOffset > 0n) Object.assign(row, { sourceOffset: 0n, metadata: '' });
    }
  }

  /**
   * What was copied is gone, and the copy begins anew: whatever a checkpoint pointed to does not exist
   * any more. Zero stands for it until the map grows: records would come again, but none be missed. A
   * deletion would say it better, but MirrorMaker 2's clients fail on those.
   */
  targetRenewed(topic: string): void {
    for (const row of this.#rows.values()) {
      if (row.topic !== topic || row.sourceOffset < 0n) continue;
      row.emptied = true;
      this.#due.add(row);
    }
    this.#wakeup.wake();
  }

  /** Writes the checkpoints that have changed. What cannot be written is tried by the next call. */
  flush(signal: AbortSignal): Promise<void> {
    const result = this.#turn.then(() => this.#flushNow(signal));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #flushNow(signal: AbortSignal): Promise<void> {
    while (this.#due.size > 0) await this.#write(this.#takeDue(), signal);
  }

  #takeDue(): DueCheckpoint[] {
    const changed: DueCheckpoint[] = [];
    for (const row of this.#due) {
      if (changed.length === CHECKPOINTS_PER_WRITE_MAX) break;
      this.#due.delete(row);
      const { sourceOffset, metadata } = row;
      const { kind, targetOffset: translated } = this.#options.translate(row);
      if (translated !== undefined) row.emptied = false;
      const targetOffset = row.emptied === true ? 0n : translated;
      // An exact position stays what it is; one past the map's end moves with the next report.
      if (kind === 'unknown' || kind === 'beyond') this.#waitForMap(row);
      if (targetOffset === undefined) continue;
      const written = { sourceOffset, targetOffset, metadata };
      if (!sameCheckpoint(row.written, written)) changed.push({ row, written });
    }
    return changed;
  }

  async #write(changed: readonly DueCheckpoint[], signal: AbortSignal): Promise<void> {
    if (changed.length === 0) return;
    const { clock, writtenCheckpoints } = this.#options;
    const startedMs = clock.nowMs();
    try {
      const records = changed.map(({ row, written }) =>
        encodeCheckpoint(checkpointOf(row, written)),
      );
      await this.#options.topic.append(records, signal);
    } catch (error) {
      for (const { row } of changed) this.#due.add(row);
      throw error;
    }
    const nowMs = clock.nowMs();
    const measured = { value: nowMs - startedMs, records: 1, bytes: 0 };
    for (const { row, written } of changed) {
      row.written = written;
      (row.latency ??= new SampleWindow()).add(nowMs, measured);
      writtenCheckpoints?.add(row);
    }
  }

  #waitForMap(row: GroupRow): void {
    const key = `${row.topic}:${row.partition}`;
    const rows = this.#ahead.get(key) ?? new Set<GroupRow>();
    this.#ahead.set(key, rows.add(row));
  }

  /** Writes one known checkpoint again, so that the broker refuses earlier writers from then on. */
  async announce(signal: AbortSignal): Promise<void> {
    for (const row of this.#rows.values()) {
      if (row.written === undefined) continue;
      await this.#options.topic.append([encodeCheckpoint(checkpointOf(row, row.written))], signal);
      return;
    }
  }

  #restore(record: StoredRecord): void {
    if (record.key === null || record.value === null) return;
    const { policy, sourceAlias, log, topic } = this.#options;
    let checkpoint: Checkpoint;
    try {
      checkpoint = decodeCheckpoint(record.key, record.value);
    } catch (error) {
      if (!(error instanceof RecordFormatError)) throw error;
      // A group that still lives commits again, and is written anew.
      this.corruptRecords += 1;
      const at = { topic: topic.topic, offset: String(record.offset) };
      log.error({ ...at, reason: describeError(error) }, 'corrupt checkpoint');
      return;
    }
    const { group, topic: targetTopic, partition, upstreamOffset, metadata } = checkpoint;
    const source = policy.upstreamTopic(targetTopic);
    if (!this.#options.accepts(group)) return;
    if (source === null || policy.formatRemoteTopic(sourceAlias, source) !== targetTopic) return;
    const row = this.#rowOf({ group, topic: source, targetTopic, partition });
    row.sourceOffset = upstreamOffset;
    row.metadata = applicationMetadata(metadata);
    const targetOffset = checkpoint.downstreamOffset;
    row.written = { sourceOffset: upstreamOffset, targetOffset, metadata };
    this.#due.add(row);
  }

  #rowOf(key: Pick<GroupRow, 'group' | 'topic' | 'targetTopic' | 'partition'>): GroupRow {
    // Groups may have any name: a list as JSON cannot be taken for another.
    const text = JSON.stringify([key.group, key.topic, key.partition]);
    let row = this.#rows.get(text);
    if (row === undefined) {
      row = { ...key, sourceOffset: -1n, metadata: '', live: false, written: undefined };
      this.#rows.set(text, row);
      const partitionText = `${key.topic}:${key.partition}`;
      const ofPartition = this.#byPartition.get(partitionText) ?? new Set<GroupRow>();
      this.#byPartition.set(partitionText, ofPartition.add(row));
    }
    return row;
  }
}

function sameCheckpoint(
  before: GroupRow['written'],
  now: NonNullable<GroupRow['written']>,
): boolean {
  return (
    before !== undefined &&
    before.sourceOffset === now.sourceOffset &&
    before.targetOffset === now.targetOffset &&
    before.metadata === now.metadata
  );
}

function checkpointOf(row: GroupRow, written: NonNullable<GroupRow['written']>): Checkpoint {
  const { group, targetTopic: topic, partition } = row;
  const { sourceOffset: upstreamOffset, targetOffset: downstreamOffset, metadata } = written;
  return { group, topic, partition, upstreamOffset, downstreamOffset, metadata };
}
