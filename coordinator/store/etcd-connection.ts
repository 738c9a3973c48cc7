import assert from 'node:assert/strict';
import {
  Etcd3,
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdPermissionDeniedError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCNotImplementedError,
  GRPCResourceExhastedError,
  GRPCUnauthenticatedError,
  type IOptions,
} from 'etcd3';
import { MirrorError } from '../../common/errors.js';
import { LeaseGoneError } from './backend.js';
import { StoreRefusedError, StoreUnavailableError } from './errors.js';
import { ANSWER_BYTES_MAX, CALL_TIMEOUT_MS } from './limits.js';

export interface EtcdConnectionOptions {
  /** `http://host:port` or `https://host:port`, one for each member. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls | undefined;
  readonly auth?: { readonly username: string; readonly password: string } | undefined;
}

/** PEM, as read from files. */
export interface EtcdTls {
  readonly ca: Buffer;
  readonly key?: Buffer;
  readonly certificate?: Buffer;
}

export interface CallName {
  readonly name: string;
  /** Whether a call without an answer may have changed something. */
  readonly writes: boolean;
}

const RECONNECT_BACKOFF_MIN_MS = 100;
const RECONNECT_BACKOFF_MAX_MS = 2_000;

/**
 * One etcd cluster, one member at a time. A call goes to the present member, once; when it is not
 * answered, the next call goes to the next member. So a caller that repeats a call goes around the
 * cluster, and decides itself whether repeating is safe: etcd3's own retries and circuit breaker
 * are off, since the one hides unknown outcomes and the other keeps failing after etcd is back.
 */
export class EtcdConnection {
  readonly #clients: readonly Etcd3[];
  #present = 0;
  #closed = false;

  constructor(options: EtcdConnectionOptions) {
    assert.ok(options.endpoints.length > 0, 'an etcd cluster has endpoints');
    this.#clients = options.endpoints.map(
      (endpoint) => new Etcd3(clientOptions(endpoint, options)),
    );
  }

  get client(): Etcd3 {
    const client = this.#clients[this.#present];
    assert.ok(client !== undefined);
    return client;
  }

  async call<T>(call: CallName, run: (client: Etcd3) => Promise<T>): Promise<T> {
    if (this.#closed) throw new StoreUnavailableError(call.name, false);
    const client = this.client;
    try {
      return await run(client);
    } catch (error) {
      const failure = toStoreError(call, error);
      if (failure instanceof StoreUnavailableError) this.turnFrom(client);
      throw failure;
    }
  }

  /** The next call goes elsewhere, unless another failure has already turned it. */
  turnFrom(client: Etcd3): void {
    if (this.client === client) this.#present = (this.#present + 1) % this.#clients.length;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const client of this.#clients) client.close();
  }
}

/**
 * When etcd certainly said no, that; everything else counts as "no answer", unknown errors included:
 * to repeat a refused call is harmless, to give up on a repeatable one is not.
 */
export function toStoreError({ name, writes }: CallName, error: unknown): Error {
  if (error instanceof MirrorError || error instanceof LeaseGoneError) return error;
  const options = { cause: error };
  const refused =
    error instanceof EtcdPermissionDeniedError ||
    error instanceof EtcdAuthenticationFailedError ||
    error instanceof EtcdInvalidAuthTokenError ||
    error instanceof GRPCUnauthenticatedError ||
    error instanceof GRPCInvalidArgumentError ||
    error instanceof GRPCFailedPreconditionError ||
    error instanceof GRPCNotImplementedError;
  if (refused) return new StoreRefusedError(name, options);
  // Too many requests, or out of space: said before anything was proposed.
  if (error instanceof GRPCResourceExhastedError) {
    return new StoreUnavailableError(name, false, options);
  }
  return new StoreUnavailableError(name, writes, options);
}

function clientOptions(endpoint: string, options: EtcdConnectionOptions): IOptions {
  const { tls, auth } = options;
  return {
    hosts: endpoint,
    ...(tls !== undefined && {
      credentials: {
        rootCertificate: tls.ca,
        ...(tls.key !== undefined && { privateKey: tls.key }),
        ...(tls.certificate !== undefined && { certChain: tls.certificate }),
      },
    }),
    ...(auth !== undefined && { auth: { ...auth } }),
    // A deadline is wall-clock time only for the instant until grpc turns it into a timer.
    defaultCallOptions: ({ isStream }) =>
      isStream ? {} : { deadline: Date.now() + CALL_TIMEOUT_MS },
    faultHandling: { global: callOnce, host: () => callOnce },
    // No keepalive pings: etcd3 closes its channels on any failed call, and grpc-js takes a ping that a
    // closing session refuses for a dead peer. It then drops that session's watches, which counts as
    // failed calls: every 10 s, for ever. A dead peer is found by the deadlines of calls instead, and
    // a watch that fell silent by its periodic listing.
    grpcOptions: {
      'grpc.initial_reconnect_backoff_ms': RECONNECT_BACKOFF_MIN_MS,
      'grpc.max_reconnect_backoff_ms': RECONNECT_BACKOFF_MAX_MS,
      'grpc.max_receive_message_length': ANSWER_BYTES_MAX,
    },
  };
}

type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>;

/** etcd3's fault-handling policy that does nothing. */
const callOnce: Policy = {
  _altReturn: undefined as never,
  onSuccess: () => ({ dispose: () => {} }),
  onFailure: () => ({ dispose: () => {} }),
  execute: async (run, signal) => run({ signal: signal ?? new AbortController().signal }),
};
