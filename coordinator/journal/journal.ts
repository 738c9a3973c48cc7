import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { Leadership, StoredDocument } from '../store/lease-store.js';
import {
  encodeEntry,
  parseEntry,
  type ActBegun,
  type ActEnded,
  type JournalEntry,
} from './journal-entry.js';

/** Entries kept; the oldest go first. With TEXT_CHARS_MAX that bounds the journal to some megabytes. */
export const JOURNAL_ENTRIES_MAX = 500;

const PREFIX = 'journal/';

/** Width of a term and of a count in a key, so that keys sort as numbers. */
const TERM_DIGITS = 20;
const COUNT_DIGITS = 8;

export type JournalDocuments = Pick<Leadership, 'term' | 'list' | 'put' | 'delete'>;

export interface JournalOptions {
  documents: JournalDocuments;
  clock: Clock;
  log: Logger;
}

/** An act that was written down when it began. */
export interface OpenAct {
  /** Writes down what came of it. Never rejects; once. */
  end(ended: ActEnded): Promise<void>;
}

/**
 * Who did what, when, and what came of it: in the store, bounded, and one log line each. It never
 * stands in the way: when the store refuses, the log still has it, and the act goes on.
 */
export class Journal {
  readonly #options: JournalOptions;
  #count = 0;
  /** Keys in the store, oldest first; undefined until they were listed. */
  #keys: string[] | undefined;
  /** Writes take turns, so that the journal is pruned by one at a time. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** For an act that is over at once. Never rejects. */
  record(act: ActBegun & ActEnded): Promise<void> {
    const entry = { ...this.#begin(act), ...act };
    this.#log(entry);
    return this.#write(entry);
  }

  /** For an act that takes time: resolves once its begin is written down. Never rejects. */
  async begin(act: ActBegun): Promise<OpenAct> {
    const entry = this.#begin(act);
    const startedMs = this.#options.clock.nowMs();
    this.#log(entry);
    await this.#write(entry);
    return {
      end: (ended) => {
        const elapsedMs = Math.round(this.#options.clock.nowMs() - startedMs);
        const finished = { ...entry, ...ended, elapsedMs };
        this.#log(finished);
        return this.#write(finished);
      },
    };
  }

  /** Newest first; of one flow, or of all if empty. Throws what the store throws. */
  async list(flow: string, entriesMax: number): Promise<JournalEntry[]> {
    const entries: JournalEntry[] = [];
    for (const { key, value } of (await this.#options.documents.list(PREFIX)).reverse()) {
      const entry = parseEntry(key.slice(PREFIX.length), value);
      if (entry === undefined || (flow !== '' && entry.flow !== flow)) continue;
      if (entries.push(entry) === entriesMax) break;
    }
    return entries;
  }

  #begin(act: ActBegun): JournalEntry {
    const { documents, clock } = this.#options;
    const term = documents.term.toString().padStart(TERM_DIGITS, '0');
    const count = (this.#count++).toString().padStart(COUNT_DIGITS, '0');
    const { operator, flow, detail, before } = act;
    return {
      ...{ id: `${term}-${count}`, atMs: clock.wallMs(), operator, act: act.act, flow, detail },
      ...{ before, after: {}, outcome: 'begun', message: '', elapsedMs: 0 },
    };
  }

  #log(entry: JournalEntry): void {
    const { id, ...said } = entry;
    this.#options.log.info({ journal: id, ...said }, 'journal');
  }

  #write(entry: JournalEntry): Promise<void> {
    this.#turn = this.#turn
      .then(() => this.#writeNow(entry))
      .catch((error: unknown) => {
        const { id } = entry;
        const problem = describeError(error);
        this.#options.log.error({ journal: id, problem }, 'journal entry is in the log only');
      });
    return this.#turn;
  }

  async #writeNow(entry: JournalEntry): Promise<void> {
    const { documents } = this.#options;
    const key = PREFIX + entry.id;
    this.#keys ??= (await documents.list(PREFIX)).map((document: StoredDocument) => document.key);
    await documents.put(key, encodeEntry(entry));
    if (!this.#keys.includes(key)) this.#keys.push(key);
    for (let over = this.#keys.length - JOURNAL_ENTRIES_MAX; over > 0; over -= 1) {
      await documents.delete(this.#keys[0]!);
      this.#keys.shift();
    }
  }
}
