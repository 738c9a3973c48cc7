import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import type { Clock } from '../../common/clock.js';
import { ClosedError, MirrorError, TimeoutError, describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { Api } from '../messages/api.js';
import { ErrorCode } from '../messages/error-codes.js';
import { findCoordinator } from '../messages/find-coordinator.js';
import { metadata } from '../messages/metadata.js';
import { FramePool } from '../wire/index.js';
import { abortable } from './abortable.js';
import { askInTurn } from './ask-in-turn.js';
import { backoffMs } from './backoff.js';
import type { BrokerConnection } from './broker-connection.js';
import { ConnectionPool } from './connection-pool.js';
import {
  CoordinatorFinder,
  isCoordinatorError,
  type CoordinatorKey,
} from './coordinator-finder.js';
import { ClusterUnreachableError, ConnectionError } from './errors.js';
import { MetadataCache, type ClusterMetadata, type PartitionLeader } from './metadata-cache.js';
import {
  OffsetLookup,
  type FoundOffset,
  type OffsetLookupOptions,
  type TopicPartition,
} from './offset-lookup.js';
import type { BrokerRelay } from './relay-socket.js';
import type { RequestOptions } from './request-options.js';
import type { SecurityOptions } from './security.js';
import { formatAddress, parseAddress, type Address } from './socket.js';

/** Of a large cluster, this many brokers that do not answer are proof enough. */
const ADDRESSES_TRIED_MAX = 16;

/** How often a request goes looking for its coordinator before the answer is the caller's. */
const COORDINATOR_ATTEMPTS_MAX = 8;

const LANE_DEFAULT = 'control';

export interface KafkaClusterOptions {
  /** The cluster's name in configuration, for errors and logs. */
  alias: string;
  /** Each as `host:port`; one that answers is enough. */
  bootstrapServers: readonly string[];
  clientId: string;
  clock: Clock;
  log: Logger;
  security?: SecurityOptions | undefined;
  /** How requests get to brokers that are not reached from here; see RelaySocket. */
  relay?: BrokerRelay | undefined;
  connectTimeoutMs?: number | undefined;
  requestTimeoutMs?: number | undefined;
  frameBytesMax?: number | undefined;
  inflightRequestsMax?: number | undefined;
  /** From [0, 1): spreads the load and the retries of many clients. */
  random?: (() => number) | undefined;
}

export type RequestTarget = 'any' | 'controller' | { nodeId: number } | CoordinatorKey;

export interface ClusterRequestOptions extends RequestOptions {
  /** Each lane has its own socket to a broker, which works on one request of a socket at a time. */
  lane?: string | undefined;
}

/** One Kafka cluster: finds brokers, leaders and coordinators, and holds the sockets to them. */
export class KafkaCluster implements AsyncDisposable {
  readonly alias: string;

  /** Memory of large answers; whoever is done with all of one may give it back. */
  readonly frames = new FramePool();

  readonly #options: KafkaClusterOptions;
  readonly #random: () => number;
  readonly #bootstrap: readonly Address[];
  readonly #pool: ConnectionPool;
  readonly #cache = new MetadataCache();
  readonly #coordinators: CoordinatorFinder;

  /** Metadata questions under way, joined by all who have the same one. */
  readonly #refreshing = new Map<string, Promise<ClusterMetadata>>();

  /** Ends shared work, which no single caller's signal may end. */
  readonly #stop = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(options: KafkaClusterOptions) {
    const { alias, clock, log, random = Math.random } = options;
    this.alias = alias;
    this.#options = options;
    this.#random = random;
    this.#bootstrap = rotate(options.bootstrapServers.map(requireAddress), random());
    assert(this.#bootstrap.length > 0, `cluster ${alias} has no bootstrap servers`);
    const connection = { ...options, frames: this.frames };
    this.#pool = new ConnectionPool({ connection, clock, log, random });
    const { signal } = this.#stop;
    setMaxListeners(0, signal); // every shared wait listens to it
    this.#coordinators = new CoordinatorFinder({
      clock,
      random,
      signal,
      ask: (request) => this.#askAny(findCoordinator, request, { signal, repeatable: true }),
      learn: ({ nodeId, host, port }) =>
        this.#cache.learnBroker({ nodeId, host, port, rack: null }),
    });
  }

  /** Asks for the named topics, or for all (null), and renews the cache with the answer. */
  metadata(
    topics: readonly string[] | null,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<ClusterMetadata> {
    const key = topics === null ? '*' : JSON.stringify([...topics].sort());
    let refreshing = this.#refreshing.get(key);
    if (refreshing === undefined) {
      refreshing = this.#refresh(topics).finally(() => this.#refreshing.delete(key));
      this.#refreshing.set(key, refreshing);
    }
    return abortable(refreshing, options.signal);
  }

  /** From the cache: undefined while the partition is unknown or has no leader. */
  leaderOf(topic: string, partition: number): PartitionLeader | undefined {
    return this.#cache.leaderOf(topic, partition);
  }

  /** From the cache. */
  topicIdOf(topic: string): string | undefined {
    return this.#cache.topic(topic)?.topicId;
  }

  /** From the cache. */
  topicNameOf(topicId: string): string | undefined {
    return this.#cache.topicName(topicId);
  }

  /** From the cache. */
  get nodeIds(): number[] {
    return this.#cache.brokers.map(({ nodeId }) => nodeId);
  }

  /** From the cache: the node that is at this address. */
  nodeAt({ host, port }: Address): number | undefined {
    const found = this.#cache.brokers.find((each) => each.host === host && each.port === port);
    return found?.nodeId;
  }

  /** The socket of this lane to this node: shared, and opened again when it is broken. */
  async connection(
    nodeId: number,
    lane: string,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<BrokerConnection> {
    if (this.#cache.broker(nodeId) === undefined) await this.metadata([], options);
    const address = this.#cache.broker(nodeId);
    if (address === undefined) {
      const broker = `node ${nodeId} of ${this.alias}`;
      throw new ConnectionError('the cluster does not list it', { broker, sent: false });
    }
    return this.#pool.get(addressOf(address), lane, options.signal);
  }

  /**
   * Sends one request to where it belongs. What may have been carried out is never sent twice: with
   * 'any' the next broker is tried, and with a coordinator a new one looked for, only while nothing
   * was sent or the broker says that it did nothing.
   */
  // eslint-disable-next-line @typescript-eslint/max-params -- reads as a sentence: to whom, what, how
  async request<Request, Response>(
    to: RequestTarget,
    api: Api<Request, Response>,
    request: Request,
    options: ClusterRequestOptions = {},
  ): Promise<Response> {
    const { lane = LANE_DEFAULT } = options;
    if (to === 'any') return this.#askAny(api, request, options);
    if (to === 'controller') {
      if (this.#cache.controllerId < 0) await this.metadata([], options);
      const nodeId = this.#cache.controllerId;
      if (nodeId < 0) return this.#askAny(api, request, options);
      return this.request({ nodeId }, api, request, options);
    }
    if ('nodeId' in to) {
      const connection = await this.connection(to.nodeId, lane, options);
      return connection.request(api, request, options);
    }
    return this.#askCoordinator(to, { api, request, options });
  }

  /** Where an answer shows that a coordinator has moved: the next request looks for it again. */
  forgetCoordinator(key: CoordinatorKey): void {
    this.#coordinators.forget(key);
  }

  /**
   * Offsets by timestamp (or TIMESTAMP_LATEST and its like) under `topic:partition`. Leaders are
   * followed; what is still wrong after a few attempts is in each entry's `errorCode`.
   */
  listOffsets(
    partitions: readonly TopicPartition[],
    timestamp: bigint,
    options: OffsetLookupOptions = {},
  ): Promise<Map<string, FoundOffset>> {
    const lookup = new OffsetLookup(this, timestamp, options);
    return lookup.run(partitions, { clock: this.#options.clock, random: this.#random });
  }

  /** Graceful and idempotent: requests under way are answered or time out. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      const reason = new ClosedError(`cluster ${this.alias}`);
      this.#stop.abort(reason);
      this.#closing = this.#pool.close(reason);
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #refresh(topics: readonly string[] | null): Promise<ClusterMetadata> {
    const request = { topics, allowAutoTopicCreation: false };
    const options = { signal: this.#stop.signal, repeatable: true };
    const response = await this.#askAny(metadata, request, options);
    const answer = this.#cache.apply(response, topics === null);
    this.#pool.retain([...this.#cache.brokers.map(addressOf), ...this.#bootstrap]);
    return answer;
  }

  /** `repeatable` says that asking twice changes nothing. */
  #askAny<Request, Response>(
    api: Api<Request, Response>,
    request: Request,
    options: ClusterRequestOptions & { repeatable?: boolean },
  ): Promise<Response> {
    const { lane = LANE_DEFAULT, signal, repeatable = false } = options;
    const attempts: { address: string; problem: string }[] = [];
    const ask = async (address: Address): Promise<Response> => {
      const connection = await this.#pool.get(address, lane, signal);
      return connection.request(api, request, options);
    };
    const mayAskNext = (address: Address, error: unknown): boolean => {
      attempts.push({ address: formatAddress(address), problem: describeError(error) });
      return mayAskAnother(error, repeatable);
    };
    const allFailed = (): Error => new ClusterUnreachableError(this.alias, attempts);
    const clock = repeatable ? this.#options.clock : undefined;
    return askInTurn(this.#candidates(lane), { ask, mayAskNext, allFailed, clock });
  }

  /** Connected ones first, then those that need not wait, then in the order in which they failed. */
  #candidates(lane: string): Address[] {
    const known = this.#cache.brokers.map(addressOf);
    const unique = new Map<string, Address>();
    for (const address of [...known, ...this.#bootstrap]) {
      unique.set(formatAddress(address), address);
    }
    const ranked = [...unique.values()].map((address) => ({
      address,
      rank: this.#pool.hasUsable(address, lane) ? -1 : this.#pool.backoffLeftMs(address),
    }));
    ranked.sort((left, right) => left.rank - right.rank);
    return ranked.slice(0, ADDRESSES_TRIED_MAX).map(({ address }) => address);
  }

  async #askCoordinator<Request, Response>(
    key: CoordinatorKey,
    question: { api: Api<Request, Response>; request: Request; options: ClusterRequestOptions },
  ): Promise<Response> {
    const { api, request, options } = question;
    const { clock, log } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt === COORDINATOR_ATTEMPTS_MAX;
      const nodeId = await this.#coordinators.find(key, options.signal);
      try {
        const response = await this.request({ nodeId }, api, request, options);
        const errorCode = api.coordinatorError?.(response) ?? ErrorCode.NONE;
        if (!isCoordinatorError(errorCode)) return response;
        // One that is still loading is the right one all the same.
        if (errorCode !== ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) this.#coordinators.forget(key);
        if (last) return response;
        log.debug({ ...key, nodeId, errorCode }, 'coordinator is not ready');
      } catch (error) {
        if (error instanceof ConnectionError || error instanceof TimeoutError) {
          this.#coordinators.forget(key);
        }
        if (last || !mayAskAnother(error, false)) throw error;
      }
      await clock.sleep(backoffMs(attempt, this.#random()), options.signal);
    }
  }
}

function mayAskAnother(error: unknown, repeatable: boolean): boolean {
  if (error instanceof ConnectionError && !error.sent) return true;
  return repeatable && error instanceof MirrorError && error.retriable;
}

function addressOf({ host, port }: Address): Address {
  return { host, port };
}

function requireAddress(text: string): Address {
  const address = parseAddress(text);
  assert(address !== undefined, `'${text}' is not host:port`); // configuration checks it first
  return address;
}

/** So that a crowd of clients with one configuration does not meet at its first server. */
function rotate<T>(items: readonly T[], random: number): T[] {
  const start = Math.floor(items.length * random);
  return [...items.slice(start), ...items.slice(0, start)];
}
