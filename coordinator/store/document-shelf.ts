import assert from 'node:assert/strict';
import type { Clock } from '../../common/clock.js';
import {
  listAll,
  type Backend,
  type Compare,
  type Entry,
  type Operation,
  type TransactionResult,
} from './backend.js';
import { RevisionConflictError, StoreRefusedError } from './errors.js';
import type { StoreKeys } from './keys.js';
import type { LeaderGuard } from './leader-guard.js';
import type { LeaderTerm } from './leader-term.js';
import type { StoredDocument } from './lease-store.js';
import { DOCUMENT_BYTES_MAX, DOCUMENT_PAGE_ENTRIES_MAX, NAME_BYTES_MAX } from './limits.js';
import { retryUnavailable } from './retry.js';

export interface DocumentShelfOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly keys: StoreKeys;
  readonly term: LeaderTerm;
  readonly guard: LeaderGuard;
}

/** The small documents of the leader, with compare-and-set. */
export class DocumentShelf {
  readonly #options: DocumentShelfOptions;

  constructor(options: DocumentShelfOptions) {
    this.#options = options;
  }

  async get(key: string): Promise<StoredDocument | undefined> {
    const { guard, keys } = this.#options;
    const { results } = await guard.transact([{ kind: 'get', key: keys.document(key) }]);
    const [found] = results;
    assert.ok(found?.kind === 'get');
    return found.entry && this.#documentOf(found.entry);
  }

  async list(prefix: string): Promise<StoredDocument[]> {
    const { backend, clock, keys, term } = this.#options;
    term.assertLeading();
    const options = { pageEntriesMax: DOCUMENT_PAGE_ENTRIES_MAX, signal: term.lost };
    const list = () => listAll(backend, keys.documents + prefix, options);
    const { entries } = await retryUnavailable(list, { clock, signal: term.lost });
    return entries.map((entry) => this.#documentOf(entry));
  }

  async put(key: string, value: string, expectedRevision?: bigint): Promise<bigint> {
    const path = this.#options.keys.document(key);
    const bytes = Buffer.byteLength(value);
    if (bytes > DOCUMENT_BYTES_MAX || Buffer.byteLength(path) > NAME_BYTES_MAX) {
      throw new StoreRefusedError(`put of ${key}: ${bytes} bytes, limit ${DOCUMENT_BYTES_MAX}`);
    }
    const put: Operation = { kind: 'put', key: path, value };
    if (expectedRevision === undefined) return (await this.#options.guard.transact([put])).revision;
    // An earlier try that went unheard has left just this value behind.
    const isDone = (found: Entry | undefined): boolean => found?.value === value;
    return this.#writeExpecting({ key, write: put, expectedRevision, isDone });
  }

  async delete(key: string, expectedRevision?: bigint): Promise<void> {
    const write: Operation = { kind: 'delete', key: this.#options.keys.document(key) };
    if (expectedRevision === undefined) {
      await this.#options.guard.transact([write]);
      return;
    }
    const isDone = (found: Entry | undefined): boolean => found === undefined;
    await this.#writeExpecting({ key, write, expectedRevision, isDone });
  }

  /**
   * A write on condition is not repeatable as it is: its own first try would fail the second. So
   * after a try of unknown outcome, a conflict whose state is what was wanted counts as done.
   */
  async #writeExpecting(options: {
    key: string;
    write: Operation;
    expectedRevision: bigint;
    isDone: (found: Entry | undefined) => boolean;
  }): Promise<bigint> {
    const { key, write, expectedRevision, isDone } = options;
    const { clock, term } = this.#options;
    return retryUnavailable(
      async (repeated) => {
        const { found, result } = await this.#tryExpecting(key, write, expectedRevision);
        if (result.succeeded) return result.revision;
        if (repeated && isDone(found)) return found?.modRevision ?? result.revision;
        throw new RevisionConflictError(key, expectedRevision, found?.modRevision ?? 0n);
      },
      { clock, signal: term.lost },
    );
  }

  async #tryExpecting(
    key: string,
    write: Operation,
    expectedRevision: bigint,
  ): Promise<{ result: TransactionResult; found: Entry | undefined }> {
    const path = this.#options.keys.document(key);
    const compare: Compare = {
      key: path,
      target: 'mod',
      is: 'equal',
      revision: expectedRevision,
    };
    const transaction = {
      compares: [compare],
      success: [write],
      failure: [{ kind: 'get', key: path }],
    } as const;
    const operation: Operation = { kind: 'transaction', transaction };
    const outer = await this.#options.guard.transactOnce([operation]);
    const [nested] = outer.results;
    assert.ok(nested?.kind === 'transaction');
    const [found] = nested.result.results;
    const entry = found?.kind === 'get' ? found.entry : undefined;
    return { result: { ...nested.result, revision: outer.revision }, found: entry };
  }

  #documentOf(entry: Entry): StoredDocument {
    const key = this.#options.keys.documentOf(entry.key);
    return { key, value: entry.value, revision: entry.modRevision };
  }
}
