import type { Clock } from '../../common/clock.js';
import { apiVersions } from '../messages/api-versions.js';
import { responseHeaderFlexible, type Api } from '../messages/api.js';
import { ErrorCode } from '../messages/error-codes.js';
import { FrameSplitter, type FramePool } from '../wire/index.js';
import { authenticate } from './authenticate.js';
import {
  type BadAnswerError,
  BrokerResponseError,
  ConnectionError,
  UnsupportedVersionError,
} from './errors.js';
import type { RequestOptions } from './request-options.js';
import { RelaySocket, type BrokerRelay } from './relay-socket.js';
import { RequestPipeline, type PipelineRequest } from './request-pipeline.js';
import type { SecurityOptions } from './security.js';
import { formatAddress, openSocket, type Address } from './socket.js';

/** Above what a fetch of ours asks for, and far below what would hurt. */
export const FRAME_BYTES_MAX_DEFAULT = 128 * 1024 * 1024;

export const REQUEST_TIMEOUT_MS_DEFAULT = 30_000;
export const CONNECT_TIMEOUT_MS_DEFAULT = 10_000;
export const INFLIGHT_REQUESTS_MAX_DEFAULT = 64;

/** The part of its authenticated lifetime for which a connection is given out (KIP-368). */
const SESSION_LIFETIME_USED = 0.8;

/** Told to the broker, which counts clients by it. */
const CLIENT_SOFTWARE = { clientSoftwareName: 'mirrorctl', clientSoftwareVersion: '0.1.0' };

export interface BrokerConnectionOptions extends Address {
  clientId: string;
  clock: Clock;
  security?: SecurityOptions | undefined;
  /** Instead of a socket of our own: whoever relays has its own rights on the broker. */
  relay?: BrokerRelay | undefined;
  connectTimeoutMs?: number | undefined;
  /** For requests that do not bring their own. */
  requestTimeoutMs?: number | undefined;
  frameBytesMax?: number | undefined;
  /** Where large answers get their memory from. */
  frames?: FramePool | undefined;
  inflightRequestsMax?: number | undefined;
}

export interface RawRequestOptions extends RequestOptions {
  requestHeaderFlexible: boolean;
  responseHeaderFlexible: boolean;
}

interface VersionRange {
  minVersion: number;
  maxVersion: number;
}

/** One authenticated socket to one broker. Requests are pipelined and answered in order. */
export class BrokerConnection implements AsyncDisposable {
  /** As `host:port`. */
  readonly broker: string;

  readonly #pipeline: RequestPipeline;
  readonly #clock: Clock;
  readonly #requestTimeoutMs: number;

  /** By API key; filled before anybody else sees the connection. */
  readonly #versions = new Map<number, VersionRange>();

  /** On the clock's scale; the broker drops the connection some time after it. */
  #expiresAtMs = Infinity;

  private constructor(pipeline: RequestPipeline, options: BrokerConnectionOptions) {
    this.broker = formatAddress(options);
    this.#pipeline = pipeline;
    this.#clock = options.clock;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS_DEFAULT;
  }

  /** Connects, asks for the broker's versions, and authenticates. */
  static async open(
    options: BrokerConnectionOptions,
    signal?: AbortSignal,
  ): Promise<BrokerConnection> {
    const { clock, clientId, security, relay } = options;
    const connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT;
    const target = { host: options.host, port: options.port, tls: security?.tls };
    const frameBytesMax = options.frameBytesMax ?? FRAME_BYTES_MAX_DEFAULT;
    const splitter = new FrameSplitter(frameBytesMax, options.frames);
    const readTarget = (): Buffer => splitter.readTarget();
    const socket =
      relay === undefined
        ? await openSocket({ ...target, connectTimeoutMs, clock, readTarget, signal })
        : new RelaySocket(options, relay, frameBytesMax);
    const pipeline = new RequestPipeline(socket, {
      broker: formatAddress(options),
      clientId,
      clock,
      splitter,
      inflightRequestsMax: options.inflightRequestsMax ?? INFLIGHT_REQUESTS_MAX_DEFAULT,
    });
    const connection = new BrokerConnection(pipeline, options);
    try {
      await connection.#greet(security, { timeoutMs: connectTimeoutMs, signal });
      return connection;
    } catch (error) {
      pipeline.destroy(error as Error);
      throw error;
    }
  }

  /** False once it is broken, closing, or near the end of its authenticated lifetime. */
  get usable(): boolean {
    return this.#pipeline.usable && this.#clock.nowMs() < this.#expiresAtMs;
  }

  /** Requests without an answer so far. */
  get inflightRequests(): number {
    return this.#pipeline.inflightRequests;
  }

  /** Bytes that the broker has not taken yet: what back-pressure goes by. */
  get bufferedBytes(): number {
    return this.#pipeline.bufferedBytes;
  }

  /** The fastest answer so far, in ms: the network's round trip, once a request did not have to wait. */
  get roundTripMs(): number {
    return this.#pipeline.roundTripMs;
  }

  /** Why it was given up, if the broker sent something that cannot be read. */
  get badAnswer(): BadAnswerError | undefined {
    return this.#pipeline.badAnswer;
  }

  /** Resolves once the socket is gone, for whatever reason. */
  get closed(): Promise<void> {
    return this.#pipeline.closed;
  }

  supports(apiKey: number, version: number): boolean {
    const range = this.#versions.get(apiKey);
    return range !== undefined && version >= range.minVersion && version <= range.maxVersion;
  }

  /** Rejects with the signal's reason when aborted; the answer is then dropped when it comes. */
  async request<Request, Response>(
    api: Api<Request, Response>,
    request: Request,
    options: RequestOptions = {},
  ): Promise<Response> {
    this.#requireVersion(api.name, api.key, api.version);
    return this.#pipeline.send({
      name: api.name,
      apiKey: api.key,
      apiVersion: api.version,
      requestHeaderFlexible: api.flexible,
      responseHeaderFlexible: responseHeaderFlexible(api),
      encode: (writer) => api.encodeRequest(writer, request),
      decode: (reader) => api.decodeResponse(reader),
      timeoutMs: options.timeoutMs ?? this.#requestTimeoutMs,
      signal: options.signal,
    });
  }

  /** For somebody else's codecs: resolves with a view of the answer after its header. */
  async rawRequest(
    api: { key: number; version: number },
    body: Buffer | readonly Buffer[],
    options: RawRequestOptions,
  ): Promise<Buffer> {
    const name = `API ${api.key}`;
    this.#requireVersion(name, api.key, api.version);
    const pieces = Buffer.isBuffer(body) ? [body] : body;
    const request: PipelineRequest<Buffer> = {
      name,
      apiKey: api.key,
      apiVersion: api.version,
      requestHeaderFlexible: options.requestHeaderFlexible,
      responseHeaderFlexible: options.responseHeaderFlexible,
      encode: (writer) => {
        for (const piece of pieces) writer.writeExternal(piece);
      },
      decode: (reader) => reader.readRemainingView(),
      timeoutMs: options.timeoutMs ?? this.#requestTimeoutMs,
      signal: options.signal,
    };
    return this.#pipeline.send(request);
  }

  /** Graceful and idempotent: waits for the answers under way, each of which has its timeout. */
  close(): Promise<void> {
    return this.#pipeline.close();
  }

  /** Immediate. What was sent may still be carried out by the broker. */
  destroy(reason: Error): void {
    this.#pipeline.destroy(reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #greet(security: SecurityOptions | undefined, options: RequestOptions): Promise<void> {
    this.#versions.set(apiVersions.key, { minVersion: 0, maxVersion: apiVersions.version });
    const response = await this.request(apiVersions, CLIENT_SOFTWARE, options).catch(explain);
    if (response.errorCode !== ErrorCode.NONE) {
      throw new BrokerResponseError(apiVersions.name, response.errorCode, this.broker);
    }
    for (const { apiKey, minVersion, maxVersion } of response.apiKeys) {
      this.#versions.set(apiKey, { minVersion, maxVersion });
    }
    if (security?.sasl === undefined) return;

    const startMs = this.#clock.nowMs();
    const { sessionLifetimeMs } = await authenticate(this, security.sasl, options);
    if (sessionLifetimeMs > 0) {
      this.#expiresAtMs = startMs + sessionLifetimeMs * SESSION_LIFETIME_USED;
    }
  }

  #requireVersion(name: string, apiKey: number, wantedVersion: number): void {
    if (this.supports(apiKey, wantedVersion)) return;
    const offered = this.#versions.get(apiKey);
    throw new UnsupportedVersionError({ broker: this.broker, api: name, wantedVersion, offered });
  }
}

/** A broker that wants TLS or no TLS where we do the other hangs up, and says nothing else. */
function explain(error: unknown): never {
  if (!(error instanceof ConnectionError)) throw error;
  const message = 'no answer to the first request; is the security protocol the right one?';
  throw new ConnectionError(message, { broker: error.broker, sent: false, cause: error });
}
