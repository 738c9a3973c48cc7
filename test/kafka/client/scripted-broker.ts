import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { apiVersions } from '../../../kafka/messages/api-versions.js';
import { FrameSplitter, Reader, Writer } from '../../../kafka/wire/index.js';

export interface ReceivedRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  /** What follows the header, whose tagged fields are taken off. */
  readonly body: Reader;
  readonly socket: Socket;
}

/**
 * A TCP server that answers ApiVersions by itself and leaves the rest to the test: for what a real
 * broker does not do when asked, such as to answer late, to hang up, or to lie.
 */
export class ScriptedBroker {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #received: ReceivedRequest[] = [];
  readonly #waiting: ((request: ReceivedRequest) => void)[] = [];

  /** Every socket that was ever accepted. */
  accepted = 0;

  /** Called with each socket when it is accepted; may destroy it. */
  onSocket: (socket: Socket) => void = () => {};

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#serve(socket));
  }

  static async listen(): Promise<ScriptedBroker> {
    const broker = new ScriptedBroker(createServer());
    broker.#server.listen(0, '127.0.0.1');
    await once(broker.#server, 'listening');
    return broker;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The next request that is not ApiVersions. */
  next(): Promise<ReceivedRequest> {
    const request = this.#received.shift();
    if (request !== undefined) return Promise.resolve(request);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    this.accepted += 1;
    this.#sockets.add(socket);
    this.onSocket(socket);
    const splitter = new FrameSplitter(1024 * 1024);
    socket.on('error', () => {}); // the tests cut connections on purpose
    socket.on('data', (chunk: Buffer) => {
      for (const frame of splitter.push(chunk)) this.#receive(frame, socket);
    });
  }

  #receive(frame: Buffer, socket: Socket): void {
    const body = new Reader(frame);
    const apiKey = body.readInt16();
    const apiVersion = body.readInt16();
    const correlationId = body.readInt32();
    body.readNullableString();
    body.skipTaggedFields();
    const request = { apiKey, apiVersion, correlationId, body, socket };
    if (apiKey === apiVersions.key) return answer(request, versionsBody(), { flexible: false });
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#received.push(request);
    else waiting(request);
  }
}

/** Writes the answer to a request; flexible unless told otherwise. */
export function answer(
  { socket, correlationId }: Pick<ReceivedRequest, 'socket' | 'correlationId'>,
  body: Buffer,
  { flexible }: { flexible: boolean } = { flexible: true },
): void {
  const header = new Writer().writeInt32(correlationId);
  if (flexible) header.writeNoTaggedFields();
  const head = header.toBuffer();
  socket.write(new Writer().writeInt32(head.length + body.length).toBuffer());
  socket.write(head);
  socket.write(body);
}

/** Offers every API up to version 99, but EndTxn (26) up to 2 only, and no key above 60. */
function versionsBody(): Buffer {
  const keys = Array.from({ length: 61 }, (_, key) => key);
  return new Writer()
    .writeInt16(0)
    .writeCompactArray(keys, (writer, key) =>
      writer
        .writeInt16(key)
        .writeInt16(0)
        .writeInt16(key === 26 ? 2 : 99)
        .writeNoTaggedFields(),
    )
    .writeInt32(0)
    .writeNoTaggedFields()
    .toBuffer();
}
