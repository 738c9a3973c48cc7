import {
  Metadata,
  status,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ServiceError,
} from '@grpc/grpc-js';

import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { NOT_REACHED } from '../../common/not-reached.js';
import type { TlsFiles } from '../../mirror/config/mirror-config.js';
import {
  AgentServiceClient,
  type AgentMessage,
  type CoordinatorMessage,
  type Hello,
} from '../../proto/gen/mirror/v1/agent.js';
import type { MapRun, WorkItem } from '../../proto/gen/mirror/v1/common.js';
import { channelCredentials } from './channel-credentials.js';

/** Metadata in which a standby names the leader. */
const LEADER_KEY = 'mirror-leader';

const RECONNECT_MIN_MS = 100;
const RECONNECT_MAX_MS = 2_000;

/** A stream that is open but says nothing is found dead by pings: twice this, at the latest. */
const PING_INTERVAL_MS = 5_000;

const FIND_TIMEOUT_MS = 5_000;

export interface CoordinatorLinkOptions {
  /** `host:port` of all coordinators; one of them leads. */
  coordinators: readonly string[];
  tls: TlsFiles;
  clock: Clock;
  log: Logger;
  /** The first message of each new stream. */
  hello: () => Hello;
  onMessage: (message: CoordinatorMessage) => void;
  onDisconnected: () => void;
}

type Stream = ClientDuplexStream<AgentMessage, CoordinatorMessage>;

/**
 * The agent's one stream to whichever coordinator leads. Always outbound; reconnects for as long as
 * it runs, goes where a standby points, and tells its owner about each loss.
 */
export class CoordinatorLink {
  readonly #options: CoordinatorLinkOptions;
  readonly #credentials: ChannelCredentials;
  #client: AgentServiceClient | undefined;
  #stream: Stream | undefined;
  #congested = false;
  #redirect: string | undefined;
  #next = 0;
  #failures = 0;

  constructor(options: CoordinatorLinkOptions) {
    this.#options = options;
    this.#credentials = channelCredentials(options.tls);
  }

  get connected(): boolean {
    return this.#stream !== undefined;
  }

  /** False while the coordinator takes no more: reports that can wait should. */
  get writable(): boolean {
    return this.#stream !== undefined && !this.#congested;
  }

  /** Returns false when there is no stream; whoever sends says it again after the next welcome. */
  send(message: NonNullable<AgentMessage['message']>): boolean {
    if (this.#stream === undefined) return false;
    if (!this.#stream.write({ message })) this.#congested = true;
    return true;
  }

  /** Says hello anew, on a new stream; the session goes on. */
  reconnect(): void {
    this.#stream?.end();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      const address = this.#address();
      const ended = await this.#session(address, signal);
      if (signal.aborted) return;
      this.#redirect = leaderOf(ended);
      this.#failures += 1;
      log.warn(
        {
          ...{ coordinator: address, leader: this.#redirect, error: ended?.details },
          hint:
            ended?.code === status.UNAVAILABLE
              ? tlsHint(ended.details, this.#options.tls)
              : undefined,
        },
        'no session',
      );
      const wait = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(this.#failures, 6));
      await clock.sleep(wait, signal).catch(() => undefined);
    }
  }

  /** The runs of a partition's map from the one that holds `targetOffset`; empty if unknown. */
  findMapEntry(item: WorkItem, targetOffset: bigint): Promise<MapRun[]> {
    const client = this.#client;
    if (client === undefined) return Promise.reject(new Error('no coordinator is connected'));
    return new Promise((resolve, reject) => {
      const deadline = new Date(this.#options.clock.wallMs() + FIND_TIMEOUT_MS);
      client.findMapEntry({ item, targetOffset }, new Metadata(), { deadline }, (error, answer) => {
        if (error === null) resolve(answer.runs);
        else reject(error);
      });
    });
  }

  #address(): string {
    const { coordinators } = this.#options;
    return this.#redirect ?? coordinators[this.#next++ % coordinators.length]!;
  }

  /** One stream, from its opening to its end; resolves with the error that ended it, if any. */
  async #session(address: string, signal: AbortSignal): Promise<ServiceError | undefined> {
    const client = new AgentServiceClient(address, this.#credentials, {
      'grpc.keepalive_time_ms': PING_INTERVAL_MS,
      'grpc.keepalive_timeout_ms': PING_INTERVAL_MS,
      'grpc.max_receive_message_length': 16 * 1024 * 1024,
    });
    const stream = client.session();
    const abort = (): void => void stream.end();
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await this.#converse(client, stream);
    } finally {
      signal.removeEventListener('abort', abort);
      this.#client = undefined;
      this.#stream = undefined;
      client.close();
      this.#options.onDisconnected();
    }
  }

  #converse(client: AgentServiceClient, stream: Stream): Promise<ServiceError | undefined> {
    const { hello, log } = this.#options;
    return new Promise((resolve) => {
      stream.on('data', (message: CoordinatorMessage) => {
        this.#failures = 0;
        try {
          this.#options.onMessage(message);
        } catch (error) {
          log.error(
            { error: describeError(error) },
            'a message of the coordinator was not understood',
          );
        }
      });
      stream.on('drain', () => (this.#congested = false));
      stream.on('error', (error: ServiceError) => resolve(error));
      stream.on('end', () => resolve(undefined));
      this.#client = client;
      this.#stream = stream;
      this.#congested = false;
      stream.write({ message: { $case: 'hello', value: hello() } });
    });
  }
}

/** A peer that breaks off says no more than this, whatever did not please it. */
const BROKEN_OFF = /ECONNRESET|EPIPE|Protocol error|Failed to connect|socket/i;

function tlsHint(details: string, { ca, cert }: TlsFiles): string | undefined {
  if (NOT_REACHED.test(details)) return undefined;
  if (ca === null && cert === null) {
    if (!BROKEN_OFF.test(details)) return undefined;
    return 'if the coordinator has coordinator.tls.cert, set agent.tls.ca to the CA that signed it';
  }
  return (
    'agent.tls.ca names the CA that signed coordinator.tls.cert, which must be for the address called; ' +
    'where coordinator.tls.ca is set, that CA must have signed agent.tls.cert'
  );
}

function leaderOf(error: ServiceError | undefined): string | undefined {
  if (error?.code !== status.FAILED_PRECONDITION) return undefined;
  const leader = error.metadata.get(LEADER_KEY)[0];
  return typeof leader === 'string' && leader !== '' ? leader : undefined;
}
