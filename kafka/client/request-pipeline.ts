import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../common/clock.js';
import { ClosedError, TimeoutError } from '../../common/errors.js';
import { Reader, type FrameSplitter, WireFormatError, Writer } from '../wire/index.js';
import { BadAnswerError, ConnectionError, RequestQueueFullError } from './errors.js';
import { revokeSocket } from './socket.js';

/** Requests that may wait behind those in flight. Each is small; payloads are held by reference. */
export const WAITING_REQUESTS_MAX = 1024;

const CORRELATION_ID_MAX = 0x7fff_ffff;

/** Own bytes of a usual request: its header and the frame around its payloads. */
const REQUEST_BYTES_INITIAL = 512;

const LENGTH_BYTES = 4;
const WATCHDOG_STOPPED = new Error('watchdog stopped');

export interface RequestPipelineOptions {
  /** As `host:port`, for errors. */
  broker: string;
  clientId: string;
  clock: Clock;
  splitter: FrameSplitter;
  inflightRequestsMax: number;
}

/** One request: how its frame is made, and how its answer is read. */
export interface PipelineRequest<Response> {
  name: string;
  apiKey: number;
  apiVersion: number;
  requestHeaderFlexible: boolean;
  responseHeaderFlexible: boolean;
  encode(writer: Writer): void;
  decode(reader: Reader): Response;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

interface QueuedRequest {
  readonly correlationId: number;
  readonly name: string;
  readonly segments: readonly Buffer[];
  readonly byteLength: number;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  sentAtMs: number;
  /** Reads the rest of the answer and settles the caller's promise, unless it is settled. */
  readonly answer: (reader: Reader) => void;
  /** Settles the caller's promise; without effect if it is settled. */
  readonly fail: (error: Error) => void;
}

/**
 * Requests and answers of one socket, in order (Kafka answers in the order of the requests).
 *
 *   #queue  [ sent | sent | sent | waiting | waiting ]
 *            ^ next answer        ^ #sentCount
 *
 * Requests made in one tick leave in one vectored write. A request that times out takes the socket
 * with it, so that its late answer cannot be mistaken for another's, nor it come there much later. One that is aborted keeps its
 * place, and its answer is dropped.
 */
export class RequestPipeline {
  readonly #socket: Duplex;
  readonly #options: RequestPipelineOptions;
  readonly #splitter: FrameSplitter;

  /** Invariant: 0 <= sentCount <= min(queue.length, inflightRequestsMax). */
  readonly #queue: QueuedRequest[] = [];
  #sentCount = 0;

  /** Bytes of the waiting requests. */
  #waitingBytes = 0;

  #flushScheduled = false;
  #nextCorrelationId = 0;

  /** Why nothing more is accepted; a graceful close sets it while answers are still due. */
  #refusal: Error | undefined;

  /** Fires at or before the earliest deadline in the queue. */
  #watchdog: { controller: AbortController; atMs: number } | undefined;

  /** Shortest time from a request to its answer, in ms. */
  roundTripMs = Infinity;

  /** What the broker sent and nobody could read: why the socket was given up. */
  badAnswer: BadAnswerError | undefined;

  /** Resolves once the socket is gone. */
  readonly closed: Promise<void>;
  #markClosed: () => void = () => {};

  constructor(socket: Duplex, options: RequestPipelineOptions) {
    assert(options.inflightRequestsMax >= 1);
    this.#socket = socket;
    this.#options = options;
    this.#splitter = options.splitter;
    this.closed = new Promise((resolve) => {
      this.#markClosed = resolve;
    });
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error) => this.#fail('connection failed', error));
    socket.on('close', () => this.#fail('connection closed by the broker'));
  }

  get usable(): boolean {
    return this.#refusal === undefined;
  }

  get inflightRequests(): number {
    return this.#queue.length;
  }

  /** Bytes that the broker has not taken yet. */
  get bufferedBytes(): number {
    return this.#socket.writableLength + this.#waitingBytes;
  }

  send<Response>(request: PipelineRequest<Response>): Promise<Response> {
    return new Promise<Response>((resolve, reject) => {
      const { signal } = request;
      signal?.throwIfAborted();
      if (this.#refusal !== undefined) throw this.#refusal;
      if (this.#queue.length - this.#sentCount >= WAITING_REQUESTS_MAX) {
        throw new RequestQueueFullError(this.#options.broker, WAITING_REQUESTS_MAX);
      }
      const frame = this.#encode(request);
      const onAbort = (): void => this.#abandon(queued, signal?.reason as Error);
      let settled = false;
      const release = (): void => {
        settled = true;
        signal?.removeEventListener('abort', onAbort);
      };
      const queued: QueuedRequest = {
        ...frame,
        name: request.name,
        timeoutMs: request.timeoutMs,
        deadlineMs: this.#options.clock.nowMs() + request.timeoutMs,
        sentAtMs: Infinity,
        answer: (reader) => {
          if (settled) return;
          if (request.responseHeaderFlexible) reader.skipTaggedFields();
          resolve(request.decode(reader));
          release();
        },
        fail: (error) => {
          reject(error);
          release();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(queued);
      this.#waitingBytes += queued.byteLength;
      this.#watch(queued.deadlineMs);
      this.#scheduleFlush();
    });
  }

  /** Refuses new requests and resolves once those under way are settled and the socket is gone. */
  close(): Promise<void> {
    this.#refusal ??= new ClosedError(`connection to ${this.#options.broker}`);
    if (this.#queue.length === 0) this.#teardown();
    return this.closed;
  }

  /** Immediate: whoever waits gets `reason` as the cause of a `ConnectionError`. */
  destroy(reason: Error): void {
    this.#fail('connection destroyed', reason);
  }

  #encode<Response>(
    request: PipelineRequest<Response>,
  ): Pick<QueuedRequest, 'correlationId' | 'segments' | 'byteLength'> {
    const correlationId = this.#nextCorrelationId;
    const writer = new Writer(REQUEST_BYTES_INITIAL)
      .writeInt32(0) // the frame's length, known at the end
      .writeInt16(request.apiKey)
      .writeInt16(request.apiVersion)
      .writeInt32(correlationId)
      .writeNullableString(this.#options.clientId);
    if (request.requestHeaderFlexible) writer.writeNoTaggedFields();
    request.encode(writer);
    const segments = writer.toSegments();
    const { byteLength } = writer;
    (segments[0] as Buffer).writeInt32BE(byteLength - LENGTH_BYTES, 0);
    // Taken only now: an encoder that throws must not leave a gap.
    this.#nextCorrelationId = correlationId === CORRELATION_ID_MAX ? 0 : correlationId + 1;
    return { correlationId, segments, byteLength };
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    process.nextTick(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const { inflightRequestsMax } = this.#options;
    const end = Math.min(this.#queue.length, inflightRequestsMax);
    if (this.#sentCount >= end) return;
    const nowMs = this.#options.clock.nowMs();
    this.#socket.cork();
    for (; this.#sentCount < end; this.#sentCount += 1) {
      const queued = this.#queue[this.#sentCount] as QueuedRequest;
      this.#waitingBytes -= queued.byteLength;
      queued.sentAtMs = nowMs;
      for (const segment of queued.segments) this.#socket.write(segment);
    }
    this.#socket.uncork();
  }

  #onData(chunk: Buffer): void {
    let due = this.#queue[0]?.name;
    try {
      for (const frame of this.#splitter.push(chunk)) {
        due = this.#queue[0]?.name;
        this.#onFrame(frame);
      }
    } catch (error) {
      this.badAnswer = new BadAnswerError(this.#options.broker, due ?? 'nothing', error);
      this.#fail('the broker sent something that cannot be read', this.badAnswer);
    }
  }

  #onFrame(frame: Buffer): void {
    const reader = new Reader(frame);
    const correlationId = reader.readInt32();
    const queued = this.#queue[0];
    if (this.#sentCount === 0 || queued?.correlationId !== correlationId) {
      throw new WireFormatError(
        'correlation id',
        0,
        `${correlationId} was not to be answered next`,
      );
    }
    this.#queue.shift();
    this.#sentCount -= 1;
    const tookMs = this.#options.clock.nowMs() - queued.sentAtMs;
    if (tookMs < this.roundTripMs) this.roundTripMs = tookMs;
    try {
      queued.answer(reader);
    } catch (error) {
      queued.fail(error as Error);
      throw error;
    }
    if (this.#queue.length > this.#sentCount) this.#scheduleFlush();
    else if (this.#queue.length === 0 && !this.usable) this.#teardown();
  }

  #abandon(queued: QueuedRequest, reason: Error): void {
    queued.fail(reason);
    const index = this.#queue.indexOf(queued);
    if (index < this.#sentCount) return; // its answer will come, and be dropped
    this.#removeWaiting(index);
  }

  #removeWaiting(index: number): void {
    const [removed] = this.#queue.splice(index, 1);
    this.#waitingBytes -= removed?.byteLength ?? 0;
    if (this.#queue.length === 0 && !this.usable) this.#teardown();
  }

  #watch(deadlineMs: number): void {
    if (this.#watchdog !== undefined) {
      if (this.#watchdog.atMs <= deadlineMs) return;
      this.#watchdog.controller.abort(WATCHDOG_STOPPED);
    }
    const { clock } = this.#options;
    const controller = new AbortController();
    this.#watchdog = { controller, atMs: deadlineMs };
    const waitMs = Math.max(0, Math.ceil(deadlineMs - clock.nowMs()));
    clock.sleep(waitMs, controller.signal).then(
      () => this.#onWatchdog(),
      () => {}, // stopped
    );
  }

  #onWatchdog(): void {
    this.#watchdog = undefined;
    const nowMs = this.#options.clock.nowMs();
    let earliestMs = Infinity;
    let expired: TimeoutError | undefined;
    for (let index = this.#queue.length - 1; index >= 0; index -= 1) {
      const queued = this.#queue[index] as QueuedRequest;
      if (queued.deadlineMs > nowMs) {
        earliestMs = Math.min(earliestMs, queued.deadlineMs);
        continue;
      }
      const what = `${queued.name} at ${this.#options.broker}`;
      const error = new TimeoutError(what, queued.timeoutMs);
      queued.fail(error);
      if (index < this.#sentCount) expired = error;
      else this.#removeWaiting(index);
    }
    if (expired !== undefined) return this.#fail('a request timed out', expired);
    if (earliestMs !== Infinity) this.#watch(earliestMs);
  }

  #fail(message: string, cause?: unknown): void {
    const { broker } = this.#options;
    const errorFor = (sent: boolean): Error =>
      new ConnectionError(message, { broker, sent, cause });
    this.#refusal ??= errorFor(false);
    const orphans = this.#queue.splice(0);
    const { length: orphanCount } = orphans;
    for (let index = 0; index < orphanCount; index += 1) {
      (orphans[index] as QueuedRequest).fail(errorFor(index < this.#sentCount));
    }
    this.#teardown();
  }

  #teardown(): void {
    const isUnanswered = this.#sentCount > 0;
    this.#sentCount = 0;
    this.#waitingBytes = 0;
    this.#watchdog?.controller.abort(WATCHDOG_STOPPED);
    this.#watchdog = undefined;
    this.#socket.removeAllListeners('data');
    // What was given up must not come there after what is done instead of it.
    if (isUnanswered) revokeSocket(this.#socket);
    else this.#socket.destroy();
    this.#markClosed();
  }
}
