import { createHash } from 'node:crypto';
import type { Admin, IHeaders, KafkaJSError, Message, Producer } from 'kafkajs';
import { eventually } from './eventually.js';
import { connectKafkajs, type Connection } from './kafkajs-client.js';

const BATCH_RECORDS = 100;
const VALUE_BYTES = 100;
const HASH_CHARACTERS = 16;
const PERSIST_MS_MAX = 60_000;
const PERSIST_INTERVAL_MS = 200;

/** A busy broker makes some tens of partitions a second. */
const CREATE_MS_MAX = 300_000;

/** kafkajs asks a controller to answer within five seconds, and takes it for a refusal if it does not. */
export const CONTROLLER_MS_MAX = 25_000;

/** What a unique value says about itself. */
export interface UniqueValue {
  readonly topic: string;
  readonly partition: number;
  readonly producer: string;
  /** Counts up from 0 for each producer and partition. */
  readonly n: number;
  readonly payload: string;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_CHARACTERS);
}

/** One JSON line; its hash covers everything else, so that a changed value shows by itself. */
export function encodeUnique(value: UniqueValue): Buffer {
  const text = JSON.stringify(value);
  return Buffer.from(`${hashOf(text)} ${text}`);
}

/** The parts of a unique value; undefined when it is none, or was changed. */
export function decodeUnique(bytes: Buffer): UniqueValue | undefined {
  const text = bytes.toString();
  const json = text.slice(HASH_CHARACTERS + 1);
  return text.startsWith(`${hashOf(json)} `) ? (JSON.parse(json) as UniqueValue) : undefined;
}

export interface WriteOptions {
  readonly topic: string;
  /** The partitions to write to, round robin by batches; the default is 0 alone. */
  readonly partitions?: readonly number[];
  /** Names the writer; two writers of one topic need two names. */
  readonly producer?: string;
  /** Records for each partition; with a signal the default is to go on until it is aborted. */
  readonly count?: number;
  /** The first `n`: for a writer that goes on where it stopped. */
  readonly from?: number;
  readonly batchRecords?: number;
  readonly valueBytes?: number;
  readonly headers?: (n: number) => IHeaders;
  readonly key?: (n: number) => Buffer | string | null;
  /** Milliseconds; the default is the time of writing. */
  readonly timestamp?: (n: number) => number;
  /** Between two batches of one partition: for a load that lasts. */
  readonly pauseMs?: number;
  readonly signal?: AbortSignal;
}

export interface Written {
  /** Records that the brokers acknowledged. */
  readonly acknowledged: number;
  /** The next `n` for each partition, in the order of `partitions`. */
  readonly next: number;
}

function makeMessages(
  options: WriteOptions,
  partition: number,
  range: [number, number],
): Message[] {
  const { topic, producer = 'writer' } = options;
  const messages: Message[] = [];
  for (let n = range[0]; n < range[1]; n++) {
    const payload = 'x'.repeat(options.valueBytes ?? VALUE_BYTES);
    messages.push({
      partition,
      key: options.key === undefined ? `${producer}-${n}` : options.key(n),
      value: encodeUnique({ topic, partition, producer, n, payload }),
      ...(options.headers === undefined ? {} : { headers: options.headers(n) }),
      ...(options.timestamp === undefined ? {} : { timestamp: String(options.timestamp(n)) }),
    });
  }
  return messages;
}

/** kafkajs gives up when the broker it asks first is down; the caller wants the write. */
async function persist<T>(attempt: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const deadlineMs = performance.now() + PERSIST_MS_MAX;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const { retriable } = error as KafkaJSError;
      if (!retriable || signal?.aborted === true || performance.now() > deadlineMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, PERSIST_INTERVAL_MS));
    }
  }
}

async function writeAll(producer: Producer, options: WriteOptions): Promise<Written> {
  const { topic, signal, partitions = [0], from = 0, batchRecords = BATCH_RECORDS } = options;
  const end = from + (options.count ?? (signal === undefined ? BATCH_RECORDS : Infinity));
  let next = from;
  let acknowledged = 0;
  while (next < end && signal?.aborted !== true) {
    const until = Math.min(end, next + batchRecords);
    for (const partition of partitions) {
      const messages = makeMessages(options, partition, [next, until]);
      // A batch that failed keeps its sequence numbers, so the broker drops what it has already.
      const taken = await persist(() => producer.send({ topic, acks: -1, messages }), signal);
      // kafkajs sends nothing to a partition that no broker has told it of, and finds nothing wrong.
      if (taken.length === 0)
        throw new Error(`${topic}-${partition} is not known, nothing was sent`);
      acknowledged += messages.length;
    }
    next = until;
    const { pauseMs } = options;
    if (pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return { acknowledged, next };
}

/** Writes records whose values occur once, in order and without repeats, with acks=all. */
export async function writeUnique(connection: Connection, options: WriteOptions): Promise<Written> {
  const kafka = connectKafkajs(connection);
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
  });
  await persist(() => producer.connect(), options.signal);
  try {
    return await writeAll(producer, options);
  } finally {
    await producer.disconnect();
  }
}

/** kafkajs waits as well, and fails if a broker has not heard of the topic when it first looks. */
async function waitForLeaders(admin: Admin, topics: string[]): Promise<void> {
  const haveLeaders = async (): Promise<boolean> => {
    try {
      const metadata = await admin.fetchTopicMetadata({ topics });
      return metadata.topics.every(({ partitions }) =>
        partitions.every(
          ({ leader, partitionErrorCode }) => leader >= 0 && partitionErrorCode === 0,
        ),
      );
    } catch (error) {
      if ((error as KafkaJSError).retriable) return false;
      throw error;
    }
  };
  await eventually(haveLeaders, () => topics, CREATE_MS_MAX);
}

/** Creates topics and waits until they can be written to. */
export async function createTopics(
  connection: Connection,
  topics: readonly {
    readonly topic: string;
    readonly partitions?: number;
    readonly replicas?: number;
    readonly config?: Readonly<Record<string, string>>;
  }[],
): Promise<void> {
  const admin = connectKafkajs(connection).admin();
  await admin.connect();
  try {
    await admin.createTopics({
      waitForLeaders: false,
      timeout: CONTROLLER_MS_MAX,
      topics: topics.map(({ topic, partitions, replicas, config }) => ({
        topic,
        numPartitions: partitions ?? 1,
        ...(replicas === undefined ? {} : { replicationFactor: replicas }),
        configEntries: Object.entries(config ?? {}).map(([name, value]) => ({ name, value })),
      })),
    });
    await waitForLeaders(
      admin,
      topics.map(({ topic }) => topic),
    );
  } finally {
    await admin.disconnect();
  }
}

/** One replica for each partition, on the broker with the id at its place in `leaders`. */
export async function createAssigned(
  connection: Connection,
  topic: string,
  leaders: readonly number[],
): Promise<void> {
  const admin = connectKafkajs(connection).admin();
  await admin.connect();
  try {
    const replicaAssignment = leaders.map((nodeId, partition) => ({
      partition,
      replicas: [nodeId],
    }));
    await admin.createTopics({
      waitForLeaders: false,
      timeout: CONTROLLER_MS_MAX,
      topics: [{ topic, numPartitions: -1, replicationFactor: -1, replicaAssignment }],
    });
    await waitForLeaders(admin, [topic]);
  } finally {
    await admin.disconnect();
  }
}
