import type { Leadership } from '../store/lease-store.js';
import type { VerifiedPosition } from './compare-segments.js';

/** Partitions in one document: far below its largest size. */
const PARTITIONS_PER_DOCUMENT = 1_000;

const VERSION = 2;

export type VerificationDocuments = Pick<Leadership, 'get' | 'list' | 'put' | 'delete'>;

/** What is known of one partition; counts are of the whole verification. */
export interface PartitionTally extends VerifiedPosition {
  readonly equalRecords: bigint;
  readonly deletedOnSource: bigint;
  readonly deletedOnTarget: bigint;
  readonly compacted: bigint;
}

/** A verification as a whole; times are wall clock, in ms since 1970. */
export interface VerificationHead {
  readonly topics: readonly string[];
  readonly startedAtMs: number;
  readonly finishedAtMs: number | undefined;
}

/** A partition of certain topics: another topic under the same name has not been verified. */
export interface VerifiedPlace {
  readonly topic: string;
  readonly partition: number;
  readonly sourceTopicId: string;
  readonly targetTopicId: string;
}

interface Kept {
  readonly ids: readonly [source: string, target: string];
  readonly tally: PartitionTally;
}

type Row = [partition: number, sourceTopicId: string, targetTopicId: string, ...numbers: string[]];

/**
 * How far the last verification of each flow has come, so that the next one can go on. Bounded by
 * the flow's partitions: one small document for each thousand of a topic, and one for the whole.
 */
export class VerificationStore {
  readonly #documents: VerificationDocuments;
  readonly #prefix: string;
  /** By document, then partition. */
  readonly #tallies = new Map<string, Map<number, Kept>>();
  readonly #unsaved = new Set<string>();

  constructor(documents: VerificationDocuments, flow: string) {
    this.#documents = documents;
    this.#prefix = `verification/${flow}/`;
  }

  /** Reads what there is; undefined if there is nothing, or a newer version wrote it. */
  async load(): Promise<VerificationHead | undefined> {
    const head = await this.#documents.get(`${this.#prefix}head`);
    if (head === undefined) return undefined;
    const { version, ...rest } = JSON.parse(head.value) as VerificationHead & { version: number };
    if (version !== VERSION) return undefined;
    for (const { key, value } of await this.#documents.list(`${this.#prefix}topic/`)) {
      const rows = JSON.parse(value) as Row[];
      this.#tallies.set(key, new Map(rows.map((row) => [row[0], decodeRow(row)])));
    }
    return rest;
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    for (const { key } of await this.#documents.list(this.#prefix))
      await this.#documents.delete(key);
    this.#tallies.clear();
    this.#unsaved.clear();
  }

  async saveHead(head: VerificationHead): Promise<void> {
    const value = JSON.stringify({ version: VERSION, ...head });
    await this.#documents.put(`${this.#prefix}head`, value);
  }

  find({ topic, partition, ...ids }: VerifiedPlace): PartitionTally | undefined {
    const kept = this.#tallies.get(this.#keyOf(topic, partition))?.get(partition);
    const [source, target] = kept?.ids ?? [];
    return source === ids.sourceTopicId && target === ids.targetTopicId ? kept?.tally : undefined;
  }

  set({ topic, partition, ...ids }: VerifiedPlace, tally: PartitionTally): void {
    const key = this.#keyOf(topic, partition);
    const tallies = this.#tallies.get(key) ?? new Map<number, Kept>();
    this.#tallies.set(key, tallies);
    tallies.set(partition, { ids: [ids.sourceTopicId, ids.targetTopicId], tally });
    this.#unsaved.add(key);
  }

  /** Writes what has changed since the last time. */
  async save(): Promise<void> {
    for (const key of [...this.#unsaved]) {
      this.#unsaved.delete(key);
      const rows = [...(this.#tallies.get(key) ?? [])].map(encodeRow);
      await this.#documents.put(key, JSON.stringify(rows));
    }
  }

  #keyOf(topic: string, partition: number): string {
    return `${this.#prefix}topic/${topic}/${Math.floor(partition / PARTITIONS_PER_DOCUMENT)}`;
  }
}

function encodeRow([partition, { ids, tally }]: [number, Kept]): Row {
  const { sourceNext, targetNext, equalRecords } = tally;
  const { deletedOnSource, deletedOnTarget, compacted } = tally;
  const numbers = [sourceNext, targetNext, equalRecords, deletedOnSource, deletedOnTarget];
  return [partition, ...ids, ...numbers.map(String), String(compacted)];
}

function decodeRow([, sourceTopicId, targetTopicId, ...numbers]: Row): Kept {
  const [sourceNext = 0n, targetNext = 0n, equalRecords = 0n, ...rest] = numbers.map(BigInt);
  const [deletedOnSource = 0n, deletedOnTarget = 0n, compacted = 0n] = rest;
  const counts = { equalRecords, deletedOnSource, deletedOnTarget, compacted };
  return { ids: [sourceTopicId, targetTopicId], tally: { sourceNext, targetNext, ...counts } };
}
