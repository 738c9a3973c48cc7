/** A record, by what it holds. */
export interface LoggedRecord {
  offset: bigint;
  content: string;
}

/** A record that is on both sides, by its index in each list. */
export interface Match {
  source: number;
  target: number;
}

/** Records without a counterpart that one step may pass over: compacted away, or aborted. */
const SKIPPED_MAX = 1_024;

/** Places with the same content that are tried; more of them could not be told apart anyway. */
const CANDIDATES_MAX = 512;

/**
 * Follows both logs back from a record that is on both, as long as each record before it is on both
 * as well. The newest match is the first. Ends where another start of the copy began to repeat.
 */
export function traceBack(
  source: readonly LoggedRecord[],
  target: readonly LoggedRecord[],
  end: Match,
): Match[] {
  const matches: Match[] = [];
  for (let at: Match | undefined = end; at !== undefined; at = stepBack(source, target, at)) {
    matches.push(at);
  }
  return matches;
}

/**
 * As many target records may have no counterpart as source offsets are missing (compaction of the
 * source, or records of aborted transactions, which MirrorMaker 2 copies and we do not read), and as
 * many source records as target offsets are missing (compaction of the target).
 */
function stepBack(
  source: readonly LoggedRecord[],
  target: readonly LoggedRecord[],
  at: Match,
): Match | undefined {
  const sourceAt = source[at.source]!.offset;
  const targetAt = target[at.target]!.offset;
  const before = target[at.target - 1];
  if (before === undefined) return undefined;
  const targetHole = least(targetAt - before.offset - 1n, SKIPPED_MAX);
  for (let sourceSkipped = 0; sourceSkipped <= targetHole; sourceSkipped += 1) {
    const sourceIndex = at.source - 1 - sourceSkipped;
    const candidate = source[sourceIndex];
    if (candidate === undefined) return undefined;
    const between = sourceAt - candidate.offset - 1n - BigInt(sourceSkipped);
    const sourceHole = least(between, SKIPPED_MAX);
    for (let targetSkipped = 0; targetSkipped <= sourceHole; targetSkipped += 1) {
      const targetIndex = at.target - 1 - targetSkipped;
      const record = target[targetIndex];
      if (record === undefined) break;
      if (record.content === candidate.content) return { source: sourceIndex, target: targetIndex };
    }
  }
  return undefined;
}

function least(one: bigint, other: number): number {
  return one < BigInt(other) ? Number(one) : other;
}

/** A part of the source's log, read forward, and where each content is in it. */
export class SourcePart {
  readonly records: LoggedRecord[] = [];
  readonly #places = new Map<string, number[]>();

  add(record: LoggedRecord): void {
    const places = this.#places.get(record.content);
    if (places === undefined) this.#places.set(record.content, [this.records.length]);
    else places.push(this.records.length);
    this.records.push(record);
  }

  /** The past of every source record that looks like a target record; undefined: too many do. */
  traces(target: readonly LoggedRecord[], index: number): Match[][] | undefined {
    const places = this.#places.get(target[index]!.content) ?? [];
    if (places.length > CANDIDATES_MAX) return undefined;
    return places.map((source) => traceBack(this.records, target, { source, target: index }));
  }
}
