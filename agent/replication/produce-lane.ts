import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { BrokerConnection, KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import {
  produce,
  produceById,
  type ProducePartition,
  type ProducePartitionResponse,
} from '../../kafka/messages/produce.js';
import { appendFailureOf, unanswered } from './append-outcome.js';
import { PRODUCE_LINGER_BYTES, PRODUCE_REQUEST_BYTES_MAX, PRODUCE_TIMEOUT_MS } from './limits.js';
import { paceOf, type Pace } from './pace.js';
import type { Append, PartitionCopier } from './partition-copier.js';

/** Beyond the broker's own timeout, so that a slow answer is not taken for a lost one. */
const REQUEST_TIMEOUT_MS = PRODUCE_TIMEOUT_MS + 15_000;

export interface ProduceLaneOptions {
  cluster: KafkaCluster;
  nodeId: number;
  /** Names the connection: partitions of one lane share it, and keep their order on it. */
  lane: string;
  clock: Clock;
  log: Logger;
  /** The connection failed: what was in flight is unknown, and metadata may be stale. */
  onFailure: (error: unknown) => void;
}

/**
 * The outbox for one connection to one target broker. Takes one batch per partition and request,
 * which is all a broker accepts, and keeps several requests in flight.
 */
export class ProduceLane {
  readonly #options: ProduceLaneOptions;
  /** Copiers with something to send, in the order in which they are served; each once. */
  readonly #ready = new Set<PartitionCopier>();
  #requestsInflight = 0;
  #connection: BrokerConnection | undefined;
  #connecting = false;

  constructor(options: ProduceLaneOptions) {
    this.#options = options;
  }

  /** Announces that a copier has something to send. Cheap, and safe to repeat. */
  offer(copier: PartitionCopier): void {
    if (!copier.hasAppend) return;
    this.#ready.add(copier);
    this.#pump();
  }

  #pump(): void {
    // Without work nothing is to be connected: a broker that is gone would be asked for again for ever.
    if (this.#ready.size === 0) return;
    const connection = this.#usableConnection();
    if (connection === undefined) return;
    const pace = paceOf(connection.roundTripMs);
    while (this.#ready.size > 0 && this.#requestsInflight < pace.requestsInflightMax) {
      const lingers = this.#requestsInflight >= pace.lingerFromRequests;
      if (lingers && this.#readyBytes() < PRODUCE_LINGER_BYTES) return;
      const appends = this.#gather(pace);
      if (appends.length === 0) return;
      this.#requestsInflight += 1;
      void this.#send(connection, appends);
    }
  }

  #readyBytes(): number {
    let bytes = 0;
    for (const copier of this.#ready) {
      bytes += copier.queuedBytes;
      if (bytes >= PRODUCE_LINGER_BYTES) break;
    }
    return bytes;
  }

  #gather(pace: Pace): Append[] {
    const appends: Append[] = [];
    let bytes = 0;
    for (const copier of [...this.#ready]) {
      if (bytes >= PRODUCE_REQUEST_BYTES_MAX) break;
      this.#ready.delete(copier);
      copier.appendPace = pace;
      const append = copier.take();
      if (append === undefined) continue;
      appends.push(append);
      bytes += append.batch.length;
      if (copier.hasAppend) this.#ready.add(copier); // behind the others: each gets its turn
    }
    return appends;
  }

  async #send(connection: BrokerConnection, appends: Append[]): Promise<void> {
    let answers: Answers | undefined;
    try {
      answers = await request(connection, appends);
    } catch (error) {
      this.#connection = undefined;
      this.#options.onFailure(error);
    }
    this.#requestsInflight -= 1;
    settle(appends, answers, this.#options.clock);
    for (const { copier } of appends) if (copier.hasAppend) this.#ready.add(copier);
    this.#pump();
  }

  #usableConnection(): BrokerConnection | undefined {
    if (this.#connection?.usable === true) return this.#connection;
    void this.#connect();
    return undefined;
  }

  async #connect(): Promise<void> {
    if (this.#connecting) return;
    this.#connecting = true;
    this.#connection = undefined;
    const { cluster, nodeId, lane, log } = this.#options;
    try {
      this.#connection = await cluster.connection(nodeId, lane);
    } catch (error) {
      log.warn({ nodeId, lane, error: describeError(error) }, 'no connection to the target broker');
      const waiting = [...this.#ready];
      this.#ready.clear();
      for (const copier of waiting) copier.restart(describeError(error));
      this.#options.onFailure(error);
    } finally {
      this.#connecting = false;
    }
    if (this.#connection !== undefined) this.#pump();
  }
}

/** By `topic:partition`, the topic as it was addressed. */
type Answers = ReadonlyMap<string, ProducePartitionResponse>;

/**
 * By topic id where the broker can: a topic that was deleted and made again would take the batch as
 * the first that it sees of this producer, wherever it was meant to land.
 */
async function request(connection: BrokerConnection, appends: readonly Append[]): Promise<Answers> {
  const byId = connection.supports(produceById.key, produceById.version);
  const topics = new Map<string, ProducePartition[]>();
  for (const { copier, batch } of appends) {
    const { targetTopic, targetTopicId, partition: partitionIndex } = copier.assignment;
    const topic = byId ? targetTopicId : targetTopic;
    const partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, [{ partitionIndex, records: batch }]);
    else partitions.push({ partitionIndex, records: batch });
  }
  const shared = { transactionalId: null, acks: -1, timeoutMs: PRODUCE_TIMEOUT_MS } as const;
  const options = { timeoutMs: REQUEST_TIMEOUT_MS };
  const answers = new Map<string, ProducePartitionResponse>();
  const note = (topic: string, partitions: readonly ProducePartitionResponse[]): void => {
    for (const each of partitions) answers.set(`${topic}:${each.partitionIndex}`, each);
  };
  if (byId) {
    const addressed = [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
    const all = { ...shared, topics: addressed };
    const response = await connection.request(produceById, all, options);
    for (const { topicId, partitions } of response.topics) note(topicId, partitions);
  } else {
    const addressed = [...topics].map(([name, partitions]) => ({ name, partitions }));
    const all = { ...shared, topics: addressed };
    const response = await connection.request(produce, all, options);
    for (const { name, partitions } of response.topics) note(name, partitions);
  }
  return answers;
}

/** Without answers, or where they leave a partition out, the outcome is unknown. */
function settle(appends: readonly Append[], answers: Answers | undefined, clock: Clock): void {
  for (const append of appends) {
    const { copier } = append;
    const { targetTopic, targetTopicId, partition } = copier.assignment;
    const answer =
      answers?.get(`${targetTopicId}:${partition}`) ?? answers?.get(`${targetTopic}:${partition}`);
    if (answer === undefined) copier.appendFailed(append, unanswered(append));
    else if (answer.errorCode === ErrorCode.NONE) {
      copier.appended(append, answer.baseOffset);
      copier.latency.add(clock.nowMs(), {
        value: Math.max(0, clock.wallMs() - Number(append.maxTimestamp)),
        records: append.count,
        bytes: append.batch.length,
      });
    } else {
      copier.appendFailed(append, appendFailureOf(append, answer.errorCode, answer.errorMessage));
    }
  }
}
