import type { IDuplexStream, ILeaseKeepAliveRequest, ILeaseKeepAliveResponse } from 'etcd3';
import type { EtcdConnection } from './etcd-connection.js';
import { StoreUnavailableError } from './errors.js';
import { CALL_TIMEOUT_MS } from './limits.js';

type Stream = IDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>;

/** All renewals over one stream to one member. When it breaks, the next goes to the next member. */
export class EtcdKeepAlives {
  readonly #connection: EtcdConnection;
  #current: Promise<RenewalStream> | undefined;

  constructor(connection: EtcdConnection) {
    this.#connection = connection;
  }

  /** False when etcd no longer knows the lease. */
  async keepAlive(leaseId: string): Promise<boolean> {
    const current = await (this.#current ??= this.#open());
    return current.renew(leaseId);
  }

  async close(): Promise<void> {
    const current = await this.#current?.catch(() => undefined);
    current?.break(new Error('closed'));
  }

  #open(): Promise<RenewalStream> {
    const { client } = this.#connection;
    const forget = (): void => {
      if (this.#current === opening) this.#current = undefined;
      this.#connection.turnFrom(client);
    };
    const call = { name: 'renewal stream', writes: false };
    const opening = this.#connection.call(call, async () => {
      return new RenewalStream(await client.leaseClient.leaseKeepAlive(), forget);
    });
    opening.catch(forget); // whoever awaits it hears the error
    return opening;
  }
}

interface Waiter {
  readonly resolve: (alive: boolean) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Requests and answers of one stream. A request that stays unanswered breaks it for all. */
class RenewalStream {
  readonly #stream: Stream;
  readonly #onBroken: () => void;
  /** By lease, oldest first: etcd answers each request once, in order. */
  readonly #waiting = new Map<string, Waiter[]>();
  #broken = false;

  constructor(stream: Stream, onBroken: () => void) {
    this.#stream = stream;
    this.#onBroken = onBroken;
    stream.on('data', (answer) => this.#take(answer));
    stream.on('error', (error) => this.break(error));
    stream.on('end', () => this.break(new Error('the stream ended')));
  }

  renew(leaseId: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#broken) {
        reject(unanswered(new Error('the stream broke')));
        return;
      }
      const giveUp = (): void => this.break(new Error(`no answer in ${CALL_TIMEOUT_MS} ms`));
      const timer = setTimeout(giveUp, CALL_TIMEOUT_MS);
      const waiters = this.#waiting.get(leaseId) ?? [];
      waiters.push({ resolve, reject, timer });
      this.#waiting.set(leaseId, waiters);
      this.#stream.write({ ID: leaseId });
    });
  }

  break(cause: Error): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#stream.cancel();
    this.#onBroken();
    for (const { reject, timer } of [...this.#waiting.values()].flat()) {
      clearTimeout(timer);
      reject(unanswered(cause));
    }
    this.#waiting.clear();
  }

  #take({ ID: leaseId, TTL: ttlSeconds }: ILeaseKeepAliveResponse): void {
    const waiters = this.#waiting.get(leaseId);
    const waiter = waiters?.shift();
    if (waiters?.length === 0) this.#waiting.delete(leaseId);
    if (waiter === undefined) return;
    clearTimeout(waiter.timer);
    waiter.resolve(Number(ttlSeconds) > 0);
  }
}

/** Not "outcome unknown" in any way that matters: renewing twice is renewing. */
function unanswered(cause: Error): StoreUnavailableError {
  return new StoreUnavailableError('renewal of a lease', false, { cause });
}
