/** What came of an act. `begun` stays where the coordinator died: what it did is told by later entries. */
export type ActOutcome = 'begun' | 'done' | 'refused' | 'failed';

/** What is known before an act. Facts are small texts by name: `{ state: 'running' }`. */
export interface ActBegun {
  /** `user@host` of the person or job that asked, or what in the coordinator did. */
  readonly operator: string;
  /** `promote`, `failback`, `resume`, `pause`, `drill`, …: the command's name. */
  readonly act: string;
  readonly flow: string;
  /** What was asked for beyond that: `--topics orders.*`; may be empty. */
  readonly detail: string;
  readonly before: Readonly<Record<string, string>>;
}

export interface ActEnded {
  readonly outcome: Exclude<ActOutcome, 'begun'>;
  readonly after: Readonly<Record<string, string>>;
  /** One sentence for people; why, for what was refused or failed. */
  readonly message: string;
}

export interface JournalEntry extends ActBegun {
  /** Sorts by when it began, under whichever leader. */
  readonly id: string;
  /** Wall clock of the coordinator, ms since 1970. */
  readonly atMs: number;
  readonly outcome: ActOutcome;
  readonly after: Readonly<Record<string, string>>;
  readonly message: string;
  /** From its begin to its end; zero where that is not known. */
  readonly elapsedMs: number;
}

/** The longest text of an entry; what is longer ends in an ellipsis. */
export const TEXT_CHARS_MAX = 1_000;

/** Facts kept before, and after, an act. */
export const FACTS_MAX = 16;

const VERSION = 1;

/** The entry as the store keeps it, with every part within its bound. */
export function encodeEntry(entry: JournalEntry): string {
  const { operator, act, flow, detail, message, before, after } = entry;
  return JSON.stringify({
    ...{ version: VERSION, atMs: entry.atMs, elapsedMs: entry.elapsedMs, outcome: entry.outcome },
    ...{ operator: bounded(operator), act: bounded(act), flow: bounded(flow) },
    ...{ detail: bounded(detail), message: bounded(message) },
    ...{ before: boundedFacts(before), after: boundedFacts(after) },
  });
}

/** Undefined for what a newer version wrote, or nobody can read: the journal must stay readable. */
export function parseEntry(id: string, value: string): JournalEntry | undefined {
  try {
    const { version, ...entry } = JSON.parse(value) as JournalEntry & { version: number };
    return version === VERSION ? { ...entry, id } : undefined;
  } catch {
    return undefined;
  }
}

function bounded(text: string): string {
  return text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX)}…`;
}

function boundedFacts(facts: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(facts).slice(0, FACTS_MAX);
  return Object.fromEntries(kept.map(([name, text]) => [bounded(name), bounded(text)]));
}
