/**
 * What happened, judged from what can be read afterwards: the whole source as S, the whole target as
 * T. Producers write values that occur once, so a record is recognised by its value alone and
 * every promise of the mirror becomes a statement about two lists:
 *
 *   loss       a value of S is not in T           duplicate  a value is in T more than once
 *   invention  a value of T is not in S           order      T is not in the order of S
 *   content    same value, other key, headers, timestamp or null-ness
 *
 * Pure functions: reading is read-topic.ts, writing write-unique.ts.
 */

export interface RecordHeader {
  readonly key: string;
  /** Null is not empty. */
  readonly value: Buffer | null;
}

/** A record as an application reads it. */
export interface HistoryRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly timestamp: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** In order, with repeats, when the reader keeps them; read-topic.ts says what its client keeps. */
  readonly headers: readonly RecordHeader[];
}

export type ViolationKind = 'loss' | 'invention' | 'duplicate' | 'order' | 'content';

export interface Violation {
  readonly kind: ViolationKind;
  readonly partition: number;
  /** Where it shows: an offset of the source for a loss, else of the target. */
  readonly offset: bigint;
  readonly message: string;
}

export interface CheckOptions {
  /**
   * What a record is recognised by. The default is its key's and value's bytes, with which records
   * that are equal in both (tombstones) are matched one to one, in order.
   */
  readonly identity?: (record: HistoryRecord) => string;
  /** Violations kept for each kind, so that a total loss stays readable. */
  readonly violationsMax?: number;
}

const VIOLATIONS_MAX = 20;
const SHOWN_BYTES_MAX = 60;

function show(bytes: Buffer | null): string {
  if (bytes === null) return 'null';
  const text = JSON.stringify(bytes.toString('latin1').slice(0, SHOWN_BYTES_MAX));
  return bytes.length > SHOWN_BYTES_MAX ? `${text}... (${bytes.length} bytes)` : text;
}

function tag(bytes: Buffer | null): string {
  return bytes === null ? 'null' : `=${bytes.toString('latin1')}`;
}

/** A string that is equal exactly for equal values, with null apart from empty. */
export function valueIdentity(record: HistoryRecord): string {
  return record.value === null ? `tombstone of ${tag(record.key)}` : tag(record.value);
}

function byPartition(records: readonly HistoryRecord[]): Map<number, HistoryRecord[]> {
  const partitions = new Map<number, HistoryRecord[]>();
  for (const record of records) {
    const list = partitions.get(record.partition);
    if (list === undefined) partitions.set(record.partition, [record]);
    else list.push(record);
  }
  for (const list of partitions.values()) {
    list.sort((a, b) => (a.offset < b.offset ? -1 : a.offset > b.offset ? 1 : 0));
  }
  return partitions;
}

function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

/** The first field in which two records differ, as text; undefined when there is none. */
export function contentDifference(
  source: HistoryRecord,
  target: HistoryRecord,
): string | undefined {
  if (!sameBytes(source.value, target.value)) {
    return `value ${show(source.value)} became ${show(target.value)}`;
  }
  if (!sameBytes(source.key, target.key)) {
    return `key ${show(source.key)} became ${show(target.key)}`;
  }
  if (source.timestamp !== target.timestamp) {
    return `timestamp ${source.timestamp} became ${target.timestamp}`;
  }
  if (source.headers.length !== target.headers.length) {
    return `${source.headers.length} headers became ${target.headers.length}`;
  }
  for (const [index, header] of source.headers.entries()) {
    const other = target.headers[index];
    if (other !== undefined && header.key === other.key && sameBytes(header.value, other.value)) {
      continue;
    }
    const became = other === undefined ? 'nothing' : `${other.key}=${show(other.value)}`;
    return `header ${index} ${header.key}=${show(header.value)} became ${became}`;
  }
  return undefined;
}

interface PartitionHistory {
  readonly source: readonly HistoryRecord[];
  readonly target: readonly HistoryRecord[];
  readonly identity: (record: HistoryRecord) => string;
}

interface Matching {
  /** Source index and target record of every pair, in the order of the target. */
  readonly pairs: { readonly sourceIndex: number; readonly target: HistoryRecord }[];
  /** Target records for which no source record was left. */
  readonly surplus: HistoryRecord[];
  readonly unmatched: HistoryRecord[];
}

/** Pairs the records of one partition; the n-th of equal ones goes to the n-th. */
function match({ source, target, identity }: PartitionHistory): Matching {
  const waiting = new Map<string, number[]>();
  for (const [index, record] of source.entries()) {
    const id = identity(record);
    const list = waiting.get(id);
    if (list === undefined) waiting.set(id, [index]);
    else list.push(index);
  }
  const taken = new Map<string, number>();
  const pairs: Matching['pairs'] = [];
  const surplus: HistoryRecord[] = [];
  for (const record of target) {
    const id = identity(record);
    const count = taken.get(id) ?? 0;
    const sourceIndex = waiting.get(id)?.[count];
    if (sourceIndex === undefined) {
      surplus.push(record);
      continue;
    }
    taken.set(id, count + 1);
    pairs.push({ sourceIndex, target: record });
  }
  const matched = new Set(pairs.map((pair) => pair.sourceIndex));
  const unmatched = source.filter((_, index) => !matched.has(index));
  return { pairs, surplus, unmatched };
}

class Report {
  readonly violations: Violation[] = [];
  readonly #counts = new Map<ViolationKind, number>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  add(violation: Violation): void {
    const count = (this.#counts.get(violation.kind) ?? 0) + 1;
    this.#counts.set(violation.kind, count);
    if (count <= this.#max) this.violations.push(violation);
  }
}

/** Points 1 to 3: what is in one of the two only. */
function checkPresence(history: PartitionHistory, matching: Matching, report: Report): void {
  for (const { partition, offset, value } of matching.unmatched) {
    const message = `source record ${show(value)} is not in the target`;
    report.add({ kind: 'loss', partition, offset, message });
  }
  const known = new Set(history.source.map(history.identity));
  for (const record of matching.surplus) {
    const { partition, offset, value } = record;
    const kind = known.has(history.identity(record)) ? 'duplicate' : 'invention';
    const what = kind === 'duplicate' ? 'is in the target again' : 'is not in the source';
    report.add({ kind, partition, offset, message: `target record ${show(value)} ${what}` });
  }
}

/** Points 4 and 5: the records that both have. */
function checkPairs(history: PartitionHistory, matching: Matching, report: Report): void {
  let highest = -1;
  for (const { sourceIndex, target } of matching.pairs) {
    const source = history.source[sourceIndex];
    if (source === undefined) continue;
    const { partition, offset } = target;
    if (sourceIndex < highest) {
      const message = `source offset ${source.offset} comes after a later one`;
      report.add({ kind: 'order', partition, offset, message });
    }
    highest = Math.max(highest, sourceIndex);
    const difference = contentDifference(source, target);
    if (difference !== undefined) {
      report.add({ kind: 'content', partition, offset, message: difference });
    }
  }
}

/** Every violation of points 1 to 5: loss, invention, duplicates, order, content. */
export function checkHistory(
  source: readonly HistoryRecord[],
  target: readonly HistoryRecord[],
  options: CheckOptions = {},
): Violation[] {
  const report = new Report(options.violationsMax ?? VIOLATIONS_MAX);
  const identity = options.identity ?? valueIdentity;
  const sources = byPartition(source);
  const targets = byPartition(target);
  const partitions = [...new Set([...sources.keys(), ...targets.keys()])].sort((a, b) => a - b);
  for (const partition of partitions) {
    const history: PartitionHistory = {
      source: sources.get(partition) ?? [],
      target: targets.get(partition) ?? [],
      identity,
    };
    const matching = match(history);
    checkPresence(history, matching, report);
    checkPairs(history, matching, report);
  }
  return report.violations;
}

/** Which record of the source is which of the target, by partition, in the order of the target. */
export function pairRecords(
  source: readonly HistoryRecord[],
  target: readonly HistoryRecord[],
  identity: (record: HistoryRecord) => string,
): Map<number, { readonly source: HistoryRecord; readonly target: HistoryRecord }[]> {
  const targets = byPartition(target);
  const paired = new Map<number, { source: HistoryRecord; target: HistoryRecord }[]>();
  for (const [partition, records] of byPartition(source)) {
    const history = { source: records, target: targets.get(partition) ?? [], identity };
    const pairs = match(history).pairs.flatMap(({ sourceIndex, target: to }) => {
      const from = records[sourceIndex];
      return from === undefined ? [] : [{ source: from, target: to }];
    });
    paired.set(partition, pairs);
  }
  return paired;
}

/** One claim of the map: the record at this source offset lies at that target offset. */
export interface MapPoint {
  readonly partition: number;
  readonly sourceOffset: bigint;
  readonly targetOffset: bigint;
}

/** Point 6: for every claim (s, t), S[s] and T[t] hold the same record. */
export function checkOffsetMap(
  source: readonly HistoryRecord[],
  target: readonly HistoryRecord[],
  points: readonly MapPoint[],
): string[] {
  const index = (records: readonly HistoryRecord[]): Map<string, HistoryRecord> =>
    new Map(records.map((record) => [`${record.partition}/${record.offset}`, record]));
  const [sources, targets] = [index(source), index(target)];
  const wrong: string[] = [];
  for (const { partition, sourceOffset, targetOffset } of points) {
    const from = sources.get(`${partition}/${sourceOffset}`);
    const to = targets.get(`${partition}/${targetOffset}`);
    if (from !== undefined && to !== undefined && contentDifference(from, to) === undefined) {
      continue;
    }
    wrong.push(`partition ${partition}: ${sourceOffset} is not what lies at ${targetOffset}`);
  }
  return wrong;
}

/** A stretch of the map: both offsets advance by one for each record. */
export interface MappedRun {
  readonly sourceStart: bigint;
  readonly targetStart: bigint;
  readonly length: bigint;
}

/** Point 6, and that no record is left out: in a hole of the map a group reads again what it has read. */
export function checkWholeMap(
  source: readonly HistoryRecord[],
  target: readonly HistoryRecord[],
  runsOf: (partition: number) => readonly MappedRun[],
): string[] {
  const points: MapPoint[] = [];
  for (const partition of new Set(target.map((record) => record.partition)))
    for (const { sourceStart, targetStart, length } of runsOf(partition))
      for (let into = 0n; into < length; into += 1n)
        points.push({
          partition,
          sourceOffset: sourceStart + into,
          targetOffset: targetStart + into,
        });
  const known = new Set(points.map((point) => `${point.partition}/${point.targetOffset}`));
  const holes = target.filter(({ partition, offset }) => !known.has(`${partition}/${offset}`));
  const left = holes.map(
    ({ partition, offset }) => `partition ${partition}: ${offset} is not mapped`,
  );
  return [...checkOffsetMap(source, target, points), ...left];
}

/** Throws with every violation in words; silent when the target is an exact mirror. */
export function assertMirrored(
  source: readonly HistoryRecord[],
  target: readonly HistoryRecord[],
  options: CheckOptions = {},
): void {
  const violations = checkHistory(source, target, options);
  if (violations.length === 0) return;
  const lines = violations.map(
    ({ kind, partition, offset, message }) =>
      `${kind} in partition ${partition} at offset ${offset}: ${message}`,
  );
  throw new Error(
    `target is no mirror (${source.length} source, ${target.length} target records)\n` +
      lines.join('\n'),
  );
}

/**
 * Point 9: after promote has returned, the flow's agents append nothing more. `before` is what the
 * target held then, `after` what it holds later; `foreign` recognises what the applications wrote to
 * their new primary. Says every record of `after` that neither explains.
 */
export function checkFence(
  before: readonly HistoryRecord[],
  after: readonly HistoryRecord[],
  foreign: (record: HistoryRecord) => boolean = () => false,
): string[] {
  const place = ({ partition, offset }: HistoryRecord): string => `${partition}/${offset}`;
  const held = new Map(before.map((record) => [place(record), record]));
  const wrong: string[] = [];
  for (const record of after) {
    const was = held.get(place(record));
    held.delete(place(record));
    if (was !== undefined) {
      const difference = contentDifference(was, record);
      if (difference !== undefined) wrong.push(`${place(record)} changed: ${difference}`);
    } else if (!foreign(record)) {
      wrong.push(`${place(record)} was appended behind the fence: ${show(record.value)}`);
    }
  }
  for (const [at] of held) wrong.push(`${at} is gone since the promotion`);
  return wrong;
}
