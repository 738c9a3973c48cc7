import { Duplex } from 'node:stream';
import { FrameSplitter, Reader } from '../wire/index.js';
import { formatAddress, type Address } from './socket.js';

/** A request as it goes over the wire behind its correlation id and client id. */
export interface RelayedRequest {
  readonly address: Address;
  readonly apiKey: number;
  readonly apiVersion: number;
  /** With the tagged fields of its header, if it has any. */
  readonly body: Buffer;
}

/**
 * Has somebody else send a request to a broker, and resolves with the answer behind its correlation
 * id. A rejection means that the outcome is unknown.
 */
export type BrokerRelay = (request: RelayedRequest, signal: AbortSignal) => Promise<Buffer>;

const INT32_BYTES = 4;

/**
 * Looks like a socket to a broker that only others reach. Requests are relayed one after the other,
 * as a broker works on those of one socket; if one is not answered the socket is broken, and what
 * was under way is unknown, as with any other.
 */
export class RelaySocket extends Duplex {
  readonly #address: Address;
  readonly #relay: BrokerRelay;
  readonly #splitter: FrameSplitter;
  readonly #stop = new AbortController();
  /** Ends with the last request's answer. */
  #answered: Promise<void> = Promise.resolve();

  constructor(address: Address, relay: BrokerRelay, frameBytesMax: number) {
    super();
    this.#address = address;
    this.#relay = relay;
    this.#splitter = new FrameSplitter(frameBytesMax);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    try {
      for (const frame of this.#splitter.push(chunk)) this.#send(frame);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  /** Answers are pushed when they come: their number is bounded by the requests in flight. */
  override _read(): void {}

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stop.abort(error ?? new Error(`the relay to ${formatAddress(this.#address)} is closed`));
    done(error);
  }

  #send(frame: Buffer): void {
    const reader = new Reader(frame);
    const apiKey = reader.readInt16();
    const apiVersion = reader.readInt16();
    const correlationId = reader.readInt32();
    reader.readNullableString(); // the client's name: whoever sends it has its own
    const body = reader.readRemainingView();
    const request = { address: this.#address, apiKey, apiVersion, body };
    this.#answered = this.#answered
      .then(() => this.#relay(request, this.#stop.signal))
      .then((answer) => {
        const header = Buffer.alloc(2 * INT32_BYTES);
        header.writeInt32BE(INT32_BYTES + answer.length, 0);
        header.writeInt32BE(correlationId, INT32_BYTES);
        this.push(header);
        this.push(answer);
      })
      .catch((error: unknown) => {
        this.destroy(error as Error);
      });
  }
}
