import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { describeError } from '../errors.js';
import type { Metrics } from '../telemetry/metrics.js';
import { formatAddress, ListenError, type ListenAddress } from './listen-address.js';

/** The answer of a probe: `ok`, or the reasons why not. */
export interface ProbeAnswer {
  ok: boolean;
  reasons?: readonly string[];
}

export interface HttpEndpointOptions {
  /** The configuration key of the address, for error messages. */
  key: string;
  listen: ListenAddress;
  metrics: Metrics;
  /** Whether the process does its work at all; false asks the supervisor for a restart. */
  healthy: () => ProbeAnswer;
  /** Whether it can serve now. */
  ready: () => ProbeAnswer;
}

/** `/healthz`, `/readyz` and `/metrics` of a service. */
export class HttpEndpoint {
  readonly address: string;
  readonly #server: Server;

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  static async open(options: HttpEndpointOptions): Promise<HttpEndpoint> {
    const server = createServer((request, response) => {
      answer(options, request, response).catch((error: unknown) => {
        response.statusCode = 500;
        response.end(`${describeError(error)}\n`);
      });
    });
    const { host, port } = options.listen;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) =>
        reject(
          new ListenError(
            `${options.key}: cannot listen on ${formatAddress(host, port)}; free the port or set another address`,
            { cause },
          ),
        ),
      );
      server.listen(port, host, resolve);
    });
    const bound = server.address() as AddressInfo;
    return new HttpEndpoint(server, formatAddress(host, bound.port));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function answer(
  options: HttpEndpointOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url?.split('?', 1)[0];
  if (path === '/healthz') sendProbe(response, options.healthy());
  else if (path === '/readyz') sendProbe(response, options.ready());
  else if (path === '/metrics') {
    const text = await options.metrics.text();
    response.setHeader('content-type', options.metrics.contentType);
    response.end(text);
  } else {
    response.statusCode = 404;
    response.end('not found; this address serves /healthz, /readyz and /metrics\n');
  }
}

function sendProbe(response: ServerResponse, probe: ProbeAnswer): void {
  response.statusCode = probe.ok ? 200 : 503;
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify({ ok: probe.ok, reasons: probe.reasons ?? [] })}\n`);
}
