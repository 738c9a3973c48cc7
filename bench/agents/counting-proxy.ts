import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { GrpcCounter } from './grpc-counter.js';

export interface Traffic {
  readonly messages: number;
  readonly bytes: number;
}

/** What went through a line, since it is there. */
export interface LineTraffic {
  /** From clients to the server. */
  readonly up: Traffic;
  readonly down: Traffic;
}

/** A line to a gRPC server that counts what passes. */
export class CountingProxy {
  readonly #targetPort: number;
  readonly #up: GrpcCounter[] = [];
  readonly #down: GrpcCounter[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#accept(socket));

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  /** Resolves to `host:port`. */
  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  traffic(): LineTraffic {
    return { up: sum(this.#up), down: sum(this.#down) };
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(near: Socket): void {
    const far = connect(this.#targetPort, '127.0.0.1');
    const [up, down] = [new GrpcCounter(), new GrpcCounter()];
    this.#up.push(up);
    this.#down.push(down);
    pass({ from: near, to: far, counter: up });
    pass({ from: far, to: near, counter: down });
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.setNoDelay();
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        near.destroy();
        far.destroy();
        this.#sockets.delete(socket);
      });
    }
  }
}

function pass({ from, to, counter }: { from: Socket; to: Socket; counter: GrpcCounter }): void {
  from.on('data', (bytes: Buffer) => {
    counter.push(bytes);
    if (!to.write(bytes)) from.pause();
  });
  to.on('drain', () => from.resume());
}

function sum(counters: readonly GrpcCounter[]): Traffic {
  let [messages, bytes] = [0, 0];
  for (const counter of counters) {
    messages += counter.messages;
    bytes += counter.bytes;
  }
  return { messages, bytes };
}
