import { checkHistory, type HistoryRecord } from '../kit/history-checker.js';

/** One record that the application wrote, or tried to. */
export interface SentRecord {
  readonly topic: string;
  readonly partition: number;
  /** Unique among all records of all topics. */
  readonly id: string;
  readonly key: string;
  readonly value: string;
  readonly timestampMs: number;
  /** On the monotonic clock; undefined when the cluster died before it answered. */
  acknowledgedAtMs: number | undefined;
}

export interface Evidence {
  /** In the order of sending. */
  readonly sent: readonly SentRecord[];
  /** What an independent reader finds on the target, by the source's topic name. */
  readonly mirrored: ReadonlyMap<string, readonly HistoryRecord[]>;
  /** Ids, with repeats, that the group read and committed on the source. */
  readonly readOnSource: readonly string[];
  /** Ids, with repeats, that the group was handed on the target. */
  readonly readOnTarget: readonly string[];
  /** What the plan said may be lost at most, by topic. */
  readonly reported: ReadonlyMap<string, number>;
}

export interface TopicCounts {
  readonly topic: string;
  /** Acknowledged by the source. */
  written: number;
  mirroredOnce: number;
  mirroredAgain: number;
  /** On the target, and never sent. */
  invented: number;
  outOfOrder: number;
  changed: number;
  /** Sent, mirrored, but the source died before it acknowledged. */
  unacknowledged: number;
  /** Acknowledged and never mirrored, after the last mirrored record of their partition. */
  lost: number;
  /** Acknowledged and never mirrored, though later records of their partition are there. */
  holes: number;
  reported: number;
  readOnSource: number;
  readOnTarget: number;
  readOnce: number;
  /** Mirrored, and read on neither side. */
  skipped: number;
  /** Read more than once. */
  repeated: number;
}

export interface Verdict {
  readonly topics: readonly TopicCounts[];
  /** Every count that breaks a promise, in words; empty if all is well. */
  readonly faults: readonly string[];
  /** Acknowledged and not mirrored. */
  readonly lost: readonly SentRecord[];
}

const NO_LIMIT = Number.POSITIVE_INFINITY;

function toHistory(records: readonly SentRecord[]): HistoryRecord[] {
  // The place in the order of sending stands in for the offset: the source can no longer be read.
  return records.map((record, index) => ({
    partition: record.partition,
    offset: BigInt(index),
    timestamp: BigInt(record.timestampMs),
    key: Buffer.from(record.key),
    value: Buffer.from(record.value),
    headers: [{ key: 'id', value: Buffer.from(record.id) }],
  }));
}

function headerId(record: HistoryRecord): string | undefined {
  return record.headers.find(({ key }) => key === 'id')?.value?.toString();
}

/** A record without an id is recognised by its value, and so found to be invented. */
function identity(record: HistoryRecord): string {
  return headerId(record) ?? `=${record.value?.toString('latin1') ?? 'null'}`;
}

function countById(ids: Iterable<string | undefined>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) {
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/** The place in the order of sending of each partition's last mirrored record. */
function lastMirrored(
  sent: readonly SentRecord[],
  found: ReadonlyMap<string, number>,
): Map<number, number> {
  const last = new Map<number, number>();
  for (const [index, { partition, id }] of sent.entries()) {
    if (found.has(id)) last.set(partition, index);
  }
  return last;
}

class TopicJudge {
  readonly counts: TopicCounts;
  readonly lost: SentRecord[] = [];
  readonly #sent: readonly SentRecord[];
  readonly #mirrored: readonly HistoryRecord[];
  readonly #found: ReadonlyMap<string, number>;

  constructor(topic: string, evidence: Evidence) {
    this.#sent = evidence.sent.filter((record) => record.topic === topic);
    this.#mirrored = evidence.mirrored.get(topic) ?? [];
    this.#found = countById(this.#mirrored.map(headerId));
    const zero = { written: 0, mirroredOnce: 0, mirroredAgain: 0, invented: 0, outOfOrder: 0 };
    const none = { changed: 0, unacknowledged: 0, lost: 0, holes: 0 };
    const reads = { readOnSource: 0, readOnTarget: 0, readOnce: 0, skipped: 0, repeated: 0 };
    this.counts = {
      topic,
      ...zero,
      ...none,
      ...reads,
      reported: evidence.reported.get(topic) ?? 0,
    };
  }

  judgeCopy(): void {
    const { counts } = this;
    for (const { id, acknowledgedAtMs } of this.#sent) {
      const copies = this.#found.get(id) ?? 0;
      if (copies === 1) counts.mirroredOnce += 1;
      if (acknowledgedAtMs !== undefined) counts.written += 1;
      else if (copies > 0) counts.unacknowledged += 1;
    }
    const last = lastMirrored(this.#sent, this.#found);
    const options = { identity, violationsMax: NO_LIMIT };
    for (const each of checkHistory(toHistory(this.#sent), this.#mirrored, options)) {
      if (each.kind === 'duplicate') counts.mirroredAgain += 1;
      else if (each.kind === 'invention') counts.invented += 1;
      else if (each.kind === 'order') counts.outOfOrder += 1;
      else if (each.kind === 'content') counts.changed += 1;
      else this.#judgeLoss(Number(each.offset), last.get(each.partition) ?? -1);
    }
  }

  judgeReads(onSource: ReadonlyMap<string, number>, onTarget: ReadonlyMap<string, number>): void {
    const { counts } = this;
    for (const { id } of this.#sent) {
      const [source, target] = [onSource.get(id) ?? 0, onTarget.get(id) ?? 0];
      if (source > 0) counts.readOnSource += 1;
      if (target > 0) counts.readOnTarget += 1;
      if (source + target === 1) counts.readOnce += 1;
      if (source + target > 1) counts.repeated += 1;
      if (source + target === 0 && this.#found.has(id)) counts.skipped += 1;
    }
  }

  #judgeLoss(index: number, lastIndex: number): void {
    const record = this.#sent[index];
    // What nobody was promised is not lost, unless what came after it is there.
    const promised = record?.acknowledgedAtMs !== undefined;
    if (record === undefined || (!promised && index > lastIndex)) return;
    if (index < lastIndex) this.counts.holes += 1;
    else this.counts.lost += 1;
    if (promised) this.lost.push(record);
  }
}

function faultsOf(counts: TopicCounts): string[] {
  const wrong: readonly (readonly [number, string])[] = [
    [counts.mirroredAgain, 'mirrored more than once'],
    [counts.invented, 'on the target but never written'],
    [counts.outOfOrder, 'out of order'],
    [counts.changed, 'changed in content'],
    [counts.holes, 'missing between records that are there'],
    [counts.skipped, 'skipped by the group'],
    [counts.repeated, 'read more than once by the group'],
    [Math.max(0, counts.lost - counts.reported), 'lost beyond what the plan reported'],
  ];
  const faults = wrong
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${counts.topic}: ${count} records ${what}`);
  if (counts.mirroredOnce === 0) faults.push(`${counts.topic}: nothing was mirrored`);
  if (counts.readOnSource === 0) faults.push(`${counts.topic}: nothing was read on the source`);
  if (counts.readOnTarget === 0) faults.push(`${counts.topic}: nothing was read on the target`);
  return faults;
}

/** Compares what was written, mirrored and read, record by record. */
export function judge(evidence: Evidence): Verdict {
  const onSource = countById(evidence.readOnSource);
  const onTarget = countById(evidence.readOnTarget);
  const topics = [...evidence.mirrored.keys()];
  const judges = topics.map((topic) => new TopicJudge(topic, evidence));
  for (const each of judges) {
    each.judgeCopy();
    each.judgeReads(onSource, onTarget);
  }
  const faults = judges.flatMap(({ counts }) => faultsOf(counts));
  const sentIds = new Set(evidence.sent.map(({ id }) => id));
  const foreign = [...onSource.keys(), ...onTarget.keys()].filter((id) => !sentIds.has(id)).length;
  if (foreign > 0) faults.push(`${foreign} records read by the group that were never written`);
  return {
    topics: judges.map(({ counts }) => counts),
    faults,
    lost: judges.flatMap(({ lost }) => lost),
  };
}
