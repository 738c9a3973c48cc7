import {
  EtcdLeaseInvalidError,
  GRPCFailedPreconditionError,
  GRPCNotFoundError,
  GRPCOutOfRangeError,
  type IRangeRequest,
  type IRangeResponse,
} from 'etcd3';
import {
  LeaseGoneError,
  type Backend,
  type Page,
  type PageOptions,
  type Transaction,
  type TransactionResult,
  type WatchOptions,
} from './backend.js';
import { EtcdConnection, type CallName, type EtcdConnectionOptions } from './etcd-connection.js';
import { EtcdKeepAlives } from './etcd-keep-alives.js';
import { endOfPrefix, toEntry, toBranchResult, toTxnRequest } from './etcd-messages.js';
import { watchEtcd } from './etcd-watch.js';
import { StoreUnavailableError } from './errors.js';

const RANGE: CallName = { name: 'range', writes: false };
const TRANSACT: CallName = { name: 'transact', writes: true };
const GRANT_LEASE: CallName = { name: 'grantLease', writes: true };
const REVOKE_LEASE: CallName = { name: 'revokeLease', writes: true };

/** The Backend that is etcd: 3.4 to 3.6. */
export class EtcdBackend implements Backend {
  readonly #connection: EtcdConnection;
  readonly #keepAlives: EtcdKeepAlives;
  readonly #watches = new Set<AbortController>();

  constructor(options: EtcdConnectionOptions) {
    this.#connection = new EtcdConnection(options);
    this.#keepAlives = new EtcdKeepAlives(this.#connection);
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    return this.#connection.call(TRANSACT, async (client) => {
      try {
        const response = await client.kv.txn(toTxnRequest(transaction));
        const revision = BigInt(response.header.revision);
        return { ...toBranchResult(transaction, response), revision };
      } catch (error) {
        throw error instanceof EtcdLeaseInvalidError
          ? new LeaseGoneError('a lease of the transaction', { cause: error })
          : error;
      }
    });
  }

  async *pages(prefix: string, { pageEntriesMax, signal }: PageOptions): AsyncIterable<Page> {
    let start = Buffer.from(prefix);
    let revision: string | undefined;
    for (;;) {
      signal?.throwIfAborted();
      // All pages are read at the revision of the first, which is linearizable.
      const page: IRangeResponse = await this.#page({
        key: start,
        range_end: endOfPrefix(prefix),
        limit: pageEntriesMax,
        ...(revision !== undefined && { revision }),
      });
      revision ??= page.header.revision;
      const last = page.kvs.at(-1);
      const more = page.more && last !== undefined;
      yield { revision: BigInt(revision), entries: page.kvs.map(toEntry), more };
      if (!more) return;
      start = Buffer.concat([last.key, Buffer.of(0)]);
    }
  }

  async grantLease(leaseId: string, ttlMs: number): Promise<void> {
    const ttlSeconds = Math.ceil(ttlMs / 1_000);
    await this.#connection.call(GRANT_LEASE, async (client) => {
      try {
        await client.leaseClient.leaseGrant({ ID: leaseId, TTL: ttlSeconds });
      } catch (error) {
        // It exists: an earlier try, unheard, made it. The id is random; nobody else has it.
        if (!(error instanceof GRPCFailedPreconditionError)) throw error;
      }
    });
  }

  async keepLeaseAlive(leaseId: string): Promise<boolean> {
    return this.#keepAlives.keepAlive(leaseId);
  }

  async revokeLease(leaseId: string): Promise<void> {
    await this.#connection.call(REVOKE_LEASE, async (client) => {
      try {
        await client.leaseClient.leaseRevoke({ ID: leaseId });
      } catch (error) {
        const gone = error instanceof EtcdLeaseInvalidError || error instanceof GRPCNotFoundError;
        if (!gone) throw error;
      }
    });
  }

  async watch(options: WatchOptions): Promise<void> {
    const closing = new AbortController();
    this.#watches.add(closing);
    const signal = AbortSignal.any([options.signal, closing.signal]);
    try {
      await watchEtcd(this.#connection, { ...options, signal });
    } finally {
      this.#watches.delete(closing);
    }
    if (closing.signal.aborted) throw new StoreUnavailableError('watch: closed', false);
  }

  /** Watches and renewals end before the connection under them does. */
  async close(): Promise<void> {
    for (const closing of this.#watches) closing.abort();
    await this.#keepAlives.close();
    this.#connection.close();
  }

  async #page(request: IRangeRequest): Promise<IRangeResponse> {
    return this.#connection.call(RANGE, async (client) => {
      try {
        return await client.kv.range(request);
      } catch (error) {
        // The revision of the first page was compacted meanwhile. Listing anew helps.
        throw error instanceof GRPCOutOfRangeError
          ? new StoreUnavailableError('range at one revision', false, { cause: error })
          : error;
      }
    });
  }
}
