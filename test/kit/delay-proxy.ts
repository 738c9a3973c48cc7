import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { systemClock } from '../../common/clock.js';
import { HERE } from './network-place.js';

/**
 * A TCP link with a round-trip time, between clients and one server: every chunk is passed on, in
 * order, half the round trip after it came. Bandwidth is not limited, except by what may be on the
 * way at once. Faults can be switched on while it works; they apply to every connection of the link.
 *
 *   client ──► [queue of (due time, chunk)] ──► server     'up'
 *   client ◄── [queue of (due time, chunk)] ◄── server     'down'
 */
export type Direction = 'up' | 'down';

/** On the way in one direction of one connection; beyond it the sender is not read from. */
const QUEUED_BYTES_MAX = 128 * 1024 * 1024;

export interface DelayProxyOptions {
  /** Both directions together. */
  readonly roundTripMs: number;
  /** The one to listen on; any free one unless told. */
  readonly port?: number;
  /** Where it listens, and where its server is. */
  readonly host?: string;
}

interface Chunk {
  readonly dueMs: number;
  readonly bytes: Buffer;
}

/** What is to happen at a byte of the link, counted over all connections of one direction. */
interface ByteFault {
  readonly direction: Direction;
  bytesLeft: number;
  readonly kind: 'cut' | 'flip' | 'replay';
}

/** One direction of one connection. */
class DelayedPipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #link: DelayProxy;
  readonly #direction: Direction;
  readonly #queue: Chunk[] = [];
  #queuedBytes = 0;
  #ended = false;
  #stranded = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(link: DelayProxy, direction: Direction, ends: { from: Socket; to: Socket }) {
    this.#link = link;
    this.#direction = direction;
    this.#from = ends.from;
    this.#to = ends.to;
    this.#from.on('data', (bytes: Buffer) => this.#push(bytes));
    this.#from.on('end', () => {
      this.#ended = true;
      this.pump();
    });
    this.#to.on('drain', () => this.pump());
  }

  /** Passes on what is due. Safe to call at any time. */
  pump(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#link.held || this.#stranded || this.#to.destroyed || this.#to.writableNeedDrain)
      return;
    const nowMs = systemClock.nowMs();
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      if (head.dueMs > nowMs) {
        this.#timer = setTimeout(() => this.pump(), Math.max(1, head.dueMs - nowMs));
        return;
      }
      this.#queue.shift();
      this.#queuedBytes -= head.bytes.length;
      const bytes = this.#link.applyFaults(this.#direction, head.bytes);
      if (this.#from.isPaused() && this.#queuedBytes < QUEUED_BYTES_MAX) this.#from.resume();
      const full = !this.#to.write(bytes);
      // The bytes before the cut must still arrive, so this end is closed behind them.
      if (bytes.length < head.bytes.length) {
        this.#to.destroySoon();
        return;
      }
      if (full) return;
    }
    if (this.#ended) this.#to.end();
  }

  /** Keeps what is on the way until `deliver`, whatever becomes of its sender. */
  strand(): void {
    this.#stranded = true;
  }

  /** Passes on what was stranded; resolves with its bytes once its receiver has answered. */
  async deliver(): Promise<number> {
    const bytes = this.#queuedBytes;
    this.#stranded = false;
    const answered = new Promise((resolve) => {
      this.#to.once('data', resolve);
      this.#to.once('close', resolve);
    });
    this.pump();
    if (bytes > 0) await answered;
    return bytes;
  }

  /** Whether its sender has said that nothing more comes. */
  get ended(): boolean {
    return this.#ended;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }

  #push(bytes: Buffer): void {
    const dueMs = systemClock.nowMs() + this.#link.oneWayMs;
    this.#queue.push({ dueMs, bytes });
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes >= QUEUED_BYTES_MAX) this.#from.pause();
    if (this.#timer === undefined) this.pump();
  }
}

/** Listens before it has a server, so that a server can be told to advertise this address. */
export class DelayProxy {
  /** Half of the round trip; a change applies to what comes after it. */
  oneWayMs: number;
  readonly #server: Server;
  readonly #host: string;
  readonly #sockets = new Set<Socket>();
  readonly #pipes = new Set<DelayedPipe>();
  readonly #faults: ByteFault[] = [];
  /** By the sockets of its clients. */
  readonly #pairs = new Map<Socket, { readonly up: DelayedPipe; readonly server: Socket }>();
  #serverPort = 0;
  #held = false;

  private constructor(options: DelayProxyOptions) {
    this.oneWayMs = options.roundTripMs / 2;
    this.#host = options.host ?? HERE.host;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (client) =>
      this.#accept(client),
    );
  }

  static async start(options: DelayProxyOptions): Promise<DelayProxy> {
    const proxy = new DelayProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(options.port ?? 0, proxy.#host, resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get held(): boolean {
    return this.#held;
  }

  /** Connections that come from now on lead to this port of its host. */
  leadTo(serverPort: number): void {
    this.#serverPort = serverPort;
  }

  /** Passes nothing on, and loses nothing, until `release`. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    for (const pipe of this.#pipes) pipe.pump();
  }

  /** Breaks all connections; new ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /**
   * Breaks all connections for their clients, and for the server not yet: what clients had sent comes
   * to it when the answer of this is called, as late as that may be. Answers are lost.
   */
  strand(): () => Promise<number> {
    const stranded = [...this.#pairs];
    for (const [client, { up }] of stranded) {
      up.strand();
      this.#pairs.delete(client);
      client.destroy();
    }
    return async () => {
      let bytes = 0;
      for (const [, { up, server }] of stranded) {
        bytes += await up.deliver();
        server.destroy();
      }
      return bytes;
    };
  }

  /** Breaks the connection on which the last of this many more bytes has passed. */
  cutAfter(direction: Direction, bytes: number): void {
    this.#faults.push({ direction, bytesLeft: bytes, kind: 'cut' });
  }

  /** Inverts the lowest bit of the byte that comes after this many more have passed. */
  flipBitAfter(direction: Direction, bytes: number): void {
    this.#faults.push({ direction, bytesLeft: bytes, kind: 'flip' });
  }

  /** How many faults were asked for and have not come yet. */
  get faultsLeft(): number {
    return this.#faults.length;
  }

  /** Forgets the faults that were asked for and have not come yet. */
  mend(): void {
    this.#faults.length = 0;
  }

  /** Passes the next bytes that come on, and then all of them again. */
  replayNext(direction: Direction): void {
    this.#faults.push({ direction, bytesLeft: 0, kind: 'replay' });
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The bytes to pass on: fewer than came when the link is to be cut among them, or twice as many. */
  applyFaults(direction: Direction, bytes: Buffer): Buffer {
    let passed = bytes;
    for (const fault of this.#faults.filter((each) => each.direction === direction)) {
      if (fault.bytesLeft >= bytes.length) {
        fault.bytesLeft -= bytes.length;
        continue;
      }
      this.#faults.splice(this.#faults.indexOf(fault), 1);
      if (fault.kind === 'cut') passed = passed.subarray(0, fault.bytesLeft);
      else if (fault.kind === 'replay') passed = Buffer.concat([passed, passed]);
      else bytes[fault.bytesLeft]! ^= 1;
    }
    return passed;
  }

  #accept(client: Socket): void {
    const server = connect({
      port: this.#serverPort,
      host: this.#host,
      noDelay: true,
      allowHalfOpen: true,
    });
    const up = new DelayedPipe(this, 'up', { from: client, to: server });
    const pipes = [up, new DelayedPipe(this, 'down', { from: server, to: client })];
    this.#pairs.set(client, { up, server });
    for (const pipe of pipes) this.#pipes.add(pipe);
    const breakBoth = (): void => {
      for (const pipe of pipes) {
        pipe.close();
        this.#pipes.delete(pipe);
      }
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined); // its close tells the same
      socket.on('close', (failed) => {
        this.#sockets.delete(socket);
        if (socket === client && !this.#pairs.delete(client)) return; // stranded
        // After an orderly end, what it said last may still be on its way to the other.
        const bothEnded = pipes.every((pipe) => pipe.ended);
        if (failed || !bothEnded || (client.destroyed && server.destroyed)) breakBoth();
      });
    }
  }
}
