import {
  isControl,
  isTransactional,
  baseOffset,
  payload,
  producerId,
  recordCount,
} from '../../kafka/records/batch-header.js';
import { readBatch } from '../../kafka/records/build-batch.js';
import { controlType } from '../../kafka/records/control-record.js';
import {
  decodeGroupOffsetKey,
  decodeGroupOffsetValue,
} from '../../kafka/records/group-offset-record.js';
import { WireFormatError } from '../../kafka/wire/wire-format-error.js';
import type { GroupOffset } from '../../proto/gen/mirror/v1/agent.js';

/** Offsets in open transactions that are kept, of all partitions together; some ten megabytes. */
export const PENDING_COMMITS_MAX = 50_000;

/** A plain batch of commits is far below; a batch that says otherwise is not read. */
const BATCH_PLAIN_BYTES_MAX = 64 * 1024 * 1024;

/** One committed offset that counts from now on; `offset` is undefined if it was deleted. */
export interface CommitChange {
  key: string;
  offset: GroupOffset | undefined;
}

export interface CommitsRead {
  changes: CommitChange[];
  /** Something was there that could not be kept or read: only a full listing tells all. */
  incomplete: boolean;
}

/** A commit, and where in the log it stands: of two, the later one counts (as in Kafka's coordinator). */
interface LoggedCommit extends CommitChange {
  recordOffset: bigint;
}

type OpenTransaction = Map<string, LoggedCommit>;

/** Groups may have any name: a list as JSON cannot be taken for another. */
export function commitKey(group: string, topic: string, partition: number): string {
  return JSON.stringify([group, topic, partition]);
}

/**
 * Turns batches of `__consumer_offsets` into committed offsets. Commits of a transaction count from its
 * commit marker on, and never if it is aborted. Pure but for what it remembers of open transactions.
 */
export class CommitReader {
  readonly #accepts: (group: string, topic: string) => boolean;
  readonly #pendingMax: number;
  /** By partition of the log and producer. */
  readonly #open = new Map<number, Map<bigint, OpenTransaction>>();
  #pending = 0;
  /** Transactions that were too large to be kept, as `partition:producer`. */
  readonly #dropped = new Set<string>();

  constructor(accepts: (group: string, topic: string) => boolean, limit = PENDING_COMMITS_MAX) {
    this.#accepts = accepts;
    this.#pendingMax = limit;
  }

  /** Batches of one partition come in the order of its log. Throws CorruptBatchError. */
  read(partition: number, batch: Buffer, fromOffset = 0n): CommitsRead {
    if (isControl(batch)) return this.#marker(partition, batch);
    const read: CommitsRead = { changes: [], incomplete: false };
    for (const { offset, key, value } of readBatch(batch, BATCH_PLAIN_BYTES_MAX)) {
      if (key === null || offset < fromOffset) continue;
      try {
        const commit = this.#decode(key, value, offset);
        if (commit === undefined) continue;
        if (isTransactional(batch)) this.#keep(partition, producerId(batch), commit);
        else {
          if (commit.offset !== undefined) this.#supersede(partition, commit);
          read.changes.push(commit);
        }
      } catch (error) {
        if (!(error instanceof WireFormatError)) throw error;
        read.incomplete = true;
      }
    }
    return read;
  }

  #decode(key: Buffer, value: Buffer | null, recordOffset: bigint): LoggedCommit | undefined {
    const place = decodeGroupOffsetKey(key);
    if (place === undefined || !this.#accepts(place.group, place.topic)) return undefined;
    const text = commitKey(place.group, place.topic, place.partition);
    const offset = value === null ? undefined : { ...place, ...decodeGroupOffsetValue(value) };
    return { key: text, offset, recordOffset };
  }

  #marker(partition: number, batch: Buffer): CommitsRead {
    const producer = producerId(batch);
    const dropped = this.#dropped.delete(`${partition}:${producer}`);
    const transaction = this.#take(partition, producer);
    // Compaction may have left a marker without its record: then nothing of it was left either.
    const isCommit =
      recordCount(batch) > 0 && controlType(payload(batch), baseOffset(batch)) === 'commit';
    if (!isCommit) return { changes: [], incomplete: false };
    const changes = [...(transaction?.values() ?? [])];
    for (const commit of changes) this.#supersede(partition, commit);
    return { changes, incomplete: dropped };
  }

  #keep(partition: number, producer: bigint, commit: LoggedCommit): void {
    const name = `${partition}:${producer}`;
    if (this.#dropped.has(name)) return;
    let transactions = this.#open.get(partition);
    if (transactions === undefined) {
      transactions = new Map<bigint, OpenTransaction>();
      this.#open.set(partition, transactions);
    }
    let transaction = transactions.get(producer);
    if (transaction === undefined) {
      transaction = new Map<string, LoggedCommit>();
      transactions.set(producer, transaction);
    }
    if (!transaction.has(commit.key)) this.#pending += 1;
    transaction.set(commit.key, commit);
    if (this.#pending <= this.#pendingMax) return;
    this.#take(partition, producer);
    this.#dropped.add(name);
  }

  /** What counts now makes older commits of the same key void, though their transaction is open. */
  #supersede(partition: number, { key, recordOffset }: LoggedCommit): void {
    for (const transaction of this.#open.get(partition)?.values() ?? []) {
      const pending = transaction.get(key);
      if (pending === undefined || pending.recordOffset > recordOffset) continue;
      transaction.delete(key);
      this.#pending -= 1;
    }
  }

  #take(partition: number, producer: bigint): OpenTransaction | undefined {
    const transactions = this.#open.get(partition);
    const transaction = transactions?.get(producer);
    if (transactions === undefined || transaction === undefined) return undefined;
    transactions.delete(producer);
    if (transactions.size === 0) this.#open.delete(partition);
    this.#pending -= transaction.size;
    return transaction;
  }
}
