import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { Clock } from '../../common/clock.js';
import {
  formatAddress,
  ListenError,
  parseListenAddress,
} from '../../common/service/listen-address.js';
import { AgentServiceService } from '../../proto/gen/mirror/v1/agent.js';
import { OperatorServiceService } from '../../proto/gen/mirror/v1/operator.js';
import { agentService, type ServiceOptions } from './agent-service.js';
import {
  CLIENT_PING_INTERVAL_MIN_MS,
  KEEPALIVE_INTERVAL_MS,
  KEEPALIVE_TIMEOUT_MS,
  MESSAGE_BYTES_MAX,
  SHUTDOWN_WAIT_MAX_MS,
} from './limits.js';
import { operatorService } from './operator-service.js';
import { addReflection } from './reflection.js';
import { TransportRefusals } from './transport-refusals.js';

/** PEM, as read from files. With a `ca`, clients must show a certificate that it signed. */
export interface ServerTls {
  readonly ca: Buffer | null;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface GrpcServerOptions extends ServiceOptions {
  /** The configuration key of the address, for error messages. */
  readonly key: string;
  readonly listen: string;
  readonly tls?: ServerTls | undefined;
}

/** Services that are up only on the leader; the process itself, '', is up as long as it answers. */
const LEADER_SERVICES = ['mirror.v1.AgentService', 'mirror.v1.OperatorService'];

export class GrpcServer {
  /** host:port as bound. */
  readonly address: string;
  readonly #server: Server;
  readonly #health: HealthImplementation;
  readonly #clock: Clock;

  private constructor(bound: {
    server: Server;
    health: HealthImplementation;
    address: string;
    clock: Clock;
  }) {
    this.#server = bound.server;
    this.#health = bound.health;
    this.#clock = bound.clock;
    this.address = bound.address;
  }

  static async open(options: GrpcServerOptions): Promise<GrpcServer> {
    const { key, listen, tls, clock } = options;
    // It writes lines of its own to standard error, about what is thrown or logged here anyway.
    setLogVerbosity(logVerbosity.NONE);
    const { host, port } = parseListenAddress(key, listen);
    const refusals = new TransportRefusals();
    const server = new Server({
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
      'grpc.keepalive_time_ms': KEEPALIVE_INTERVAL_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.http2.min_ping_interval_without_data_ms': CLIENT_PING_INTERVAL_MIN_MS,
      // Two coordinators on one port would share its connections, and neither would say so.
      'grpc.so_reuseport': 0,
      interceptors: [refusals.interceptor],
    });
    server.addService(AgentServiceService, agentService({ ...options, refusals }));
    server.addService(OperatorServiceService, operatorService(options));
    const health = new HealthImplementation({ '': 'SERVING' });
    health.addToServer(server);
    addReflection(server);
    const bound = await bind(server, formatAddress(host, port), credentialsOf(tls)).catch(
      (cause: unknown) => {
        throw new ListenError(
          `${key}: cannot listen on ${formatAddress(host, port)}; free the port or set another address`,
          { cause },
        );
      },
    );
    const opened = new GrpcServer({ server, health, clock, address: formatAddress(host, bound) });
    opened.setLeading(false);
    return opened;
  }

  /** What the standard health service says. */
  setLeading(leading: boolean): void {
    for (const service of LEADER_SERVICES)
      this.#health.setStatus(service, leading ? 'SERVING' : 'NOT_SERVING');
  }

  /** Lets calls under way finish, for a while. Idempotent in effect. */
  async close(): Promise<void> {
    const done = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    const enough = new AbortController();
    const giveUp = this.#clock.sleep(SHUTDOWN_WAIT_MAX_MS, enough.signal).then(
      () => this.#server.forceShutdown(),
      () => {}, // done in time
    );
    await Promise.race([done, giveUp]);
    enough.abort();
  }
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

function credentialsOf(tls: ServerTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { private_key: tls.key, cert_chain: tls.cert };
  return ServerCredentials.createSsl(tls.ca, [pair], tls.ca !== null);
}
