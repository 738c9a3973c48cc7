/** The application of the story: takes orders and payments, and a consumer group that handles them. */
import type { Consumer, EachBatchPayload, KafkaMessage, Message, Producer } from 'kafkajs';
import { Kafka, logLevel } from 'kafkajs';
import { setTimeout as delay } from 'node:timers/promises';
import type { SentRecord } from './verdict.js';

export const GROUP = 'order-processor';
export const TOPICS = { orders: 4, payments: 2 } as const;

export type TopicName = keyof typeof TOPICS;

/** Each tick writes one request: orders, and payments for half of them. */
const TICK_MS = 50;
const ORDERS_PER_TICK = 60;
const CUSTOMERS = 997;

/** Of kafkajs: with 100 ms doubling, a dead cluster is given up after about three seconds. */
const RETRIES_MAX = 4;
const CONNECT_MS_MAX = 3_000;

/** Small enough that the slow reader gets around its partitions several times a second. */
const FETCH_BYTES_PER_PARTITION_MAX = 32 * 1024;
const COMMIT_RECORDS_MAX = 200;

const ID_HEADER = 'id';

export function connect(bootstrapServers: string): Kafka {
  return new Kafka({
    clientId: 'order-service',
    brokers: bootstrapServers.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: CONNECT_MS_MAX,
    retry: { initialRetryTime: 100, retries: RETRIES_MAX },
  });
}

function makeRecord(topic: TopicName, number: number, fields: Record<string, unknown>): SentRecord {
  const customer = number % CUSTOMERS;
  const id = `${topic.slice(0, -1)}-${String(number).padStart(7, '0')}`;
  return {
    topic,
    partition: customer % TOPICS[topic],
    id,
    key: `customer-${customer}`,
    value: JSON.stringify({ id, customer: `customer-${customer}`, ...fields }),
    timestampMs: Date.now(),
    acknowledgedAtMs: undefined,
  };
}

function toMessage(record: SentRecord): Message {
  return {
    partition: record.partition,
    key: record.key,
    value: record.value,
    headers: { [ID_HEADER]: record.id },
    timestamp: String(record.timestampMs),
  };
}

/** The unique id that a record carries in its header; undefined when it has none. */
export function idOf(headers: KafkaMessage['headers']): string | undefined {
  return headers?.[ID_HEADER]?.toString();
}

/** Writes until it is stopped or the cluster is gone; what was acknowledged is known by id. */
export class OrderWriter {
  /** In the order of sending, which within a partition is the order on the broker. */
  readonly sent: SentRecord[] = [];
  acknowledged = 0;
  failure: Error | undefined;
  readonly #producer: Producer;
  #running: Promise<void> | undefined;
  #orders = 0;
  #stopped = false;
  #onAcknowledged: (() => void) | undefined;

  constructor(bootstrapServers: string) {
    this.#producer = connect(bootstrapServers).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
    });
  }

  async start(): Promise<void> {
    await this.#producer.connect();
    this.#running = this.#run();
  }

  /** Calls back once, in the very turn in which the next acknowledgement arrives. */
  onNextAcknowledgement(callback: () => void): void {
    this.#onAcknowledged = callback;
  }

  /** Resolves when nothing is sent any more, which for a dead cluster takes its retries. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await this.#producer.disconnect().catch(() => undefined);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const nextTick = delay(TICK_MS);
      try {
        await this.#send();
      } catch (error) {
        this.failure = error as Error;
        return;
      }
      await nextTick;
    }
  }

  async #send(): Promise<void> {
    const batch: Record<TopicName, SentRecord[]> = { orders: [], payments: [] };
    for (let count = 0; count < ORDERS_PER_TICK; count++) {
      const number = ++this.#orders;
      const cents = 500 + ((number * 7_919) % 90_000);
      batch.orders.push(makeRecord('orders', number, { cents, currency: 'EUR' }));
      if (number % 2 > 0) continue;
      batch.payments.push(makeRecord('payments', number, { cents, method: 'card' }));
    }
    const records = [...batch.orders, ...batch.payments];
    this.sent.push(...records);
    const topicMessages = Object.entries(batch).map(([topic, each]) => ({
      topic,
      messages: each.map(toMessage),
    }));
    await this.#producer.sendBatch({ acks: -1, topicMessages });
    const nowMs = performance.now();
    for (const record of records) record.acknowledgedAtMs = nowMs;
    this.acknowledged += records.length;
    this.#onAcknowledged?.();
    this.#onAcknowledged = undefined;
  }
}

export interface GroupReaderOptions {
  readonly bootstrapServers: string;
  readonly topics: readonly string[];
  /** Work that takes its time; as fast as it can if absent. */
  readonly recordsPerSecond?: number;
}

/** One member of the group: handles some records, commits, and goes on. */
export class GroupReader {
  /** Ids in the order of delivery, with repeats. */
  readonly delivered: string[] = [];
  /** Ids whose commit the cluster acknowledged, with repeats. */
  readonly committed: string[] = [];
  /** The next offset to read, by `topic:partition`. */
  readonly positions = new Map<string, bigint>();
  firstAtMs: number | undefined;
  failure: Error | undefined;
  readonly #options: GroupReaderOptions;
  readonly #consumer: Consumer;
  #stopping = false;
  /** Settled while no batch is in hand. */
  #inHand: Promise<void> = Promise.resolve();

  constructor(options: GroupReaderOptions) {
    this.#options = options;
    this.#consumer = connect(options.bootstrapServers).consumer({
      groupId: GROUP,
      maxBytesPerPartition: FETCH_BYTES_PER_PARTITION_MAX,
      maxWaitTimeInMs: 200,
    });
    this.#consumer.on('consumer.crash', ({ payload }) => {
      // A new broker is still loading its groups when the first one comes: kafkajs tries again.
      if (!payload.restart) this.failure = payload.error;
    });
  }

  async start(): Promise<void> {
    await this.#consumer.connect();
    // A group without a position would begin at the start, and repeat everything: it would show.
    await this.#consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (payload) => (this.#inHand = this.#handle(payload)),
    });
  }

  /** Finishes what it has in hand, commits it, and leaves the group. */
  async stop(): Promise<void> {
    this.#stopping = true;
    // kafkajs drops commits without a word once it is told to stop.
    await this.#inHand;
    await this.#consumer.stop();
    await this.#consumer.disconnect();
  }

  async #handle(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const { topic, partition, messages } = batch;
    for (let start = 0; start < messages.length; start += COMMIT_RECORDS_MAX) {
      if (this.#stopping || !payload.isRunning() || payload.isStale()) return;
      const some = messages.slice(start, start + COMMIT_RECORDS_MAX);
      const ids = some.map(({ headers }) => idOf(headers) ?? 'a record without id');
      this.firstAtMs ??= performance.now();
      this.delivered.push(...ids);
      const { recordsPerSecond } = this.#options;
      if (recordsPerSecond !== undefined) await delay((some.length / recordsPerSecond) * 1_000);
      const last = some.at(-1)?.offset ?? batch.lastOffset();
      const next = BigInt(last) + 1n;
      await this.#consumer.commitOffsets([{ topic, partition, offset: String(next) }]);
      payload.resolveOffset(last);
      this.committed.push(...ids);
      this.positions.set(`${topic}:${partition}`, next);
      await payload.heartbeat();
    }
  }
}
