import type { Clock } from '../../common/clock.js';
import { backoffMs, type KafkaCluster, type TopicPartition } from '../client/index.js';
import { addPartitionsToTxn } from '../messages/add-partitions-to-txn.js';
import { describeProducers } from '../messages/describe-producers.js';
import { endTxn } from '../messages/end-txn.js';
import { describeErrorCode, ErrorCode } from '../messages/error-codes.js';
import { initProducerId } from '../messages/init-producer-id.js';
import { ensureSuccess, FenceMissedError, KafkaApiError } from './errors.js';
import type { AdminCallOptions } from './topic-admin.js';

/**
 * Producer ids and their epochs. A fence bumps the epoch and has the transaction coordinator write
 * the new one into each partition, as the abort marker of a transaction without records: from then
 * on the partition refuses every older epoch (INVALID_PRODUCER_EPOCH).
 *
 *   InitProducerId ─► AddPartitionsToTxn ─► EndTxn(abort) ─► markers ─► DescribeProducers agrees
 *     epoch + 1         where markers go      answered before the markers are written
 *
 * Each step may be repeated from the start: a crash in between leaves an epoch that was bumped and,
 * at worst, an empty transaction, which the next InitProducerId aborts. A partition that got its marker
 * before the crash is told by its producers, and gets no second one.
 */

/** A fence that is left half done is aborted by the coordinator after this. */
const TRANSACTION_TIMEOUT_MS = 60_000;

/** With the client's backoff, half a minute: a fresh cluster must first make its topic. */
const ATTEMPTS_MAX = 20;

/** Of one transaction, so that its record in the transaction log stays far below 1 MiB. */
const PARTITIONS_PER_FENCE_MAX = 1_000;

/** Spreads the retries of one process well enough; no crowd shares a transactional id. */
const JITTER_NONE = 0.5;

export interface ProducerIdentity {
  producerId: bigint;
  producerEpoch: number;
}

export interface Fence extends ProducerIdentity {
  transactionalId: string;
  /** `producerId` and `producerEpoch` are the ones to fence: the last that was handed out. */
  partitions: readonly FencedPartition[];
}

export interface FencedPartition extends TopicPartition {
  /** The last epoch that was handed out for this partition, if it is not the fence's. */
  producerEpoch?: number;
}

interface Context {
  cluster: KafkaCluster;
  clock: Clock;
  signal: AbortSignal | undefined;
}

/** Obtains the producer of a transactional id, with an epoch that nobody had before. */
export async function obtainProducer(
  cluster: KafkaCluster,
  options: { transactionalId: string; clock: Clock } & AdminCallOptions,
): Promise<ProducerIdentity> {
  const { transactionalId, clock, signal } = options;
  const request = {
    transactionalId,
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    producerId: -1n,
    producerEpoch: -1,
  };
  return whileBusy({ cluster, clock, signal }, async () => {
    const response = await cluster.request({ transactionalId }, initProducerId, request, {
      signal,
    });
    const { errorCode, producerId, producerEpoch } = response;
    ensureSuccess({ api: initProducerId.name, subject: transactionalId, errorCode });
    return { producerId, producerEpoch };
  });
}

/**
 * Fences every epoch up to `fence.producerEpoch` out of the partitions and returns the new epoch.
 * When it resolves, each partition's leader has it. Costs one offset in each partition; the next
 * sequence of the new epoch is 0.
 */
export async function fencePartitions(
  cluster: KafkaCluster,
  fence: Fence,
  options: { clock: Clock } & AdminCallOptions,
): Promise<number> {
  const { transactionalId, partitions } = fence;
  const context: Context = { cluster, clock: options.clock, signal: options.signal };
  const actual = await obtainProducer(cluster, { transactionalId, ...options });
  if (actual.producerId !== fence.producerId || actual.producerEpoch <= fence.producerEpoch) {
    const { producerId, producerEpoch } = fence;
    throw new FenceMissedError(transactionalId, {
      expected: { producerId, producerEpoch },
      actual,
    });
  }
  // An earlier fence's markers are all written by now: obtaining the producer waited for them.
  const handedOut = (item: FencedPartition): number => item.producerEpoch ?? fence.producerEpoch;
  const unfenced = await withoutMarker(
    context,
    { producerId: actual.producerId, epochOf: (item) => handedOut(item) + 1 },
    partitions,
  );
  for (let start = 0; start < unfenced.length; start += PARTITIONS_PER_FENCE_MAX) {
    const chunk = unfenced.slice(start, start + PARTITIONS_PER_FENCE_MAX);
    await writeMarkers(context, { transactionalId, ...actual }, chunk);
  }
  return actual.producerEpoch;
}

async function writeMarkers(
  context: Context,
  producer: ProducerIdentity & { transactionalId: string },
  partitions: readonly TopicPartition[],
): Promise<void> {
  const { cluster, signal } = context;
  const { transactionalId } = producer;
  const key = { transactionalId };
  const add = { ...producer, topics: byTopic(partitions) };
  await whileBusy(context, async () => {
    const { results } = await cluster.request(key, addPartitionsToTxn, add, { signal });
    const entries = results.flatMap(({ name, partitions: each }) =>
      each.map((entry) => ({ subject: `${name}-${entry.partitionIndex}`, ...entry })),
    );
    // All or none: the others say OPERATION_NOT_ATTEMPTED, and only one says why.
    const cause = entries.find(
      ({ errorCode }) =>
        errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.OPERATION_NOT_ATTEMPTED,
    );
    const worst = cause ?? entries.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
    if (worst === undefined) return;
    const { subject, errorCode } = worst;
    const named = `${transactionalId}, partition ${subject}`;
    throw new KafkaApiError({ api: addPartitionsToTxn.name, subject: named, errorCode });
  });
  const end = { ...producer, committed: false };
  await whileBusy(context, async () => {
    const { errorCode } = await cluster.request(key, endTxn, end, { signal });
    ensureSuccess({ api: endTxn.name, subject: transactionalId, errorCode });
  });
  await waitForMarkers(context, producer, partitions);
}

/** EndTxn is answered before the markers are written; a fence that returned then would be a race. */
async function waitForMarkers(
  context: Context,
  producer: ProducerIdentity,
  partitions: readonly TopicPartition[],
): Promise<void> {
  const { cluster, clock, signal } = context;
  let waiting = [...partitions];
  for (let attempt = 1; ; attempt++) {
    const { producerId, producerEpoch } = producer;
    waiting = await withoutMarker(context, { producerId, epochOf: () => producerEpoch }, waiting);
    const first = waiting[0];
    if (first === undefined) return;
    if (attempt === ATTEMPTS_MAX) {
      throw new KafkaApiError({
        api: describeProducers.name,
        subject: `${first.topic}-${first.partition}`,
        errorCode: ErrorCode.REQUEST_TIMED_OUT,
        brokerMessage: `${waiting.length} partitions have no marker of the new epoch`,
      });
    }
    await clock.sleep(backoffMs(attempt, JITTER_NONE), signal);
    if (attempt > 1) await cluster.metadata(topicsOf(waiting), { signal });
  }
}

/** The partitions whose leader does not know the epoch, or a later one, yet. */
async function withoutMarker<Item extends TopicPartition>(
  context: Context,
  producer: { producerId: bigint; epochOf: (item: Item) => number },
  partitions: readonly Item[],
): Promise<Item[]> {
  const { cluster, signal } = context;
  if (partitions.some(({ topic, partition }) => !cluster.leaderOf(topic, partition))) {
    await cluster.metadata(topicsOf(partitions), { signal });
  }
  const byLeader = new Map<number, Item[]>();
  const waiting: Item[] = [];
  for (const item of partitions) {
    const leader = cluster.leaderOf(item.topic, item.partition);
    const group = leader && byLeader.get(leader.nodeId);
    if (leader === undefined) waiting.push(item);
    else if (group === undefined) byLeader.set(leader.nodeId, [item]);
    else group.push(item);
  }
  for (const [nodeId, group] of byLeader) {
    const topics = byTopic(group).map(({ name, partitions: indexes }) => ({
      name,
      partitionIndexes: indexes,
    }));
    const response = await cluster.request({ nodeId }, describeProducers, { topics }, { signal });
    const epochs = new Map<string, number>();
    for (const { name, partitions: answers } of response.topics) {
      for (const { partitionIndex, errorCode, errorMessage, activeProducers } of answers) {
        const subject = `${name}-${partitionIndex}`;
        if (!describeErrorCode(errorCode).retriable) {
          const api = describeProducers.name;
          ensureSuccess({ api, subject, errorCode, brokerMessage: errorMessage });
        }
        const known = activeProducers.find((active) => active.producerId === producer.producerId);
        if (known) epochs.set(subject, known.producerEpoch);
      }
    }
    for (const item of group) {
      const epoch = epochs.get(`${item.topic}-${item.partition}`);
      if (epoch === undefined || epoch < producer.epochOf(item)) waiting.push(item);
    }
  }
  return waiting;
}

/** Repeats while the coordinator is being found, loads, or still ends an earlier transaction. */
async function whileBusy<T>(context: Context, attemptOnce: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptOnce();
    } catch (error) {
      if (!(error instanceof KafkaApiError) || !isBusy(error.errorCode)) throw error;
      if (attempt === ATTEMPTS_MAX) throw error;
      await context.clock.sleep(backoffMs(attempt, JITTER_NONE), context.signal);
    }
  }
}

function isBusy(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ||
    errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE ||
    errorCode === ErrorCode.NOT_COORDINATOR ||
    errorCode === ErrorCode.CONCURRENT_TRANSACTIONS
  );
}

function byTopic(items: readonly TopicPartition[]): { name: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of items) {
    const partitions = topics.get(topic);
    if (partitions) partitions.push(partition);
    else topics.set(topic, [partition]);
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}

function topicsOf(items: readonly TopicPartition[]): string[] {
  return [...new Set(items.map(({ topic }) => topic))];
}
